package topn

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/planner/physical"
)

// onePage holds what a limit saves.
type onePage struct {
	name string
	data []byte
}

func (p *onePage) Put(name string, data []byte) { p.name, p.data = name, data }
func (p *onePage) Keep(string)                  {}
func (p *onePage) Names() []string              { return []string{p.name} }

func (p *onePage) Get(name string) ([]byte, error) {
	if name != p.name {
		return nil, state.ErrNotFound
	}
	return p.data, nil
}

// TestLimitRestored: a limit that is made anew between batches passes as many rows
// as one that was not.
func TestLimitRestored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &physical.Limit{Count: rapid.Int64Range(0, 20).Draw(t, "count"), Offset: rapid.Int64Range(0, 10).Draw(t, "offset")}
		ctx, alloc := context.Background(), memory.DefaultAllocator
		one, err := NewLimit(n)
		if err != nil {
			t.Fatal(err)
		}
		other, _ := NewLimit(n)
		passed := func(op operators.Operator, b stream.Batch) (rows int64, done bool) {
			out := &collector{}
			err := op.ProcessBatch(ctx, 0, b, out)
			return int64(len(out.rows)), err != nil
		}
		for range 8 {
			rows := make([]row, rapid.IntRange(1, 7).Draw(t, "rows"))
			for i := range rows {
				rows[i] = drawRow(t, int64(i))
			}
			b := batchOf(alloc, rows)
			a, aDone := passed(one, b)
			c, cDone := passed(other, b)
			b.Release()
			if a != c || aDone != cDone {
				t.Fatalf("%d rows and %v, restored %d and %v", a, aDone, c, cDone)
			}
			var p onePage
			if err := other.Snapshot(ctx, &p); err != nil {
				t.Fatal(err)
			}
			other, _ = NewLimit(n)
			if err := other.Open(ctx, &operators.Runtime{State: &p}); err != nil {
				t.Fatal(err)
			}
			for cut := range p.data {
				bad, _ := NewLimit(n)
				if bad.Open(ctx, &operators.Runtime{State: &onePage{p.name, p.data[:cut]}}) == nil {
					t.Fatalf("%d bytes of a page are taken", cut)
				}
			}
		}
	})
}

func TestSortIsNotSaved(t *testing.T) {
	op, err := NewSort(&physical.Sort{In: retracting(), Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	if op.Snapshot(t.Context(), &onePage{}) == nil {
		t.Fatal("a sort has a snapshot")
	}
}

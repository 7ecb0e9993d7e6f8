package fill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// result is a row of an aggregation: a window of a group, and what it shows.
type result struct {
	end  int64
	key  string
	n    *int64
	x    *float64
	d    *int64
	text *string
}

func (r result) String() string {
	show := func(v any, null bool) string {
		if null {
			return "NULL"
		}
		return fmt.Sprint(v)
	}
	out := fmt.Sprintf("%d %q", r.end, r.key)
	for _, v := range []any{r.n, r.x, r.d, r.text} {
		switch v := v.(type) {
		case *int64:
			if v == nil {
				out += " NULL"
			} else {
				out += " " + show(*v, false)
			}
		case *float64:
			if v == nil {
				out += " NULL"
			} else {
				out += " " + show(*v, false)
			}
		case *string:
			if v == nil {
				out += " NULL"
			} else {
				out += " " + show(*v, false)
			}
		}
	}
	return out
}

const slide, size = 4, 12

func node(mode physical.FillMode) *physical.Fill {
	agg := physical.WindowAgg{
		Window: windows.Spec{Kind: windows.Hop, Size: size * time.Microsecond, Slide: slide * time.Microsecond},
		Keys:   []int{0}, KeyNames: []string{"k"}, KeyTypes: []types.Type{types.VarcharType},
		AggNames: []string{"n", "x", "d", "t"},
	}
	for _, t := range []types.Type{types.BigintType, types.DoubleType, types.DecimalType(12, 2), types.VarcharType} {
		agg.Aggs = append(agg.Aggs, physical.Agg{Fn: physical.AggMax, Args: []int{0}, In: []types.Type{t}, Out: t})
	}
	n := &physical.Fill{In: &physical.WindowFinal{WindowAgg: agg}, Window: agg.Window, Keys: 1, Mode: mode}
	if mode == physical.FillValue {
		n.Values = []physical.Expr{
			&physical.Literal{T: types.BigintType, Value: int64(7)}, &physical.Literal{T: types.DoubleType, Value: 0.5},
			&physical.Literal{T: types.DecimalType(12, 2)}, &physical.Literal{T: types.VarcharType, Value: "none"},
		}
	}
	return n
}

// model fills windows by looking at all of them.
type model struct {
	mode  physical.FillMode
	rows  map[string]map[int64]result
	shown map[string]bool
	most  int64
}

func (m *model) cut(rows []result, w int64, end bool) (out []string) {
	for _, r := range rows {
		if m.rows[r.key] == nil {
			m.rows[r.key] = map[int64]result{}
		}
		m.rows[r.key][r.end] = r
		m.most = max(m.most, r.end)
	}
	if !end {
		for e := m.most; e <= w; e++ { // window ends lie at multiples of the slide
			if e%slide == 0 {
				m.most = e
			}
		}
	}
	var found []result
	for key, have := range m.rows {
		first, last := int64(1<<60), int64(0)
		for e := range have {
			first, last = min(first, e), max(last, e)
		}
		to := m.most
		if m.mode == physical.FillLinear {
			to = last
		}
		prev := have[first]
		for e := first; e <= to; e += slide {
			r, ok := have[e]
			if ok {
				prev = r
			} else {
				r = m.between(have, prev, e)
			}
			r.end, r.key = e, key
			if id := fmt.Sprint(e, key); !m.shown[id] {
				m.shown[id] = true
				found = append(found, r)
			}
		}
	}
	sort.Slice(found, func(i, j int) bool {
		return found[i].end < found[j].end || found[i].end == found[j].end && found[i].key < found[j].key
	})
	for _, r := range found {
		out = append(out, r.String())
	}
	return out
}

func (m *model) between(have map[int64]result, prev result, e int64) (r result) {
	seven, half, none := int64(7), 0.5, "none"
	switch m.mode {
	case physical.FillPrev:
		return prev
	case physical.FillValue:
		return result{n: &seven, x: &half, text: &none}
	case physical.FillLinear:
		next := e
		for {
			if _, ok := have[next]; ok {
				break
			}
			next += slide
		}
		to := have[next]
		part, whole := e-prev.end, next-prev.end
		whole64 := func(a, b *int64) *int64 {
			if a == nil || b == nil {
				return nil
			}
			n := *a*whole + (*b-*a)*part // over whole
			q, rest := n/whole, n%whole
			if 2*max(rest, -rest) >= whole {
				if n < 0 {
					q--
				} else {
					q++
				}
			}
			return &q
		}
		r.n, r.d = whole64(prev.n, to.n), whole64(prev.d, to.d)
		if prev.x != nil && to.x != nil {
			x := *prev.x + (*to.x-*prev.x)*(float64(part)/float64(whole))
			r.x = &x
		}
	}
	return r
}

type collect struct{ batches []stream.Batch }

func (c *collect) Emit(_ context.Context, b stream.Batch) error {
	c.batches = append(c.batches, b)
	return nil
}

func batch(alloc memory.Allocator, n *physical.Fill, rows []result) stream.Batch {
	b := array.NewRecordBuilder(alloc, n.Schema().Arrow())
	defer b.Release()
	for _, r := range rows {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(r.end - size))
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(r.end))
		b.Field(2).(*array.StringBuilder).Append(r.key)
		put(b.Field(3), r.n, b.Field(3).(*array.Int64Builder).Append)
		put(b.Field(4), r.x, b.Field(4).(*array.Float64Builder).Append)
		put(b.Field(5), r.d, func(v int64) { b.Field(5).(*array.Decimal128Builder).Append(decimal128.FromI64(v)) })
		put(b.Field(6), r.text, b.Field(6).(*array.StringBuilder).Append)
	}
	return stream.Batch{RecordBatch: b.NewRecordBatch()}
}

func put[T any](b array.Builder, v *T, add func(T)) {
	if v == nil {
		b.AppendNull()
	} else {
		add(*v)
	}
}

func read(b stream.Batch) (out []string) {
	for i := range int(b.NumRows()) {
		r := result{end: int64(b.Column(1).(*array.Timestamp).Value(i)), key: b.Column(2).(*array.String).Value(i)}
		if start := int64(b.Column(0).(*array.Timestamp).Value(i)); start != r.end-size {
			out = append(out, fmt.Sprintf("a window from %d to %d", start, r.end))
		}
		if a := b.Column(3).(*array.Int64); a.IsValid(i) {
			v := a.Value(i)
			r.n = &v
		}
		if a := b.Column(4).(*array.Float64); a.IsValid(i) {
			v := a.Value(i)
			r.x = &v
		}
		if a := b.Column(5).(*array.Decimal128); a.IsValid(i) {
			v := a.Value(i).BigInt().Int64()
			r.d = &v
		}
		if a := b.Column(6).(*array.String); a.IsValid(i) {
			v := a.Value(i)
			r.text = &v
		}
		out = append(out, r.String())
	}
	return out
}

// pages is what a snapshot left.
type pages map[string][]byte

func (p pages) Get(name string) ([]byte, error) {
	if b, ok := p[name]; ok {
		return slices.Clone(b), nil
	}
	return nil, state.ErrNotFound
}

func (p pages) Names() []string { return nil }

type keeper struct{ old, now pages }

func (k keeper) Put(name string, b []byte) { k.now[name] = b }
func (k keeper) Keep(name string)          { k.now[name] = k.old[name] }

func maybe[T any](r *rand.Rand, v T) *T {
	if r.IntN(5) == 0 {
		return nil
	}
	return &v
}

// TestFill runs random windows through the operator, saved and restored at random
// cuts, and through the model.
func TestFill(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		mode := physical.FillMode(seed % 4)
		n := node(mode)
		alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
		open := func(from state.Reader) operators.Operator {
			op, err := New(n)
			if err == nil {
				err = op.Open(t.Context(), &operators.Runtime{Alloc: alloc, State: from})
			}
			if err != nil {
				t.Fatal(err)
			}
			return op
		}
		op, saved := open(nil), pages{}
		m := &model{mode: mode, rows: map[string]map[int64]result{}, shown: map[string]bool{}}
		w := int64(100)
		for cut := range 20 {
			var rows []result
			last := cut == 19
			before := w
			w += r.Int64N(40)
			for e := (before/slide + 1) * slide; e <= w || last && e < w+30; e += slide {
				for _, key := range []string{"", "a", "a\x00", "b"} {
					if r.IntN(4) == 0 {
						rows = append(rows, result{e, key, maybe(r, r.Int64N(200)-100), maybe(r, r.NormFloat64()), maybe(r, r.Int64N(2000)-1000), maybe(r, "text")})
					}
				}
			}
			var got collect
			for lo := 0; lo < len(rows); {
				hi := min(len(rows), lo+1+r.IntN(4))
				b := batch(alloc, n, rows[lo:hi])
				if err := op.ProcessBatch(t.Context(), 0, b, &got); err != nil {
					t.Fatal(err)
				}
				b.Release()
				lo = hi
			}
			c := stream.Cut{W: stream.Time(w)}
			if last {
				c.W = stream.MaxTime
			}
			if forward, err := op.ProcessCut(t.Context(), c, &got); err != nil || forward != c.W {
				t.Fatal(forward, err)
			}
			var lines []string
			for _, b := range got.batches {
				lines = append(lines, read(b)...)
				b.Release()
			}
			if want := strings.Join(m.cut(rows, w, last), "\n"); strings.Join(lines, "\n") != want {
				t.Fatalf("seed %d, mode %d, cut %d, W %d:\n%s\nwant\n%s", seed, mode, cut, w, strings.Join(lines, "\n"), want)
			}
			if r.IntN(3) == 0 {
				k := keeper{saved, pages{}}
				if err := op.Snapshot(t.Context(), k); err != nil {
					t.Fatal(err)
				}
				saved = k.now
				if r.IntN(2) == 0 {
					_ = op.Close()
					op = open(saved)
				}
			}
		}
		_ = op.Close()
		alloc.AssertSize(t, 0)
	}
}

// TestTooFar: a jump that is more likely a wrong time than a silence is an error.
func TestTooFar(t *testing.T) {
	n := node(physical.FillPrev)
	op, err := New(n)
	if err == nil {
		err = op.Open(t.Context(), &operators.Runtime{Alloc: memory.DefaultAllocator})
	}
	if err != nil {
		t.Fatal(err)
	}
	b := batch(memory.DefaultAllocator, n, []result{{end: 12, key: "a"}})
	defer b.Release()
	if err := op.ProcessBatch(t.Context(), 0, b, &collect{}); err != nil {
		t.Fatal(err)
	}
	if _, err := op.ProcessCut(t.Context(), stream.Cut{W: 12 + slide*RowsMax}, &collect{}); err != nil {
		t.Fatal(err)
	}
	_, err = op.ProcessCut(t.Context(), stream.Cut{W: 12 + slide*(2*RowsMax+1)}, &collect{})
	if err == nil || !strings.Contains(err.Error(), "FILL would add 10001 windows") {
		t.Fatal(err)
	}
}

package app

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/ingest/httpapi"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/sql/catalog"
	"weir/sql/types"
)

var errNoMore = errors.New("the power is gone")

// fuse is a log that takes some requests and then none.
type fuse struct {
	*wal.Log
	left int
}

// Append takes a request if there are some left.
func (f *fuse) Append(ctx context.Context, r wal.Request) (wal.Ack, error) {
	if f.left--; f.left < 0 {
		return wal.Ack{}, errNoMore
	}
	return f.Log.Append(ctx, r)
}

// TestPumpPartsOfSteps: a step that is written in several parts is there once and in
// order, wherever between them the process ends; and so are the counts of rows that
// the stream refuses.
func TestPumpPartsOfSteps(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM t (id BIGINT, small TINYINT) WITH (shards = 1)")
	to, _ := s.db.catalog.Stream("t")
	def := &catalog.View{
		ID: 77, Name: "p", Into: "t", IntoColumns: []int{0, 1},
		Schema: stream.Schema{{Name: "id", Type: types.BigintType}, {Name: "small", Type: types.BigintType}},
	}
	const rows, perBatch = 3*partRows + 17, 7001
	var steps [][]stream.Batch
	id, refused := int64(0), 0
	for range 2 {
		var changes []stream.Batch
		for at := 0; at < rows; at += perBatch {
			b := array.NewRecordBuilder(s.db.alloc, def.Schema.Arrow())
			for range min(perBatch, rows-at) {
				b.Field(0).(*array.Int64Builder).Append(id)
				small := id % 100
				if id%1000 == 7 {
					small = 1000
					refused++
				}
				b.Field(1).(*array.Int64Builder).Append(small)
				id++
			}
			changes = append(changes, stream.Batch{RecordBatch: b.NewRecordBatch()})
		}
		steps = append(steps, changes)
	}
	head, _ := s.log.Head()
	begins := 0
	for left := 0; ; left = (left + 1) % 3 {
		if begins++; begins > 40 {
			t.Fatal("it does not come to the end")
		}
		records, err := httpapi.New(httpapi.Config{Target: target{s.db}, Log: &fuse{s.log, left}, Logger: s.db.logger})
		if err != nil {
			t.Fatal(err)
		}
		old := s.db.door
		s.db.door = &door{target{s.db}, records}
		p, err := s.db.newPump(def, views.NewView(def.Schema, nil))
		s.db.door = old
		if err != nil {
			t.Fatal(err)
		}
		for i, changes := range steps {
			cut := stream.Cut{Step: stream.Step(i + 1), Clock: stream.Time(1e15), W: stream.Time(i)}
			if err = p.Step(t.Context(), cut, stream.Commit(1+5*i), changes); err != nil {
				break
			}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errNoMore) {
			t.Fatal(err)
		}
	}
	if begins < 4 {
		t.Errorf("only %d beginnings", begins)
	}
	if m, ok := s.log.Mark(77); !ok || m != (wal.Mark{Source: 6, Written: uint64(int(id) - refused), Refused: uint64(refused)}) {
		t.Errorf("the mark is %+v, %v", m, ok)
	}
	in, err := s.log.NewReader(head)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	next, parts := 0, 0
	for got, want := 0, int(id)-refused; got < want; {
		f, err := in.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range f.Blocks {
			if b.Stream != to.ID {
				continue
			}
			parts++
			got += b.Count
			data, err := f.Data(i)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range splitLines(append(data, '\n'), 1) {
				if next%1000 == 7 {
					next++
				}
				want := fmt.Sprintf("{\"id\":%d,\"small\":%d}\n", next, next%100)
				if string(line) != want {
					t.Fatalf("%s where %s is next", line, want)
				}
				next++
			}
		}
	}
	if parts < 8 {
		t.Errorf("%d parts", parts)
	}
}

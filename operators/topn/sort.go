package topn

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/operators"
	"weir/operators/stream"
	"weir/operators/stream/keys"
	"weir/planner/physical"
)

// chunkRows is how many rows an emitted batch has at most.
const chunkRows = 4096

// trimRows is how many rows beyond the limit are kept before the worst are let go.
const trimRows = 16 * chunkRows

// sorter keeps the rows of its input by reference, with their encoded keys.
type sorter struct {
	n        *physical.Sort
	rt       *operators.Runtime
	rows     []entry
	retracts bool // the input takes rows back
}

// held is a batch of which rows are still wanted.
type held struct {
	rec  arrow.RecordBatch
	live int
}

// entry is one row. Keys compare as bytes in the order of the sort.
type entry struct {
	key  []byte
	from *held
	row  int32
}

// NewSort returns an operator that emits its whole input in order when the
// input ends: rows n.Offset to n.Offset+n.Limit of it, all if n.Limit < 0.
func NewSort(n *physical.Sort) (operators.Operator, error) {
	if n.Offset < 0 {
		return nil, fmt.Errorf("sort: offset %d", n.Offset)
	}
	return &sorter{n: n}, nil
}

// Open keeps the runtime.
func (s *sorter) Open(_ context.Context, rt *operators.Runtime) error {
	s.rt = rt
	return nil
}

// ProcessBatch keeps the rows.
func (s *sorter) ProcessBatch(_ context.Context, _ operators.Port, b stream.Batch, _ operators.Collector) error {
	if b.NumRows() == 0 {
		return nil
	}
	h := &held{rec: b.RecordBatch, live: int(b.NumRows())}
	h.rec.Retain()
	arena := make([]byte, 0, 16*h.live*max(1, len(s.n.Keys)))
	schema := s.n.In.Schema()
	for row := range int(b.NumRows()) {
		start := len(arena)
		for _, k := range s.n.Keys {
			from := len(arena)
			arena = keys.Append(arena, b.Column(k.Column), row, schema[k.Column].Type)
			if k.Desc {
				for i := from; i < len(arena); i++ {
					arena[i] = ^arena[i]
				}
			}
		}
		e := entry{key: arena[start:len(arena):len(arena)], from: h, row: int32(row)}
		if b.Ops != nil && b.Ops[row] == stream.Delete {
			if err := s.cancel(e); err != nil {
				return err
			}
			h.drop()
			continue
		}
		s.rows = append(s.rows, e)
	}
	// Rows that are let go could not be taken back any more.
	s.retracts = s.retracts || b.Ops != nil
	if s.n.Limit >= 0 && !s.retracts && int64(len(s.rows)) > s.n.Offset+s.n.Limit+trimRows {
		s.trim()
	}
	return nil
}

// cancel takes out the newest row that equals e in all columns. Only refined
// windows take rows back, and few.
func (s *sorter) cancel(e entry) error {
	schema := s.n.In.Schema()
	whole := func(e entry) (row []byte) {
		for c, f := range schema {
			row = keys.Append(row, e.from.rec.Column(c), int(e.row), f.Type)
		}
		return row
	}
	want := whole(e)
	for i := len(s.rows) - 1; i >= 0; i-- {
		if bytes.Equal(s.rows[i].key, e.key) && bytes.Equal(whole(s.rows[i]), want) {
			s.rows[i].from.drop()
			s.rows = slices.Delete(s.rows, i, i+1)
			return nil
		}
	}
	return fmt.Errorf("sort: a row is taken back that never came")
}

// order puts the rows in order. Equal rows stay as they came.
func (s *sorter) order() {
	slices.SortStableFunc(s.rows, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
}

// trim lets go of the rows that cannot be among the first Offset+Limit.
func (s *sorter) trim() {
	s.order()
	keep := min(int64(len(s.rows)), s.n.Offset+s.n.Limit)
	for _, e := range s.rows[keep:] {
		e.from.drop()
	}
	clear(s.rows[keep:])
	s.rows = s.rows[:keep]
	for i := range s.rows { // do not keep a whole arena for one key
		s.rows[i].key = bytes.Clone(s.rows[i].key)
	}
}

func (h *held) drop() {
	if h.live--; h.live == 0 {
		h.rec.Release()
	}
}

// ProcessCut emits the rows once the input has ended.
func (s *sorter) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	if !c.Final {
		return stream.MinTime, nil // everything is held back
	}
	s.order()
	rows := s.rows[min(s.n.Offset, int64(len(s.rows))):]
	if s.n.Limit >= 0 {
		rows = rows[:min(s.n.Limit, int64(len(rows)))]
	}
	for chunk := range slices.Chunk(rows, chunkRows) {
		rec, err := gather(s.rt.Alloc, s.n.Schema().Arrow(), chunk)
		if err != nil {
			return c.W, err
		}
		if err := out.Emit(ctx, stream.Batch{RecordBatch: rec}); err != nil {
			return c.W, err
		}
	}
	return c.W, s.release()
}

// Close lets go of the rows.
func (s *sorter) Close() error { return s.release() }

func (s *sorter) release() error {
	for _, e := range s.rows {
		e.from.drop()
	}
	s.rows = nil
	return nil
}

package topn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

const (
	chunkRows = 4096 // rows of an emitted batch at most
	// spareRows is how many rows may gather beyond those that can still be in the
	// result before they are looked through.
	spareRows = 1 << 16
	// rowsMax is how many rows a sort holds; with more it fails, and says so.
	rowsMax = 1 << 26
)

type sorter struct {
	node     *physical.Sort
	rt       *operators.Runtime
	retracts bool  // a Delete may come, so no row is settled before the end
	trimmed  bool  // rows were let go because of the limit
	keep     int64 // offset + limit: how many rows the result can be made of; -1: all

	batches []stream.Batch
	rows    []ref // what is held, in the order in which it came
	deletes int   // how many of rows are Deletes
	settled int   // rows at the last compaction
	keys    []keyColumn
}

// Kept returns how many rows are held.
func (s *sorter) Kept() int { return len(s.rows) }

// NewSort returns an operator that emits its input in order at the final cut,
// in batches of at most 4096 rows. With a limit it holds about as many rows as
// the result needs, unless the input takes rows back.
func NewSort(n *physical.Sort) (operators.Operator, error) {
	width := len(n.Schema())
	for _, k := range n.Keys {
		if k.Column < 0 || k.Column >= width {
			return nil, fmt.Errorf("sort by column %d of %d", k.Column, width)
		}
	}
	if n.Offset < 0 {
		return nil, fmt.Errorf("sort with offset %d", n.Offset)
	}
	s := &sorter{node: n, retracts: mayRetract(n.In), keep: -1}
	if n.Limit >= 0 && n.Limit <= rowsMax && n.Offset <= rowsMax {
		s.keep = n.Limit + n.Offset
	}
	s.resetKeys()
	return s, nil
}

// mayRetract tells whether a node can emit Deletes: windows that are refined,
// and groups without a window, do.
func mayRetract(n physical.Node) bool {
	may := false
	physical.Walk(n, func(n physical.Node) {
		if w, ok := n.(*physical.WindowFinal); ok && (w.Lateness > 0 || w.Window.Kind == windows.None) {
			may = true
		}
	})
	return may
}

func (s *sorter) resetKeys() {
	s.keys = s.keys[:0]
	for _, k := range s.node.Keys {
		s.keys = append(s.keys, newKey(k))
	}
}

// Open takes the allocator.
func (s *sorter) Open(_ context.Context, rt *operators.Runtime) error {
	s.rt = rt
	return nil
}

// ProcessBatch holds the rows.
func (s *sorter) ProcessBatch(_ context.Context, _ operators.Port, b stream.Batch, _ operators.Collector) error {
	if b.NumRows() == 0 {
		return nil
	}
	if err := s.hold(b); err != nil {
		return err
	}
	limit := 2*s.settled + spareRows
	if s.keep >= 0 && !s.retracts {
		limit = int(s.keep) + spareRows
	}
	if len(s.rows) > limit && (s.deletes > 0 || s.keep >= 0 && !s.retracts) {
		return s.compact()
	}
	if len(s.rows) > rowsMax {
		return fmt.Errorf("ORDER BY holds more than %d rows; add a LIMIT", rowsMax)
	}
	return nil
}

// hold takes a reference of b and all its rows.
func (s *sorter) hold(b stream.Batch) error {
	number := int32(len(s.batches))
	for i := range s.keys {
		if err := s.keys[i].add(b); err != nil {
			return err
		}
	}
	b.Retain()
	s.batches = append(s.batches, b)
	for row := range int32(b.NumRows()) {
		s.rows = append(s.rows, ref{number, row})
	}
	for _, op := range b.Ops {
		if op == stream.Delete {
			s.deletes++
		}
	}
	if s.deletes > 0 && !s.retracts {
		if s.trimmed {
			return errors.New("an input that only added rows took one back")
		}
		s.retracts = true
	}
	return nil
}

// compact gets rid of rows that cannot be in the result, and of the batches
// that they keep alive.
func (s *sorter) compact() error {
	if err := s.cancel(); err != nil {
		return err
	}
	if !s.retracts && s.keep >= 0 {
		s.order()
		s.trimmed = true
		s.rows = s.rows[:min(len(s.rows), int(s.keep))]
	}
	s.settled = len(s.rows)
	rows, batches := s.rows, s.batches
	s.rows, s.batches = nil, nil
	defer release(batches)
	s.resetKeys()
	for chunk := range slices.Chunk(rows, chunkRows) {
		rec, err := gather(s.rt.Alloc, batches, chunk)
		if err != nil {
			return err
		}
		err = s.hold(stream.Batch{RecordBatch: rec})
		rec.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// cancel removes each Delete together with one equal row before it.
func (s *sorter) cancel() error {
	if s.deletes == 0 {
		return nil
	}
	open := make(map[string][]int32) // rows by their values, as positions in s.rows
	gone := make([]bool, len(s.rows))
	var key []byte
	for i, r := range s.rows {
		b := s.batches[r.batch]
		key = appendRow(key[:0], b, int(r.row))
		same := open[string(key)]
		if b.Ops == nil || b.Ops[r.row] == stream.Insert {
			open[string(key)] = append(same, int32(i))
			continue
		}
		if len(same) == 0 {
			return errors.New("a row was taken back that never came")
		}
		last := len(same) - 1
		gone[i], gone[same[last]] = true, true
		open[string(key)] = same[:last]
	}
	kept := s.rows[:0]
	for i, r := range s.rows {
		if !gone[i] {
			kept = append(kept, r)
		}
	}
	s.rows, s.deletes = kept, 0
	return nil
}

// order sorts the rows that are held. Rows that tie stay in the order in which
// they came, which is that of their refs.
func (s *sorter) order() {
	slices.SortFunc(s.rows, func(x, y ref) int {
		for i := range s.keys {
			if c := s.keys[i].compare(x, y); c != 0 {
				return c
			}
		}
		if x.batch != y.batch {
			return int(x.batch - y.batch)
		}
		return int(x.row - y.row)
	})
}

// ProcessCut emits the rows once the input has ended.
func (s *sorter) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	if !c.Final {
		return stream.MinTime, nil
	}
	if err := s.cancel(); err != nil {
		return stream.MinTime, err
	}
	s.order()
	rows := s.rows[min(int64(len(s.rows)), s.node.Offset):]
	if s.node.Limit >= 0 {
		rows = rows[:min(int64(len(rows)), s.node.Limit)]
	}
	for chunk := range slices.Chunk(rows, chunkRows) {
		rec, err := gather(s.rt.Alloc, s.batches, chunk)
		if err != nil {
			return stream.MinTime, err
		}
		if err := out.Emit(ctx, stream.Batch{RecordBatch: rec}); err != nil {
			return stream.MinTime, err
		}
	}
	return c.W, s.Close()
}

// Snapshot refuses: only inputs that end are sorted, and they are read again from
// their beginning.
func (s *sorter) Snapshot(context.Context, state.Writer) error {
	return errors.New("a sort has no snapshot: its input ends, and is read again")
}

// Close lets go of the rows that are held.
func (s *sorter) Close() error {
	release(s.batches)
	s.batches, s.rows, s.deletes = nil, nil, 0
	s.resetKeys()
	return nil
}

func release(batches []stream.Batch) {
	for _, b := range batches {
		b.Release()
	}
}

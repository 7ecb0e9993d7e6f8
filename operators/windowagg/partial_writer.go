package windowagg

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/stream"
	"weir/windows"
)

// partialWriter writes entries as rows of states.
type partialWriter struct {
	p    *partial
	out  operators.Collector
	b    *array.RecordBuilder
	rows int
	long bool // the rows in b are those of an entry that has batches of its own
}

// longBytes is from how many bytes of kept rows on an entry has batches of its own:
// the texts of one column of a batch have at most 2 GiB.
const longBytes = 64 << 20

func (w *partialWriter) entry(ctx context.Context, e *entry) error {
	n, long := e.groups.size(), false
	for _, a := range e.accs {
		b, ok := a.(*bagAcc)
		long = long || ok && b.size > longBytes
	}
	if long || w.long {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.long = long
	for lo := 0; lo < n; {
		hi := min(n, lo+batchRowsMax-w.rows)
		if err := w.append(e, w.p.all.span(lo, hi)); err != nil {
			return err
		}
		if lo = hi; w.rows == batchRowsMax {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// append writes the groups ids of e.
func (w *partialWriter) append(e *entry, ids []int32) error {
	fields := w.b.Fields()
	if w.p.n.Window.Kind != windows.None {
		repeat(fields[0], e.slice, len(ids))
		repeat(fields[1], e.firstEnd, len(ids))
		fields = fields[2:]
	}
	if err := e.groups.appendKeys(fields, ids); err != nil {
		return err
	}
	fields = fields[len(w.p.n.Keys):]
	for i, a := range e.accs {
		a.appendStates(fields, ids)
		fields = fields[len(w.p.feed.aggs[i].State(w.p.n.Retracts)):]
	}
	w.rows += len(ids)
	return nil
}

// repeat appends a time n times.
func repeat(b array.Builder, t stream.Time, n int) {
	ts := b.(*array.TimestampBuilder)
	ts.Reserve(n)
	for range n {
		ts.UnsafeAppend(arrow.Timestamp(t))
	}
}

// flush emits what is written.
func (w *partialWriter) flush(ctx context.Context) error {
	if w.rows == 0 {
		return nil
	}
	rec := w.b.NewRecordBatch()
	w.rows = 0
	return w.out.Emit(ctx, stream.Batch{RecordBatch: rec})
}

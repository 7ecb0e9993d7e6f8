package engine

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
)

// repeated are the verdicts on rows that are repeated in front of the window: each
// repetition is judged, and a row is late if one of them is and none is used.
type repeated struct {
	verdicts map[int32]stream.Verdict // by row of the batch
	closed   map[int32]stream.Time    // when the last window of its repetitions had closed
}

// latesRepeated is lates behind an operator that repeats rows.
func (w *witness) latesRepeated(ctx context.Context, b stream.SourceBatch, rec arrow.RecordBatch, kept []int32, ev, ws *array.Timestamp, most int) error {
	var found []LostRow
	rows := make([]int32, 0, probesMax)
	for i := int(rec.NumRows()) - 1; i >= 0 && len(found) < most; {
		rows = rows[:0]
		for ; i >= 0 && len(rows) < probesMax; i-- {
			if ws.Value(i) != arrow.Timestamp(stream.MinTime) {
				rows = append(rows, int32(i))
			}
		}
		w.repeated = &repeated{map[int32]stream.Verdict{}, map[int32]stream.Time{}}
		asked := append([]int32(nil), rows...)
		if _, err := w.pass(ctx, rec, rows); err != nil {
			return err
		}
		for _, row := range asked {
			if w.repeated.verdicts[row] != stream.Late || len(found) == most {
				continue
			}
			r := lostRow(LostLate, b, rowOf(kept, row))
			r.Event, r.W = stream.Time(ev.Value(int(row))), stream.Time(ws.Value(int(row)))
			r.Behind = time.Duration(r.W-w.repeated.closed[row]) * time.Microsecond
			found = append(found, r)
		}
	}
	w.late = remember(w.late, found)
	return nil
}

// judge notes the verdicts on what comes to the window: row i of rec repeats row
// rows[i] of the batch.
func (w *witness) judge(rec arrow.RecordBatch, rows []int32) {
	times, ws := rec.Column(w.window.TimeCol).(*array.Timestamp), rec.Column(w.window.WCol).(*array.Timestamp)
	for i, row := range rows {
		t, before := stream.Time(times.Value(i)), stream.Time(ws.Value(i))
		v := w.verdict(t, before)
		w.repeated.verdicts[row] |= v
		if v == stream.Late {
			last, had := w.repeated.closed[row]
			if closed := w.closed(t); !had || closed > last {
				w.repeated.closed[row] = closed
			}
		}
	}
}

// closed returns when the last window of a row at t had closed: of a session, which
// no row behind it can have been part of, at t.
func (w *witness) closed(t stream.Time) stream.Time {
	if w.grid != nil {
		t = w.grid.Closed(t)
	}
	return t.Add(w.window.Lateness)
}

// rowOf returns which row of a source's batch a row of what was kept of it is.
func rowOf(kept []int32, row int32) int {
	if kept != nil {
		row = kept[row]
	}
	return int(row)
}

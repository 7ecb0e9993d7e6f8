package app

import (
	"context"
	"fmt"
	"time"

	"weir/dashboard/api"
	"weir/ingest/decode"
	"weir/operators/engine"
	"weir/planner/physical"
)

// LostRows returns the rows behind the numbers of a query's ledger, as their
// producers sent them. It implements api.LostRows.
func (l lists) LostRows(ctx context.Context, query string, late bool) ([]api.LostRow, bool, error) {
	q, plan, found := l.db.queryOf(query)
	if !found {
		return nil, false, nil
	}
	rows := q.ErrorRows()
	if late {
		rows = q.LateRows()
	}
	scans := physical.Scans(plan.Root)
	logs := make([]records, len(scans))
	for i, scan := range scans {
		if s, ok := l.db.catalog.Stream(scan.Relation); ok && s.Connector == "" {
			logs[i] = newRecords(l.db.log, s.Log())
			defer logs[i].close()
		}
	}
	out := make([]api.LostRow, len(rows))
	for i, r := range rows {
		if err := ctx.Err(); err != nil {
			return nil, true, err
		}
		out[i] = api.LostRow{
			Why: why(r), Reason: lostReason(r), Shard: int(r.Shard), Seq: int64(r.Seq), Sub: int64(r.Sub), Arrival: instant(r.Arrival), Event: instant(r.Event),
			Watermark: instant(r.W), BehindMS: float64(r.Behind) / float64(time.Millisecond),
		}
		out[i].Row, out[i].RowBytes = short(logs[r.Input].at(ctx, r))
	}
	return out, true, nil
}

// why says in a sentence why a row is in no result.
func why(r engine.LostRow) string {
	switch r.Kind {
	case engine.LostNull:
		return "its event time is NULL"
	case engine.LostFuture:
		return fmt.Sprintf("its event time is %s ahead of its arrival", time.Duration(r.Event-r.Arrival)*time.Microsecond)
	case engine.LostBad:
		return r.Bad.Message
	}
	return fmt.Sprintf("its last window had closed: the watermark was %s past it", r.Behind)
}

// lostReason is why a row is an error, as `_reason` has it; "" if it is late.
func lostReason(r engine.LostRow) string {
	switch r.Kind {
	case engine.LostNull:
		return decode.NullTime
	case engine.LostFuture:
		return decode.FutureTime
	case engine.LostBad:
		return r.Bad.Code
	}
	return ""
}

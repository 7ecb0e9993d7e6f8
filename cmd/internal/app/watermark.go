package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/windows"
)

// watermarkColumns are those of EXPLAIN WATERMARK: a row for each shard that a query reads.
func watermarkColumns() []string {
	return []string{
		"stream", "shard", "watermark", "last_event_time", "silent_since", "state", "holds",
		"by_commit", "by_seq", "by_event_time", "behind_event_s", "window_end", "behind_window_s", "released_by",
	}
}

// explainWatermark says of each shard that a query reads what it holds back, and
// what lets it go.
func (db *database) explainWatermark(s *ast.Explain) (*result, error) {
	q, plan, found := db.queryOf(s.Query.Text)
	if !found {
		return nil, db.unknownQuery(*s.Query)
	}
	if q == nil {
		return nil, diag.New(diag.External, s.Query.At, "the query `%s` does not run", s.Query.Text).WithHint("SHOW QUERIES says why")
	}
	return db.cells(watermarkColumns(), watermarkRows(q.Standing(), plan, stream.FromGo(db.now()))), nil
}

// unknownQuery says that no query of a name runs, and what could be meant instead.
func (db *database) unknownQuery(n ast.Name) error {
	e := diag.New(diag.UnknownObject, n.At, "there is no query `%s`", n.Text)
	var names []string
	for _, m := range db.running() {
		names = append(names, m.def.Name)
	}
	for _, w := range db.live.all() {
		if w.query != nil {
			names = append(names, "`"+w.name()+"`")
		}
	}
	if near := diag.Suggest(n.Text, names); near != "" && len(n.Text) > 1 {
		return e.WithHint("did you mean `%s`?", strings.Trim(near, "`"))
	}
	if len(names) == 0 {
		return e.WithHint("no query runs: CREATE MATERIALIZED VIEW makes one that does")
	}
	return e.WithHint("there are: %s", listNames(names))
}

// watermarkRows are the rows of EXPLAIN WATERMARK at a moment of the clock.
func watermarkRows(st engine.Standing, plan *physical.Plan, now stream.Time) [][]any {
	var rows [][]any
	for i, scan := range physical.Scans(plan.Root) {
		newest := stream.MinTime
		for _, sh := range st.Inputs[i] {
			newest = max(newest, sh.Event)
		}
		for _, sh := range st.Inputs[i] {
			p := st.Progress
			holds := p.Held && p.W != stream.MaxTime && p.HolderInput == i && p.Holder.Shard == sh.Shard
			row := []any{scan.Relation, int64(sh.Shard), showTime(sh.W), showEvent(sh.Event), showEvent(sh.Last), shardState(sh), nil, nil, nil, nil, nil, nil, nil, nil}
			if holds {
				row[6] = "the watermark"
			}
			if sh.Mark.Is {
				row[7], row[8], row[9] = int64(sh.Mark.Commit), int64(sh.Mark.Seq), showTime(sh.Mark.Event)
				if scan.Kind != physical.SourceStream {
					row[7] = nil
				}
			}
			if known(sh.W) && known(newest) {
				row[10] = secondsBetween(sh.W, newest)
			}
			if st.Waiting {
				row[11] = showTime(st.Waits)
				if known(sh.W) && sh.W < st.Waits {
					row[12] = secondsBetween(sh.W, st.Waits)
				}
			}
			row[13] = releasedBy(scan, sh, st, now)
			rows = append(rows, row)
		}
	}
	return rows
}

// known tells whether t is a time.
func known(t stream.Time) bool { return t != stream.MinTime && t != stream.MaxTime }

func secondsBetween(from, to stream.Time) float64 { return float64(to-from) / 1e6 }

// showEvent prints a time that there may be none of.
func showEvent(t stream.Time) any {
	if !known(t) {
		return nil
	}
	return showTime(t)
}

// shardState is a word on a shard.
func shardState(sh windows.Standing) string {
	switch {
	case sh.W == stream.MaxTime:
		return "ended"
	case sh.Closed:
		return "closed"
	case sh.Idle:
		return "idle"
	case sh.W == stream.MinTime:
		return "no watermark yet"
	}
	return "awake"
}

// releasedBy says what takes a shard out of the way of the windows that wait.
func releasedBy(scan *physical.Scan, sh windows.Standing, st engine.Standing, now stream.Time) string {
	switch {
	case sh.Closed || sh.W == stream.MaxTime:
		return "nothing: no row will come"
	case st.Waiting && sh.W >= st.Waits:
		return "nothing: it is past the windows that wait"
	}
	ways := []string{rowThatReleases(scan, sh, st)}
	allIdle := true
	for _, in := range st.Inputs {
		allIdle = allIdle && !slices.ContainsFunc(in, func(s windows.Standing) bool { return !s.Closed && !s.Idle })
	}
	switch {
	case scan.Kind != physical.SourceStream:
	case scan.IdleTimeout <= 0:
		ways = append(ways, "no timeout, since idle_timeout is '0'")
	case sh.Idle && !allIdle:
		return "nothing: it is idle and passed over until its next row"
	case sh.Idle:
		ways = append(ways, fmt.Sprintf("the clock, while all shards are idle, up to %s past the newest event time (idle_advance)", physical.FormatDuration(scan.IdleAdvance)))
	case sh.Begin == stream.MinTime:
		ways = append(ways, fmt.Sprintf("idle_timeout %s after the stream's first row", physical.FormatDuration(scan.IdleTimeout)))
	default:
		left := time.Duration(sh.Begin-now)*time.Microsecond + scan.IdleTimeout
		ways = append(ways, fmt.Sprintf("idle_timeout in %.1f s", max(0, left.Seconds())))
	}
	if scan.Kind == physical.SourceStream {
		ways = append(ways, "ALTER STREAM "+physical.FormatName(scan.Relation)+" END")
	}
	return strings.Join(ways, "; ")
}

// rowThatReleases says which row of a shard would move its watermark as far as the
// windows that wait need it.
func rowThatReleases(scan *physical.Scan, sh windows.Standing, st engine.Standing) string {
	delay, exact := watermarkDelay(scan)
	event := "event time"
	if scan.EventTime != nil {
		event = physical.Format(scan.EventTime)
	}
	switch {
	case !st.Waiting && sh.W == stream.MinTime:
		return "a row with an event time"
	case !st.Waiting:
		return "a newer row"
	case exact:
		return fmt.Sprintf("a row with %s >= %s", event, showTime(st.Waits.Add(delay)))
	}
	return fmt.Sprintf("a row whose watermark is >= %s", showTime(st.Waits))
}

// watermarkDelay returns by how much the watermark lies behind the event time, if
// it does so by the same for all rows.
func watermarkDelay(scan *physical.Scan) (time.Duration, bool) {
	if scan.EventTime == nil || scan.Watermark == nil {
		return 0, false
	}
	if physical.Equal(scan.EventTime, scan.Watermark) {
		return 0, true
	}
	add, ok := scan.Watermark.(*physical.Call)
	if !ok || add.Fn != "date_add" || len(add.Args) != 2 || !physical.Equal(add.Args[0], scan.EventTime) {
		return 0, false
	}
	lit, ok := add.Args[1].(*physical.Literal)
	if !ok {
		return 0, false
	}
	span, ok := lit.Value.(physical.Span)
	return -time.Duration(span.Micros) * time.Microsecond, ok && span.Months == 0
}

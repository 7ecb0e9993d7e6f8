package engine

import (
	"cmp"
	"slices"
	"time"

	"weir/operators/stream"
)

// LostRowsMax is how many rows of each kind a query remembers: the newest.
const LostRowsMax = stream.BadRowsMax

// LostKind tells why a row is in no result.
type LostKind uint8

// The kinds of lost rows.
const (
	LostLate   LostKind = iota // too late for every window
	LostNull                   // no event time
	LostFuture                 // an event time too far ahead of its arrival
	LostBad                    // it did not decode
)

// LostRow is a row that a query counted as late or as an error, by its place in
// the log.
type LostRow struct {
	Kind    LostKind
	Input   int           // number of the scan
	Commit  stream.Commit // 0 for a bounded source
	Shard   stream.Shard
	Seq     stream.Seq
	Sub     int32         // the row's place among the rows of its record
	Arrival stream.Time   // MinTime for a bounded source
	Event   stream.Time   // MinTime if it is LostNull or LostBad
	W       stream.Time   // of a late row: its shard's watermark before it
	Behind  time.Duration // of a late row: from the end of its last window, with the lateness allowed, to W
	Bad     stream.BadRow // if it is LostBad
}

// lostRow is the place of row i of b.
func lostRow(kind LostKind, b stream.SourceBatch, i int) LostRow {
	r := LostRow{Kind: kind, Commit: b.Commit, Shard: b.Shard, Arrival: b.Arrival, Event: stream.MinTime, W: stream.MinTime}
	r.Seq, r.Sub = seqOf(b, i), subOf(b, i)
	return r
}

// remember adds rows that were found from the newest on, and keeps the newest.
func remember(rows, found []LostRow) []LostRow {
	slices.Reverse(found)
	return newest(append(rows, found...))
}

func newest(rows []LostRow) []LostRow {
	if over := len(rows) - LostRowsMax; over > 0 {
		rows = append(rows[:0], rows[over:]...)
	}
	return rows
}

// lost is what a query remembers of the rows that it lost.
type lost struct{ late, failed []LostRow }

// take moves what the lanes found in a step to the query's, in the log's order.
func (l *lost) take(lanes []*lane) {
	var late, failed []LostRow
	for _, ln := range lanes {
		for _, rows := range [][]LostRow{ln.witness.late, ln.witness.failed} {
			for i := range rows {
				rows[i].Input = ln.input.layout.number
			}
		}
		late, failed = append(late, ln.witness.late...), append(failed, ln.witness.failed...)
		ln.witness.late, ln.witness.failed = ln.witness.late[:0], ln.witness.failed[:0]
	}
	l.late, l.failed = inOrder(l.late, late), inOrder(l.failed, failed)
}

func inOrder(rows, more []LostRow) []LostRow {
	if len(more) == 0 {
		return rows
	}
	if !slices.IsSortedFunc(more, inLog) {
		slices.SortFunc(more, inLog)
	}
	return newest(append(rows, more...))
}

// inLog compares rows by their places in the log.
func inLog(a, b LostRow) int {
	return cmp.Or(cmp.Compare(a.Commit, b.Commit), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Sub, b.Sub))
}

// LateRows returns the newest rows that were too late for every window, at most
// LostRowsMax, in the order of the log.
func (q *Query) LateRows() []LostRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.lost.late)
}

// ErrorRows returns the newest rows that did not decode or have no usable event time, at
// most LostRowsMax, in the order of the log.
func (q *Query) ErrorRows() []LostRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.lost.failed)
}

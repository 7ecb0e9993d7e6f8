package stream

import (
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/sql/types"
)

// Time is an instant in microseconds since the Unix epoch, UTC.
type Time int64

// The ends of time. As a watermark MinTime means that nothing is known yet and
// MaxTime that no row will ever come.
const (
	MinTime Time = math.MinInt64
	MaxTime Time = math.MaxInt64
)

// FromGo returns t cut to microseconds.
func FromGo(t time.Time) Time { return Time(t.UnixMicro()) }

// Go returns t as a time.Time in UTC.
func (t Time) Go() time.Time { return time.UnixMicro(int64(t)).UTC() }

// Add returns t + d, staying at the ends of time.
func (t Time) Add(d time.Duration) Time {
	us := Time(d / time.Microsecond)
	switch {
	case t == MinTime || t == MaxTime:
		return t
	case us > 0 && t > MaxTime-us:
		return MaxTime
	case us < 0 && t < MinTime-us:
		return MinTime
	}
	return t + us
}

// Commit numbers the group commits of a log, from 1. 0 is before the first.
type Commit uint64

// Step numbers the steps of a log or of a bounded source, from 1.
type Step uint64

// Epoch numbers checkpoints.
type Epoch uint64

// Shard numbers the shards of a stream, from 0; numbers are never reused.
type Shard uint32

// Seq numbers the records of a shard, dense from 0.
type Seq uint64

// Position is how far a query has read: everything up to and including Commit.
type Position struct{ Commit Commit }

// Field is a named, typed column.
type Field struct {
	Name string
	Type types.Type
}

// Schema is the columns of a relation, in order.
type Schema []Field

// Op tells what a row of a changelog does.
type Op uint8

// A row enters the relation or leaves it. An update is a Delete before an Insert.
const (
	Insert Op = iota
	Delete
)

// Batch is a run of rows. It is immutable once emitted; whoever holds it owns
// one reference of the embedded record.
type Batch struct {
	arrow.RecordBatch
	// Shard is the shard that the rows come from. Behind the exchange it is 0.
	Shard Shard
	// Ops has one entry a row, or is nil when every row is an Insert.
	Ops []Op
	// Repeats is set in a lane behind an operator that repeats rows. It lives as long
	// as the call that brings the batch, so who keeps the batch drops it.
	Repeats *Repeats
}

// TakeOps returns the ops of some rows; nil, all inserts, stays nil.
func (b Batch) TakeOps(rows []int32) []Op {
	if b.Ops == nil {
		return nil
	}
	return pick(b.Ops, rows)
}

// Take returns a batch of the rows of b, which rec has copied.
func (b Batch) Take(rec arrow.RecordBatch, rows []int32) Batch {
	out := Batch{RecordBatch: rec, Shard: b.Shard, Ops: b.TakeOps(rows)}
	if b.Repeats != nil {
		out.Repeats = &Repeats{Of: pick(b.Repeats.Of, rows), Verdicts: b.Repeats.Verdicts}
	}
	return out
}

// With returns a batch with the columns of rec in the place of the rows first to
// end of b.
func (b Batch) With(rec arrow.RecordBatch, first, end int) Batch {
	out := Batch{RecordBatch: rec, Shard: b.Shard}
	if b.Ops != nil {
		out.Ops = b.Ops[first:end]
	}
	if b.Repeats != nil {
		out.Repeats = &Repeats{Of: b.Repeats.Of[first:end], Verdicts: b.Repeats.Verdicts}
	}
	return out
}

func pick[T any](from []T, rows []int32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = from[r]
	}
	return out
}

// SourceBatch is a run of rows of one shard, in log order, as a source hands it over.
type SourceBatch struct {
	Batch
	Commit  Commit // the commit that the rows came with; 0 for a bounded source
	Arrival Time   // its arrival time; MinTime for a bounded source, which has none
	First   Seq    // the sequence of the first row that was read; Bad rows leave gaps
	Seqs    []Seq  // one sequence a row, or nil when they are First, First+1, …
	// Subs has the place of each row among the rows of its record, from 0; nil where
	// each record is one row.
	Subs []int32
	// Why has why the record of each row did not decode, "" where it did; such a row is
	// NULLs. Nil: all rows decoded. A source that is not asked counts them as Bad instead.
	Why []string
	Bad int64 // rows that did not decode: they are counted as errors and are not in the batch
	// BadRows says where some of the Bad are, in the order of their places: the last of
	// them, at most BadRowsMax. A source that does not know has none.
	BadRows []BadRow
}

// BadRowsMax is how many bad rows a batch tells of, and so a query.
const BadRowsMax = 100

// BadRow is a row that did not decode.
type BadRow struct {
	Seq     Seq
	Sub     int32  // its place among the rows of its record, from 0
	Code    string // what is wrong, for programs
	Message string // and for people
	At, Len int    // what it is in the data of its block
}

// StepData is one step of one source: every row, and what the cut at its end
// needs to know. Rows are ordered by (commit, shard, sequence).
type StepData struct {
	Step   Step
	Commit Commit // the last commit of the step
	Clock  Time   // the arrival time of that commit; MinTime for a bounded source
	// Start is set where the step is a start mark: the process began or the wall
	// clock jumped, so every shard's wait for idleness begins anew.
	Start bool
	// End is set where the stream ended: no more rows will come, W = +∞.
	End bool
	// Reshard is set where the step is a reshard commit of the stream, which has no rows.
	Reshard *Reshard
	Rows    []SourceBatch
	// Bytes is what was read of the source for it, where that is bytes, and Decoding
	// how long it took to decode them, over all that did so at once.
	Bytes    int64
	Decoding time.Duration
}

// Reshard says that shards were closed, and that others took over their hashes. All
// records of the closed ones come before it, all of the new ones behind.
type Reshard struct {
	Closed []Shard // one that was split, or two that were merged
	Opened []Shard // two, or one
}

// Release gives back the rows of the step.
func (s *StepData) Release() {
	for _, b := range s.Rows {
		b.Release()
	}
	s.Rows = nil
}

// Cut is the end of a step. Everything up to Step has been read; rows with an
// event time below W may still come and are late for time-based operators.
type Cut struct {
	Step  Step
	Clock Time // arrival time of the step's last commit
	W     Time // merged watermark; MinTime while there is none
	Final bool // no step will follow
}

// Ledger counts rows of one (query, scan). At every cut
// In = Used + Filtered + Late + Errors.
type Ledger struct {
	In       int64 // rows read
	Used     int64 // rows that reached a result or a state
	Filtered int64 // rows that WHERE dropped
	Late     int64 // rows that were late for all their windows
	Errors   int64 // rows that did not decode, or had no usable event time

	PartlyLate int64 // rows of Used that missed at least one of their windows
	Nulled     int64 // values that an expression could not compute and made NULL
}

// Add adds o to l.
func (l *Ledger) Add(o Ledger) {
	l.In += o.In
	l.Used += o.Used
	l.Filtered += o.Filtered
	l.Late += o.Late
	l.Errors += o.Errors
	l.PartlyLate += o.PartlyLate
	l.Nulled += o.Nulled
}

// Closes tells whether the sums close.
func (l Ledger) Closes() bool { return l.In == l.Used+l.Filtered+l.Late+l.Errors }

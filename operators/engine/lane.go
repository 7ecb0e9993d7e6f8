package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/checkpoint"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// repeatedBytesMax is how much the rows of a step that leave a lane may take where
// they are repeated: what comes in a step has a limit, how often it is repeated has
// none.
const repeatedBytesMax = 512 << 20

// lane is one shard's part of a query: what it knows of event time, and its own
// copies of the operators below the exchange. It is used by one goroutine at a
// time and shares nothing with other lanes, so a step's lanes may run in any
// order or at once.
type lane struct {
	input *input
	shard stream.Shard
	head  *head
	chain *chain
	take  func(context.Context, stream.SourceBatch) error // process, or what counts around it
	out   gather
	// counts is set if no operator of the lane counts the rows it used: then what
	// comes out of the lane was used.
	counts  bool
	witness *witness

	ledger stream.Ledger // of the step under way
	// Of the step under way: the shard's own watermark, the greatest event time,
	// and the arrival time of the newest commit with rows.
	w, maxEvent, arrival stream.Time
	repeated             int64        // bytes of repeated rows that leave the lane
	raised               windows.Mark // the row that raised w last, if one did
	// complete is the largest event time, plus the distance that its watermark
	// keeps, of the step under way; see completeness.
	complete stream.Time
}

// newLane returns the lane of a shard, as it was in a snapshot, or, without one,
// empty.
func newLane(ctx context.Context, shard stream.Shard, in *input, alloc memory.Allocator, from *checkpoint.Snapshot) (*lane, error) {
	l := in.layout
	ops, err := build(l.lane)
	if err != nil {
		return nil, err
	}
	ln := &lane{input: in, shard: shard, counts: true, witness: newWitness(l, alloc)}
	for _, n := range l.lane {
		if _, aggregates := n.(*physical.WindowPartial); aggregates {
			ln.counts = false
		}
	}
	ln.chain, ln.take = newChain(ops, ln), ln.process
	if ln.head, err = newHead(l.scan, shard, alloc, &ln.ledger); err != nil {
		return nil, err
	}
	err = ln.chain.open(ctx, func(place int) *operators.Runtime {
		rt := &operators.Runtime{Alloc: alloc, Ledger: &ln.ledger}
		if from != nil {
			rt.State = from.Reader(lanePath(l.number, shard, place))
		}
		return rt
	})
	if err != nil {
		return nil, errors.Join(err, ln.chain.close())
	}
	return ln, nil
}

// begin starts a step in which the shard's own watermark is w.
func (ln *lane) begin(w stream.Time) {
	ln.w, ln.maxEvent, ln.arrival, ln.complete = w, stream.MinTime, stream.MinTime, stream.MinTime
	ln.raised, ln.repeated = windows.Mark{}, 0
}

// process runs one batch of the step; it borrows b.
func (ln *lane) process(ctx context.Context, b stream.SourceBatch) error {
	ln.arrival = max(ln.arrival, b.Arrival)
	before := ln.ledger
	quiet := b.Commit <= ln.input.Quiet && ln.input.Quiet > 0
	out, ok, err := ln.head.batch(ln, b, quiet)
	if err != nil {
		return err
	}
	if quiet {
		ln.ledger = before
		if ok {
			out.Release()
		}
		return nil
	}
	if !ok {
		return nil
	}
	late := ln.ledger.Late
	out.Retain() // push owns it; what was late in it is asked behind
	defer out.Release()
	if err := ln.chain.push(ctx, out); err != nil {
		return err
	}
	if late = ln.ledger.Late - late; late > 0 && !ln.witness.blind {
		return ln.witness.lates(ctx, b, out, ln.head.kept(out, b), late)
	}
	return nil
}

// Emit takes what leaves the lane's last operator.
func (ln *lane) Emit(ctx context.Context, b stream.Batch) error {
	if ln.counts {
		ln.ledger.Used += b.NumRows()
		b.Mark(0, int(b.NumRows()), stream.Used)
	}
	if b.Repeats != nil && ln.counts {
		if ln.repeated += sizeOf(b); ln.repeated > repeatedBytesMax {
			b.Release()
			return fmt.Errorf("the rows of one step fill %d MiB when each is shown once for every window that it is in: give the windows a longer slide, or group the rows by window_start and window_end", repeatedBytesMax>>20)
		}
	}
	b.Repeats = nil
	return ln.out.Emit(ctx, b)
}

// sizeOf is about how many bytes the rows of a batch take, which follows from the
// rows alone.
func sizeOf(b stream.Batch) int64 {
	size := 8 * b.NumRows() * b.NumCols()
	for _, c := range b.Columns() {
		if text, ok := c.(*array.String); ok {
			size += int64(len(text.ValueBytes()))
		}
	}
	return size
}

// head turns what a source delivers into what the scan promises: it appends the
// hidden columns, drops rows without a usable event time, and moves the lane's
// own watermark row by row.
type head struct {
	scan      *physical.Scan
	shard     stream.Shard
	alloc     memory.Allocator
	ledger    *stream.Ledger
	schema    *arrow.Schema
	event     expr.Evaluator // nil: the scan has no event time
	watermark expr.Evaluator // nil: no watermark before the end
	rows      []int32        // scratch
}

func newHead(scan *physical.Scan, shard stream.Shard, alloc memory.Allocator, ledger *stream.Ledger) (*head, error) {
	h := &head{scan: scan, shard: shard, alloc: alloc, ledger: ledger, schema: scan.Schema().Arrow()}
	env := expr.Env{Alloc: alloc, Ledger: ledger}
	var err error
	if scan.EventTime != nil {
		if h.event, err = expr.Compile(scan.EventTime, env); err != nil {
			return nil, err
		}
	}
	if scan.Watermark != nil {
		if h.watermark, err = expr.Compile(scan.Watermark, env); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// batch returns the rows of b that count, with the scan's schema; ok is false if
// none is left. The caller owns the result. Of a batch that is quiet nothing is
// remembered.
func (h *head) batch(ln *lane, b stream.SourceBatch, quiet bool) (out stream.Batch, ok bool, err error) {
	n := int(b.NumRows())
	h.ledger.In += int64(n) + b.Bad
	h.ledger.Errors += b.Bad
	if n == 0 {
		if !quiet {
			ln.witness.bad(b, nil)
		}
		return stream.Batch{}, false, nil
	}
	rec, before := h.withHidden(b)
	if h.event == nil {
		if !quiet {
			ln.witness.bad(b, nil)
		}
		return stream.Batch{RecordBatch: rec, Shard: h.shard, Ops: b.Ops}, true, nil
	}
	kept, err := h.times(ln, rec, before, b)
	if err != nil {
		rec.Release()
		return stream.Batch{}, false, err
	}
	if len(kept) < n {
		h.ledger.Errors += int64(n - len(kept))
	}
	if (len(kept) < n || b.BadRows != nil) && !quiet {
		if err := ln.witness.errors(b, rec, kept); err != nil {
			rec.Release()
			return stream.Batch{}, false, err
		}
	}
	switch len(kept) {
	case n:
		return stream.Batch{RecordBatch: rec, Shard: h.shard, Ops: b.Ops}, true, nil
	case 0:
		rec.Release()
		return stream.Batch{}, false, nil
	}
	defer rec.Release()
	some, err := expr.Take(h.alloc, rec, kept)
	if err != nil {
		return stream.Batch{}, false, err
	}
	return stream.Batch{RecordBatch: some, Shard: h.shard, Ops: b.TakeOps(kept)}, true, nil
}

// kept maps the rows of out, the last result of batch, to those of b; nil: they
// are the same.
func (h *head) kept(out stream.Batch, b stream.SourceBatch) []int32 {
	if out.NumRows() == b.NumRows() {
		return nil
	}
	return h.rows
}

// times evaluates event time and watermark, fills `before` (the shard's own
// watermark in front of each row; nil if nobody reads it), and returns the rows
// whose event time can be used.
func (h *head) times(ln *lane, rec arrow.RecordBatch, before []int64, b stream.SourceBatch) ([]int32, error) {
	evArr, err := h.event.Eval(rec)
	if err != nil {
		return nil, err
	}
	defer evArr.Release()
	ev := evArr.(*array.Timestamp)
	var wm *array.Timestamp
	if h.watermark != nil {
		wmArr, err := h.watermark.Eval(rec)
		if err != nil {
			return nil, err
		}
		defer wmArr.Release()
		wm = wmArr.(*array.Timestamp)
	}
	latest := stream.MaxTime
	if b.Arrival != stream.MinTime && h.scan.FutureTolerance > 0 {
		latest = b.Arrival.Add(h.scan.FutureTolerance)
	}
	h.rows = h.rows[:0]
	raised := -1
	for i := range ev.Len() {
		t := stream.Time(ev.Value(i))
		if ev.IsNull(i) || t > latest {
			continue
		}
		if before != nil {
			before[i] = int64(ln.w)
		}
		h.rows = append(h.rows, int32(i))
		ln.maxEvent = max(ln.maxEvent, t)
		if wm == nil || wm.IsNull(i) {
			continue
		}
		w := stream.Time(wm.Value(i))
		if w > ln.w {
			ln.w, raised = w, i
		}
		ln.complete = max(ln.complete, t+max(0, t-w))
	}
	if raised >= 0 {
		ln.raised = windows.Mark{
			Commit: b.Commit, Seq: seqOf(b, raised), Event: stream.Time(ev.Value(raised)), W: stream.Time(wm.Value(raised)), Is: true,
		}
	}
	return h.rows, nil
}

// withHidden appends the hidden columns. `before` is the memory of the $w
// column, to be filled before anybody reads it; nil if the scan has none.
func (h *head) withHidden(b stream.SourceBatch) (rec arrow.RecordBatch, before []int64) {
	if len(h.scan.Hidden) == 0 {
		b.Retain()
		return b.RecordBatch, nil
	}
	n := int(b.NumRows())
	cols := make([]arrow.Array, 0, len(h.scan.Fields)+len(h.scan.Hidden))
	cols = append(cols, b.Columns()...)
	for _, hid := range h.scan.Hidden {
		if hid == physical.HiddenWhy {
			arr := h.whyColumn(b.Why, n)
			cols = append(cols, arr)
			defer arr.Release()
			continue
		}
		arr, values := h.int64Column(hid, n)
		switch hid {
		case physical.HiddenArrival:
			repeat(values, int64(b.Arrival))
		case physical.HiddenShard:
			repeat(values, int64(h.shard))
		case physical.HiddenSeq:
			for i := range values {
				values[i] = int64(seqOf(b, i))
			}
		case physical.HiddenSub:
			clear(values)
			for i, sub := range b.Subs {
				values[i] = int64(sub)
			}
		case physical.HiddenW:
			before = values
		}
		cols = append(cols, arr)
		defer arr.Release()
	}
	return array.NewRecordBatch(h.schema, cols, int64(n)), before
}

// whyColumn makes the column that says why records did not decode.
func (h *head) whyColumn(why []string, n int) arrow.Array {
	text := array.NewStringBuilder(h.alloc)
	defer text.Release()
	for i := range n {
		if why == nil || why[i] == "" {
			text.AppendNull()
			continue
		}
		text.Append(why[i])
	}
	return text.NewArray()
}

// int64Column makes a column of n values without NULLs and gives access to its memory.
func (h *head) int64Column(hid physical.Hidden, n int) (arrow.Array, []int64) {
	buf := memory.NewResizableBuffer(h.alloc)
	defer buf.Release()
	buf.Resize(n * arrow.Int64SizeBytes)
	data := array.NewData(stream.ArrowType(hid.Field().Type), n, []*memory.Buffer{nil, buf}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data), arrow.Int64Traits.CastFromBytes(buf.Bytes())
}

// seqOf returns the sequence of row i of b.
func seqOf(b stream.SourceBatch, i int) stream.Seq {
	if b.Seqs != nil {
		return b.Seqs[i]
	}
	return b.First + stream.Seq(i)
}

// subOf returns the place of row i of b among the rows of its record.
func subOf(b stream.SourceBatch, i int) int32 {
	if b.Subs != nil {
		return b.Subs[i]
	}
	return 0
}

func repeat(values []int64, v int64) {
	for i := range values {
		values[i] = v
	}
}

package httpapi

import (
	"context"
	"errors"
	"math"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// Insertion is rows that a statement writes, as a producer would send them.
type Insertion struct {
	Stream Stream
	Rows   []byte // a JSON object a line
	// Latest is the last event time that is let in.
	Latest stream.Time
	// Whole appends nothing where a row is refused.
	Whole bool
	// Producer is who makes the rows of others in the log, 0: nobody. Then the mark
	// comes with the rows, its counts raised by what became of them, also where no
	// row is accepted; and rows without a partition key go to a shard that follows
	// from Mark.Source.
	Producer uint32
	Mark     wal.Mark
}

// Inserted is what became of an Insertion. It lists as many refused rows as a
// Result of package decode does.
type Inserted struct {
	Accepted, Refused int
	Errors            []decode.RowError
	Commit            stream.Commit // 0: nothing was appended
	Mark              wal.Mark      // as it is now in the log
}

// LatestAt is the last event time that a stream lets in at a moment.
func (s Stream) LatestAt(now stream.Time) stream.Time {
	if s.FutureTolerance <= 0 {
		return math.MaxInt64
	}
	return now.Add(s.FutureTolerance)
}

// Insert appends rows as a POST of them does: each is checked, and goes to the
// shard of its partition key. Its errors are those of Append of the log, and of ctx.
func (h *Handler) Insert(ctx context.Context, in Insertion) (Inserted, error) {
	held := int64(len(in.Rows))
	if held > h.cfg.MaxBody {
		return Inserted{}, wal.ErrTooLarge
	}
	if !h.inFlight.take(held) {
		return Inserted{}, wal.ErrBusy
	}
	defer h.inFlight.give(held)
	h.requests.Add(1)
	h.bytes.Add(held)
	shards, release := in.Stream.Shards.Hold() // until the rows are in the log
	defer release()
	dealt, err := h.deal(ctx, in, shards)
	if err != nil {
		return Inserted{}, err
	}
	out := Inserted{Accepted: dealt.Accepted, Refused: dealt.Refused, Errors: dealt.Errors}
	if out.Accepted == 0 && in.Producer == 0 || in.Whole && out.Refused > 0 {
		h.rejected.Add(int64(out.Refused))
		return out, nil
	}
	out.Mark = in.Mark
	out.Mark.Written += uint64(out.Accepted)
	out.Mark.Refused += uint64(out.Refused)
	ack, err := h.cfg.Log.Append(ctx, wal.Request{Blocks: dealt.Blocks, Producer: in.Producer, Mark: out.Mark})
	if err != nil {
		return Inserted{}, err
	}
	h.rejected.Add(int64(out.Refused))
	h.accepted.Add(int64(out.Accepted))
	out.Commit = ack.Commit
	return out, nil
}

// dealt is the rows of an Insertion, dealt to the shards.
type dealt struct {
	Accepted, Refused int
	Errors            []decode.RowError
	Blocks            []wal.Block
}

// deal decodes the rows and deals the good ones to the shards.
func (h *Handler) deal(ctx context.Context, in Insertion, m *ingest.ShardMap) (dealt, error) {
	w, err := h.worker(ctx)
	if err != nil {
		return dealt{}, err
	}
	defer func() { h.workers <- w }()
	d, err := w.decoder(in.Stream, h.cfg.MaxRow)
	if err != nil {
		return dealt{}, err
	}
	d.SetLatest(int64(in.Latest))
	res, err := d.Lines(in.Rows)
	if err != nil {
		return dealt{}, err
	}
	defer res.Batch.Release()
	out := dealt{Accepted: len(res.Spans), Refused: res.ErrorCount, Errors: res.Errors}
	if out.Accepted > 0 {
		own := func() uint32 { return h.turn(in.Stream.ID) }
		if in.Producer != 0 {
			own = func() uint32 { return uint32(uint64(in.Mark.Source) * 0x9E3779B97F4A7C15 >> 32) } // Fibonacci hashing (Knuth)
		}
		p := part{data: in.Rows, encoding: wal.JSON, lineEnd: "\n"}
		out.Blocks, err = h.blocks(in.Stream, p, routeByKey(in.Stream, m, own, res), res.Spans)
	}
	return out, err
}

// Busy tells whether an error of Insert says to come back.
func Busy(err error) bool { return errors.Is(err, errBusy) || errors.Is(err, wal.ErrBusy) }

// Explain puts an error of Insert into words, and says what to do.
func Explain(err error) (message, hint string) {
	f := failureOf(err)
	return f.Message, f.Hint
}

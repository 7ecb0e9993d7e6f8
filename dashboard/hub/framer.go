package hub

import (
	"strconv"

	"weir/operators/stream"
	"weir/sql/diag"
)

// framer makes messages of updates. It keeps the order that clients rely on:
// the snapshot first and whole, then changes.
type framer struct {
	id     string
	schema stream.Schema
	key    []int
	limits limits
	emit   func(msg []byte, rows int) error

	begun   bool // a snapshot was sent, or its first piece
	open    bool // the last piece said that more comes
	rows    []rowRef
	size    int // of rows on the wire, about
	batches []stream.Batch
	ops     []byte // scratch
}

func newFramer(id string, sub Subscription, l limits, emit func([]byte, int) error) *framer {
	return &framer{id: id, schema: sub.Schema(), key: sub.Key(), limits: l, emit: emit}
}

// send makes and emits the messages of updates, in order; runs of deltas become one.
func (fr *framer) send(updates []Update, dropped int64) error {
	for i := 0; i < len(updates); {
		u := updates[i]
		if (u.Kind == Delta || u.Kind == Mark) && (!fr.begun || fr.open) {
			// The source went on without (the rest of) a snapshot: what the client
			// has seen is all there is.
			if err := fr.snap(Update{W: u.W}); err != nil {
				return err
			}
		}
		j := i + 1
		var err error
		switch u.Kind {
		case Snap:
			err = fr.restart(u)
		case SnapMore:
			err = fr.snap(u)
		case Mark:
			err = fr.mark(u)
		case Delta:
			for j < len(updates) && updates[j].Kind == Delta {
				j++
			}
			err = fr.delta(updates[i:j], dropped)
			dropped = 0
		}
		if err != nil {
			return err
		}
		i = j
	}
	return nil
}

// finish ends a snapshot that its source left open.
func (fr *framer) finish() error {
	if fr.begun && !fr.open {
		return nil
	}
	return fr.snap(Update{W: stream.MinTime})
}

// restart sends the first piece of a snapshot. One that is still open is ended,
// or the client would take the new one for its continuation.
func (fr *framer) restart(u Update) error {
	if fr.open {
		if err := fr.snap(Update{W: u.W}); err != nil {
			return err
		}
	}
	return fr.snap(u)
}

// snap sends a snapshot, or a piece of one, in messages of bounded size.
func (fr *framer) snap(u Update) error {
	fr.begun = true
	fr.batches = u.Batches
	defer fr.reset()
	for i, b := range u.Batches {
		for row := range int(b.NumRows()) {
			if b.Ops != nil && b.Ops[row] != stream.Insert {
				return diag.New(diag.Internal, diag.Span{}, "a snapshot that deletes a row")
			}
			if fr.full() {
				if err := fr.emitSnap(u, true); err != nil {
					return err
				}
			}
			fr.add(i, row, 'i')
		}
	}
	return fr.emitSnap(u, u.More)
}

func (fr *framer) emitSnap(u Update, more bool) error {
	fr.open = more
	msg := fr.begin("snap")
	msg = append(msg, `,"more":`...)
	msg = strconv.AppendBool(msg, more)
	if !more {
		msg = tail(msg, u.Token, u.W)
	}
	return fr.flush(msg)
}

// delta sends consecutive changes as one.
func (fr *framer) delta(updates []Update, dropped int64) error {
	defer fr.reset()
	for _, u := range updates {
		fr.batches = append(fr.batches, u.Batches...)
	}
	last := updates[len(updates)-1]
	for i, b := range fr.batches {
		for row := 0; row < int(b.NumRows()); row++ {
			op := byte('i')
			if b.Ops != nil && b.Ops[row] == stream.Delete {
				op = 'd'
				if fr.replaced(b, row) {
					op = 'u'
					row++ // the new row stands for both
				}
			}
			if fr.full() {
				if err := fr.emitDelta(last, &dropped, true); err != nil {
					return err
				}
			}
			fr.add(i, row, op)
		}
	}
	return fr.emitDelta(last, &dropped, false)
}

// replaced tells whether the row behind a deleted one enters with the same key.
func (fr *framer) replaced(b stream.Batch, row int) bool {
	return len(fr.key) > 0 && row+1 < int(b.NumRows()) &&
		b.Ops[row+1] == stream.Insert && sameKey(b, fr.key, row, row+1)
}

func (fr *framer) emitDelta(u Update, dropped *int64, more bool) error {
	msg := fr.begin("delta")
	ops := fr.ops[:0]
	plain := true
	for _, r := range fr.rows {
		ops = append(ops, r.op)
		plain = plain && r.op == 'i'
	}
	fr.ops = ops
	if !plain {
		msg = append(msg, `,"op":"`...)
		msg = append(append(msg, ops...), '"')
	}
	if more {
		msg = append(msg, `,"more":true`...)
	} else {
		msg = tail(msg, u.Token, u.W)
	}
	msg = append(msg, `,"dropped":`...)
	msg = strconv.AppendInt(msg, *dropped, 10)
	*dropped = 0
	return fr.flush(msg)
}

// mark tells where the watermark is.
func (fr *framer) mark(u Update) error {
	return fr.emit(append(tail(head(nil, "mark", fr.id), u.Token, u.W), '}'), 0)
}

// begin starts a message with the rows gathered.
func (fr *framer) begin(t string) []byte {
	msg := head(make([]byte, 0, fr.size+160), t, fr.id)
	msg = append(msg, `,"n":`...)
	msg = strconv.AppendInt(msg, int64(len(fr.rows)), 10)
	msg = append(msg, ',')
	return appendColumns(msg, fr.schema, fr.batches, fr.rows)
}

// flush ends a message and emits it.
func (fr *framer) flush(msg []byte) error {
	n := len(fr.rows)
	fr.rows, fr.size = fr.rows[:0], 0
	return fr.emit(append(msg, '}'), n)
}

func (fr *framer) full() bool {
	return len(fr.rows) >= fr.limits.frameRows || fr.size >= fr.limits.frameBytes
}

func (fr *framer) add(batch, row int, op byte) {
	fr.rows = append(fr.rows, rowRef{batch: int32(batch), row: int32(row), op: op})
	fr.size += rowBytes(fr.batches[batch], row)
}

func (fr *framer) reset() {
	fr.batches, fr.rows, fr.size = nil, fr.rows[:0], 0
}

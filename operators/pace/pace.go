package pace

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
)

// Pace is the operator. It stands behind all others.
type Pace struct {
	period stream.Time
	due    stream.Time // the next multiple; MinTime: there was no cut yet
	alloc  memory.Allocator
	layout layout
	held   rows
	bag    bag  // where rows are taken back; else all that came leaves
	folds  bool // bag is in use
	buf    []byte
}

// New returns the operator for a plan with Every.
func New(p *physical.Plan) (*Pace, error) {
	if p.Every < time.Microsecond {
		return nil, fmt.Errorf("pace: every %s", p.Every)
	}
	return &Pace{
		period: stream.Time(p.Every / time.Microsecond), due: stream.MinTime,
		layout: newLayout(p), folds: !p.AppendOnly, bag: newBag(),
	}, nil
}

// Open keeps the allocator and loads what was held back.
func (p *Pace) Open(_ context.Context, rt *operators.Runtime) error {
	p.alloc = rt.Alloc
	if rt.State == nil {
		return nil
	}
	if err := p.restore(rt.State); err != nil {
		return fmt.Errorf("restore what EMIT EVERY holds back: %w", err)
	}
	return nil
}

// ProcessBatch takes the rows in.
func (p *Pace) ProcessBatch(_ context.Context, _ operators.Port, b stream.Batch, _ operators.Collector) error {
	p.layout.read(b)
	defer p.layout.forget()
	for i := range int(b.NumRows()) {
		sign := int32(1)
		if b.Ops != nil && b.Ops[i] == stream.Delete {
			sign = -1
		}
		row, prefix := p.layout.encode(p.buf[:0], i)
		p.buf = row
		if p.folds {
			p.bag.add(&p.held, row, prefix, sign)
		} else {
			p.held.append(row, prefix, sign)
		}
	}
	if p.folds {
		p.bag.tidy(&p.held)
	}
	return nil
}

// full says that more is held back than may be.
func (p *Pace) full() error {
	if p.held.live > heldMax || p.held.bytes > heldBytesMax {
		return fmt.Errorf("EMIT EVERY holds %d rows and %d MiB back, and %d rows and %d MiB is the most; take a shorter time",
			p.held.live, p.held.bytes>>20, heldMax, heldBytesMax>>20)
	}
	return nil
}

// ProcessCut lets everything go where the clock has reached a multiple of the
// period since the cut before, and where nothing more will come.
func (p *Pace) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	over := c.Final || c.W == stream.MaxTime
	reached := c.Clock != stream.MinTime && c.Clock >= p.dueAt(c.Clock)
	if c.Clock != stream.MinTime {
		p.due = next(c.Clock, p.period)
	}
	if !over && !reached || p.held.live == 0 {
		return c.W, p.full()
	}
	err := p.leave(ctx, out)
	p.held, p.bag = rows{}, newBag()
	return c.W, err
}

// dueAt returns the multiple that the cut at clock has to reach. The first cut of a
// query has to be at one.
func (p *Pace) dueAt(clock stream.Time) stream.Time {
	if p.due == stream.MinTime {
		return next(clock-1, p.period)
	}
	return p.due
}

// next returns the first multiple of period behind t.
func next(t, period stream.Time) stream.Time {
	down := t - t%period
	if t%period < 0 {
		down -= period
	}
	if down > stream.MaxTime-period {
		return stream.MaxTime
	}
	return down + period
}

// Due returns the time at which rows leave that are held back, if there are any.
func (p *Pace) Due() (at stream.Time, held bool) {
	return p.due, p.held.live > 0 && p.due != stream.MinTime
}

// Close forgets everything.
func (p *Pace) Close() error {
	p.held, p.bag = rows{}, newBag()
	return nil
}

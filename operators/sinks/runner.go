package sinks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"weir/operators/stream"
)

// Config is what a runner needs.
type Config struct {
	Name   string // for the log
	Sink   Sink   // owned by the runner
	Source Source
	Limits Limits
	// Timeout bounds Open, Begin and Commit; 0: nothing does. Write takes as many
	// rows as there are, so a sink bounds what it waits for in there itself.
	Timeout time.Duration
	// Resync is set if the destination can begin anew from the view's content.
	Resync bool
	// RetryMin and RetryMax bound the wait before another attempt, which doubles
	// with each failure; 0: 100 ms and 30 s.
	RetryMin, RetryMax time.Duration
	Logger             *slog.Logger
}

// Limits say when rows are committed: when one of them is reached, at the end of
// a step. 0 is no limit.
type Limits struct {
	Rows  int
	Bytes int64
	Wait  time.Duration // of the first row
}

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 30 * time.Second
	graceStop    = 2 * time.Second // for the last commit of a runner that is told to stop
)

// Runner drives one sink.
type Runner struct {
	cfg   Config
	meter meter

	// Of the session that is running.
	pending int           // rows written since the last commit
	torn    bool          // a call of the sink failed: what was written is not whole
	open    bool          // Begin was called
	mode    Mode          // for the next Begin
	first   time.Time     // when the oldest of the pending rows was written
	at      stream.Commit // of the last step written
	clock   stream.Time
}

// NewRunner returns a runner, which Run starts.
func NewRunner(cfg Config) (*Runner, error) {
	if cfg.Sink == nil || cfg.Source == nil || cfg.Logger == nil {
		return nil, errors.New("a sink's runner needs a sink, a source and a logger")
	}
	if cfg.RetryMin <= 0 {
		cfg.RetryMin = firstPause
	}
	if cfg.RetryMax <= 0 {
		cfg.RetryMax = longestPause
	}
	r := &Runner{cfg: cfg}
	r.meter.s.State, r.meter.s.Clock = Starting, stream.MinTime
	return r, nil
}

// Stats returns what the runner has done. It may be called at any time.
func (r *Runner) Stats() Stats { return r.meter.get() }

// Run delivers until ctx ends or the sink has to stop, whatever fails in between.
func (r *Runner) Run(ctx context.Context) {
	wait := r.cfg.RetryMin
	for ctx.Err() == nil {
		before := r.meter.get().Batches
		err := r.guarded(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case IsPermanent(err):
			r.meter.stopped(err, time.Now())
			r.cfg.Logger.Error("sink stopped", "sink", r.cfg.Name, "error", err)
			return
		case r.meter.get().Batches > before:
			wait = r.cfg.RetryMin
		}
		if errors.Is(err, ErrSlow) {
			continue // the destination is well: read again what was missed
		}
		if r.meter.failed(err, time.Now()) {
			r.cfg.Logger.Warn("sink does not get through and tries again", "sink", r.cfg.Name, "error", err)
		}
		r.pause(ctx, wait)
		wait = min(2*wait, r.cfg.RetryMax)
	}
}

// guarded is a session in which a bug stops the sink and not the process.
func (r *Runner) guarded(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Permanent(fmt.Errorf("a bug in weir: %v", p))
		}
		if cerr := r.cfg.Sink.Close(); err == nil {
			err = cerr
		}
	}()
	return r.session(ctx)
}

// pause waits between half of d and all of it, so that sinks that failed together
// do not come back together.
func (r *Runner) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// bounded returns ctx with the time that the destination has for an answer.
func (r *Runner) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.cfg.Timeout > 0 {
		return context.WithTimeout(ctx, r.cfg.Timeout)
	}
	return context.WithCancel(ctx)
}

// session connects and delivers until something fails or ctx ends.
func (r *Runner) session(ctx context.Context) error {
	r.pending, r.open, r.torn, r.mode = 0, false, false, Changes
	opening, cancel := r.bounded(ctx)
	cursor, ok, err := r.cfg.Sink.Open(opening)
	cancel()
	if err != nil {
		return err
	}
	in, err := r.attach(ctx, cursor, ok)
	if err != nil {
		return err
	}
	defer func() { _ = in.feed.Close() }() // it was only read
	r.mode = in.mode
	if ok {
		r.meter.reached(cursor, stream.MinTime)
	}
	if r.meter.get().State == Starting {
		r.meter.well()
	}
	if in.first != nil {
		if err := r.step(ctx, in.first); err != nil {
			return err
		}
	}
	err = r.follow(ctx, in)
	if r.open && !r.torn && (ctx.Err() != nil || errors.Is(err, ErrSlow)) {
		// What was written is good: to stop, or to begin behind it.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceStop)
		defer cancel()
		if cerr := r.commit(last); cerr != nil {
			return cerr
		}
	}
	return err
}

// follow writes one step after the other.
func (r *Runner) follow(ctx context.Context, in *input) error {
	for {
		data, err := r.next(ctx, in.feed)
		switch {
		case err != nil:
			return err
		case data == nil: // no row came in time
			err = r.commit(ctx)
		case data.Commit <= in.skip:
			data.Release()
		default:
			err = r.step(ctx, data)
		}
		if err != nil {
			return err
		}
	}
}

// next returns the next step, or none if rows have waited long enough.
func (r *Runner) next(ctx context.Context, feed Feed) (*stream.StepData, error) {
	if !r.open || r.cfg.Limits.Wait <= 0 {
		data, err := feed.Next(ctx)
		return data, sourceError(ctx, err)
	}
	until, cancel := context.WithDeadline(ctx, r.first.Add(r.cfg.Limits.Wait))
	defer cancel()
	data, err := feed.Next(until)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, nil
	}
	return data, sourceError(ctx, err)
}

// sourceError marks what ends a view: nothing will come from it any more.
func sourceError(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrSlow) || errors.Is(err, ErrForgotten) {
		return err
	}
	return Permanent(err)
}

// step writes the changes of a step, which it releases, and commits if it is time.
func (r *Runner) step(ctx context.Context, data *stream.StepData) error {
	defer data.Release()
	rows := 0
	for _, b := range data.Rows {
		rows += int(b.NumRows())
	}
	r.at, r.clock = data.Commit, data.Clock
	if rows == 0 && r.mode == Changes && !r.open {
		r.meter.reached(r.at, r.clock)
		r.well()
		return nil
	}
	if !r.open {
		beginning, cancel := r.bounded(ctx)
		err := r.cfg.Sink.Begin(beginning, r.mode)
		cancel()
		if err != nil {
			return err
		}
		r.open, r.first = true, time.Now()
	}
	r.torn = true
	for _, b := range data.Rows {
		if err := r.cfg.Sink.Write(ctx, data.Commit, b.Batch); err != nil {
			return err
		}
	}
	r.pending += rows
	r.torn = false
	if r.full() {
		return r.commit(ctx)
	}
	return nil
}

// full tells whether it is time to commit. What begins with the view's content
// is committed at once: a cursor is worth more than a larger batch.
func (r *Runner) full() bool {
	l := r.cfg.Limits
	return r.mode != Changes ||
		l.Rows > 0 && r.pending >= l.Rows ||
		l.Bytes > 0 && r.cfg.Sink.Bytes() >= l.Bytes ||
		l.Wait > 0 && time.Since(r.first) >= l.Wait
}

// well notes that nothing waits for the destination any more.
func (r *Runner) well() {
	if since := r.meter.well(); !since.IsZero() {
		r.cfg.Logger.Info("sink gets through again", "sink", r.cfg.Name, "after", time.Since(since).Round(time.Millisecond).String())
	}
}

func (r *Runner) commit(ctx context.Context) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	r.torn = true
	out, err := r.cfg.Sink.Commit(ctx, r.at)
	if err != nil {
		return err
	}
	r.well()
	r.meter.change(func(s *Stats) {
		s.Rows += int64(r.pending) - out.Refused - out.Stayed
		s.Batches++
		s.Refused += out.Refused
		s.Stayed += out.Stayed
		if out.Why != "" {
			s.Err, s.ErrAt = out.Why, time.Now()
		}
		if r.mode == Resync {
			s.Resyncs++
		}
		s.Cursor, s.Clock = r.at, r.clock
	})
	r.pending, r.open, r.torn, r.mode = 0, false, false, Changes
	return nil
}

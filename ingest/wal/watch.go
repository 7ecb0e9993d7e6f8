package wal

import (
	"context"
	"time"

	"weir/operators/stream"
)

// tickPeriod is how long the log may be silent before it writes a tick.
const tickPeriod = time.Second

// stepLeft is how long the open step still is, and a little more, because a
// commit at exactly its end still belongs to it.
func (l *Log) stepLeft() time.Duration {
	return max(0, stepLength-(l.cfg.Monotonic()-l.stepFirst)) + stepLength/50
}

// watch does what nobody asks for: it ends steps for readers at the head, writes
// ticks, and looks for jumps of the wall clock. It ends with ctx.
func (l *Log) watch(ctx context.Context) {
	defer close(l.watchDone)
	defer l.stepTimer.Stop()
	defer l.tickTimer.Stop()
	silence := time.NewTimer(tickPeriod)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.stepTimer.C:
			l.endStep()
		case <-l.tickTimer.C:
			if l.tickIsDue() {
				_, _ = l.Control(ctx, Control{Kind: Tick}) // for errors see below
				l.waitForTick()
			}
		case <-silence.C:
			kind, wait := l.lookAtSilence()
			if kind != 0 {
				// An error is a full queue, which is no silence, or the end of the
				// log, which others are told about.
				_, _ = l.Control(ctx, Control{Kind: kind})
			}
			silence.Reset(wait)
		}
	}
}

// endStep closes the open step if it is older than stepLength. A commit that is
// on its way may belong to it; the leader then sees to the end itself.
func (l *Log) endStep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stepOpen || l.committing {
		return
	}
	if l.cfg.Monotonic()-l.stepFirst <= stepLength {
		l.stepTimer.Reset(l.stepLeft())
		return
	}
	l.endStepLocked()
}

// untilTick is how long the wall clock takes to the tick that somebody wants, at
// most tickPeriod, because it may jump.
func (l *Log) untilTick() time.Duration {
	wait := l.tickBy.Go().Sub(l.cfg.Clock())
	return min(max(wait, time.Millisecond), tickPeriod)
}

// tickIsDue tells whether a tick has to be written that somebody wants. If it is too
// early for one, the timer goes on.
func (l *Log) tickIsDue() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed || l.err != nil || l.tickBy == stream.MinTime:
		return false
	case l.arrival >= l.tickBy:
		l.tickBy = stream.MinTime
		return false
	case stream.FromGo(l.cfg.Clock()) < l.tickBy:
		l.tickTimer.Reset(l.untilTick())
		return false
	}
	return true
}

// waitForTick sets the timer again as long as the tick is not there: the queue may
// have been full.
func (l *Log) waitForTick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.arrival >= l.tickBy {
		l.tickBy = stream.MinTime
		return
	}
	l.tickTimer.Reset(l.untilTick())
}

// lookAtSilence returns the control commit that is due, or 0, and when to look again.
func (l *Log) lookAtSilence() (ControlKind, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.err != nil {
		return 0, tickPeriod
	}
	if l.lookAtClocksLocked() {
		return Start, tickPeriod
	}
	if quiet := l.cfg.Monotonic() - l.lastCommit; quiet < tickPeriod {
		return 0, max(tickPeriod-quiet, time.Millisecond)
	}
	last := l.segments[len(l.segments)-1].lastRecord
	now := max(stream.FromGo(l.cfg.Clock()), l.arrival)
	if last == stream.MinTime || now >= last.Add(l.tickWindow) {
		return 0, tickPeriod
	}
	return Tick, tickPeriod
}

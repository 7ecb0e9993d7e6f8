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
	silence := time.NewTimer(tickPeriod)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.stepTimer.C:
			l.endStep()
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

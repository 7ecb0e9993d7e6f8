package wal

import (
	"context"
	"errors"
	"maps"
	"os"
	"time"

	"weir/operators/stream"
)

// retainPeriod is how often the log looks at its retention and its disk.
const retainPeriod = time.Second

// retain removes what is beyond the retention, begins new segments by time and
// looks at the disk. It ends with ctx.
func (l *Log) retain(ctx context.Context) {
	defer close(l.retainDone)
	every := time.NewTicker(retainPeriod)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			l.lookAtDisk()
			if err := l.rollByTime(ctx); err != nil {
				continue // the log failed or is closed, which others are told about
			}
			if err := l.drop(ctx); err != nil && ctx.Err() == nil {
				l.cfg.Logger.Warn("segments beyond the retention could not be removed; the log tries again", "error", err)
			}
		}
	}
}

// rollByTime begins a new segment where the active one took records for long
// enough. It does not wait for a commit: a log that nobody writes to expires too.
func (l *Log) rollByTime(ctx context.Context) error {
	p := newPending()
	p.roll = true
	l.mu.Lock()
	if !l.rollDueLocked(l.nowLocked()) {
		l.mu.Unlock()
		return nil
	}
	if err := l.enqueueLocked(p); err != nil {
		l.mu.Unlock()
		return err
	}
	_, err := l.await(ctx, p)
	return err
}

// drop removes the oldest segments whose records are all beyond the retention.
func (l *Log) drop(ctx context.Context) error {
	l.dropMu.Lock()
	defer l.dropMu.Unlock()
	gone, next, err := l.claim(ctx)
	if err != nil || next == nil {
		return errors.Join(err, l.removeFiles())
	}
	if err := next.write(l.cfg.FS, l.cfg.Dir, l.logID); err != nil {
		// Nobody knows which BASE is on the disk, but either fits: no file went.
		return err
	}
	l.mu.Lock()
	l.base = next
	l.segments = append([]*segment(nil), l.segments[len(gone):]...)
	l.stats.DroppedSegments += uint64(len(gone))
	for _, s := range gone {
		l.stats.DroppedBytes += uint64(s.end)
		l.leftovers = append(l.leftovers, s.path)
	}
	l.mu.Unlock()
	return l.removeFiles()
}

// claim decides which segments go, and from then on refuses readers that want
// them. What is known of them otherwise than from their files is in the base that
// it returns, nil where none goes.
func (l *Log) claim(ctx context.Context) ([]*segment, *base, error) {
	l.mu.Lock()
	n, broken := l.expendableLocked(l.nowLocked())
	if n == 0 || l.err != nil || l.closed {
		l.mu.Unlock()
		return nil, nil, nil
	}
	segments, old := l.segments, l.base
	last := segments[n-1]
	next := &base{
		first: last.last + 1, step: last.lastStep, arrival: last.lastArrival, lastRecord: last.lastRecord,
		lastControl: old.lastControl, ends: maps.Clone(old.ends),
	}
	first, firstAfter := l.first, l.firstAfter
	l.first, l.firstAfter = next.first, next.arrival
	next.keys = l.keys.until(next.first)
	if broken > 0 {
		l.stats.Broken += uint64(broken)
		l.cfg.Logger.Warn("readers or holds are behind the retention: too much was kept for them", "first", uint64(next.first), "behind", broken)
	}
	l.mu.Unlock()
	err := l.gather(ctx, segments, n, next)
	if err != nil {
		l.mu.Lock()
		l.first, l.firstAfter = first, firstAfter
		l.mu.Unlock()
		return nil, nil, err
	}
	return segments[:n], next, nil
}

// gather reads what the base needs out of the first n segments.
func (l *Log) gather(ctx context.Context, segments []*segment, n int, next *base) error {
	ft, err := l.footerOf(segments, n-1)
	if err != nil {
		return err
	}
	next.seqs, next.marks = ft.seqs, ft.marks
	for i, s := range segments[:n] {
		if s.lastControl == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		_, controls, err := l.indexOf(segments, i)
		if err != nil {
			return err
		}
		err = l.readControls(s, controls, func(f *Frame) error {
			next.lastControl = f.Commit
			if f.Control.Kind == End && next.ends[f.Control.Stream] == 0 {
				next.ends[f.Control.Stream] = f.Commit
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expendableLocked returns how many of the oldest segments go now, and how many
// readers and holds wanted some of them.
func (l *Log) expendableLocked(now stream.Time) (n, broken int) {
	if l.retention == nil || l.retention.Keep {
		return 0, 0
	}
	kept := int64(0) // bytes that are there only because somebody wants them
	wanted := l.pinnedLocked()
	free := 0
	for _, s := range l.segments {
		if !s.sealed || !l.expiredLocked(s, now) {
			break
		}
		n++
		if s.last < wanted {
			free = n
		} else {
			kept += s.end
		}
	}
	limit := max(l.cfg.HoldBytesMax, 0)
	if kept <= limit {
		return free, 0
	}
	cut := free
	for ; cut < n && kept > limit; cut++ {
		kept -= l.segments[cut].end
	}
	return cut, l.behindCountLocked(l.segments[cut-1].last)
}

// behindCountLocked counts who wants a commit up to the given one.
func (l *Log) behindCountLocked(last stream.Commit) (n int) {
	for p := range l.pins {
		if p.after < last {
			n++
			delete(l.pins, p) // it finds out when it wants to read on
		}
	}
	for name, after := range l.holds {
		if after < last {
			n++
			delete(l.holds, name)
		}
	}
	return n
}

// expiredLocked tells whether nothing in a segment is needed any more, but for
// readers and holds.
func (l *Log) expiredLocked(s *segment, now stream.Time) bool {
	if s.lastControl > l.released {
		return false
	}
	if s.unknown {
		for id := range l.retention.Streams {
			if s.lastArrival >= l.cutoffLocked(id, now) {
				return false
			}
		}
		return true
	}
	for i := range s.streams {
		if r := &s.streams[i]; r.lastArrival >= l.cutoffLocked(r.stream, now) {
			return false
		}
	}
	return true
}

// removeFiles removes the files of segments that no longer belong to the log.
// What is left is removed the next time, or by Open.
func (l *Log) removeFiles() error {
	if len(l.leftovers) == 0 {
		return nil
	}
	for len(l.leftovers) > 0 {
		if err := l.cfg.FS.Remove(l.leftovers[0]); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		l.leftovers = l.leftovers[1:]
	}
	return l.cfg.FS.SyncDir(l.cfg.Dir)
}

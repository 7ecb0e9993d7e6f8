package wal

import (
	"context"
	"fmt"
	"os"
	"sort"

	"weir/operators/stream"
)

// indexOf returns the sparse index of a segment.
func (l *Log) indexOf(segments []*segment, i int) ([]indexEntry, []controlEntry, error) {
	l.mu.Lock()
	s := segments[i]
	index, controls, sealed := s.index, s.controls, s.sealed
	l.mu.Unlock()
	if index != nil || !sealed {
		return index, controls, nil
	}
	ft, err := l.footerOf(segments, i)
	if err != nil {
		return nil, nil, err
	}
	return ft.index, ft.controls, nil
}

// offsetNear returns the offset of a frame of segment i at or before commit.
func (l *Log) offsetNear(segments []*segment, i int, commit stream.Commit) (int64, error) {
	index, _, err := l.indexOf(segments, i)
	if err != nil {
		return 0, err
	}
	return floor(index, commit).offset, nil
}

// CommitAt returns the last commit that arrived before t, or the one before
// First where that is later: a query that
// starts after it reads everything that arrived at t or later. Where the log is
// damaged it may return an earlier commit; a reader from there meets the damage.
func (l *Log) CommitAt(t stream.Time) stream.Commit {
	l.mu.Lock()
	segments, end := l.segments, int64(0)
	i := sort.Search(len(segments), func(i int) bool {
		return segments[i].last < segments[i].first || segments[i].firstArrival >= t
	}) - 1
	if i < 0 {
		defer l.mu.Unlock()
		return l.first - 1
	}
	s := segments[i]
	end = s.end
	last, lastArrival := s.last, s.lastArrival
	l.mu.Unlock()
	if lastArrival < t {
		return last
	}
	index, _, err := l.indexOf(segments, i)
	if err != nil {
		return s.first - 1
	}
	at := index[max(sort.Search(len(index), func(i int) bool { return index[i].arrival >= t })-1, 0)]
	found := at.commit - 1
	f, err := l.cfg.FS.OpenFile(s.path, os.O_RDONLY)
	if err != nil {
		return found
	}
	defer f.Close()
	sc := scanner{f: f, off: at.offset, end: end, seed: l.seed}
	for {
		b, err := sc.bytes(fixedSize)
		if err != nil {
			return found
		}
		h, err := parseHeader(b, l.seed)
		if err != nil || h.arrival >= t {
			return found
		}
		found = h.commit
		sc.off += int64(h.size)
	}
}

// ArrivalOf returns when a commit arrived. It fails with a *BehindRetentionError
// where the commit was removed, but for the newest of those.
func (l *Log) ArrivalOf(commit stream.Commit) (stream.Time, error) {
	l.mu.Lock()
	segments := l.segments
	first, head := l.first, l.commit
	if commit+1 == first {
		defer l.mu.Unlock()
		return l.firstAfter, nil
	}
	free := l.pinLocked(commit - 1)
	i := sort.Search(len(segments), func(i int) bool { return segments[i].last >= commit })
	l.mu.Unlock()
	defer free()
	switch {
	case commit < first:
		return 0, l.behind(commit - 1)
	case commit > head || i == len(segments):
		return 0, fmt.Errorf("arrival of commit %d: the last is %d", commit, head)
	}
	s := segments[i]
	near, err := l.offsetNear(segments, i, commit)
	if err != nil {
		return 0, err
	}
	f, err := l.cfg.FS.OpenFile(s.path, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	l.mu.Lock()
	sc := scanner{f: f, off: near, end: s.end, seed: l.seed}
	l.mu.Unlock()
	for {
		b, err := sc.bytes(fixedSize)
		var h header
		if err == nil {
			h, err = parseHeader(b, l.seed)
		}
		if err != nil {
			return 0, &DamageError{s.path, sc.off, commit, 0, err}
		}
		if h.commit == commit {
			return h.arrival, nil
		}
		sc.off += int64(h.size)
	}
}

// EachControl calls fn for every durable reshard, end and DDL commit, in order,
// without reading what lies between them: a catalog is
// rebuilt with it. Those up to RemovedControls are gone. An error of fn ends it.
func (l *Log) EachControl(ctx context.Context, fn func(*Frame) error) error {
	return l.eachControl(ctx, 0, fn)
}

func (l *Log) eachControl(ctx context.Context, after stream.Commit, fn func(*Frame) error) error {
	l.mu.Lock()
	segments := l.segments
	free := l.pinLocked(max(after, l.first-1))
	l.mu.Unlock()
	defer free()
	for i, s := range segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.mu.Lock()
		last, gone := s.lastControl, s.last < l.first
		l.mu.Unlock()
		if last <= after || gone {
			continue
		}
		_, controls, err := l.indexOf(segments, i)
		if err != nil {
			return fmt.Errorf("read controls: %w", err)
		}
		if len(controls) == 0 {
			continue
		}
		if err := l.readControls(segments[i], controls, fn); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) readControls(s *segment, controls []controlEntry, fn func(*Frame) error) error {
	f, err := l.cfg.FS.OpenFile(s.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	l.mu.Lock()
	end := s.end
	l.mu.Unlock()
	sc := scanner{f: f, end: end, seed: l.seed}
	for _, c := range controls {
		sc.off = c.offset
		frame, err := sc.next()
		if err == nil && frame.Commit != c.commit {
			err = fmt.Errorf("commit %d lies here", frame.Commit)
		}
		if err != nil {
			return &DamageError{s.path, c.offset, c.commit, c.commit, err}
		}
		if err := fn(frame); err != nil {
			return err
		}
	}
	return nil
}

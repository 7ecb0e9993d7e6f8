package wal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"weir/operators/stream"
)

// DamageError says that bytes that were acknowledged are not there or are not
// what was written. The log refuses to open, and a reader to go on: nothing is skipped.
type DamageError struct {
	Segment     string
	Offset      int64
	First, Last stream.Commit // the commits that are affected; Last is 0 where it is not known
	Reason      error
}

// Error names the segment, the offset and the commits.
func (e *DamageError) Error() string {
	which := fmt.Sprintf("commits %d and later", e.First)
	if e.Last != 0 {
		which = fmt.Sprintf("commits %d to %d", e.First, e.Last)
	}
	return fmt.Sprintf("the log is damaged: segment %s at byte %d, %s: %v", e.Segment, e.Offset, which, e.Reason)
}

// Unwrap returns the reason.
func (e *DamageError) Unwrap() error { return e.Reason }

// Open opens the log in cfg.Dir, or makes one. It cuts a torn tail, refuses any
// other damage with a *DamageError, and writes a `start` control commit.
func Open(cfg Config) (*Log, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("open wal %s: %w", cfg.Dir, err)
	}
	lock, err := lockFile(filepath.Join(cfg.Dir, "LOCK"))
	if err != nil {
		return nil, fmt.Errorf("open wal %s: %w", cfg.Dir, err)
	}
	l := &Log{
		cfg: cfg, lock: lock, failed: make(chan struct{}), watchDone: make(chan struct{}), retainDone: make(chan struct{}),
		arrival: stream.MinTime, keys: newKeyMemory(KeysMax), base: newBase(),
		pins: map[*pin]struct{}{}, holds: map[string]stream.Commit{}, diskFree: -1,
	}
	l.idle = sync.NewCond(&l.mu)
	l.stepTimer = time.NewTimer(time.Hour)
	l.stepTimer.Stop()
	l.tickBy, l.tickTimer = stream.MinTime, time.NewTimer(time.Hour)
	l.tickTimer.Stop()
	l.lastWall, l.lastMono = cfg.Clock().Round(0), cfg.Monotonic()
	if err := l.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open wal %s: %w", cfg.Dir, err), l.closeFiles())
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stopWatch = cancel
	l.lookAtDisk()
	go l.watch(ctx)
	go l.retain(ctx)
	if _, err := l.Control(ctx, Control{Kind: Start}); err != nil {
		return nil, errors.Join(fmt.Errorf("open wal %s: %w", cfg.Dir, err), l.Close())
	}
	return l, nil
}

// load reads what is there and leaves an active segment that is ready for the next frame.
func (l *Log) load() error {
	head, logID, acked, err := openHead(l.cfg.FS, l.cfg.Dir)
	if err != nil {
		return err
	}
	l.head = head
	firsts, err := listSegments(l.cfg.FS, l.cfg.Dir)
	if err != nil {
		return err
	}
	baseID := uint64(0)
	if l.base, baseID, err = readBase(l.cfg.FS, l.cfg.Dir); err != nil {
		return err
	}
	l.first, l.firstAfter = l.base.first, l.base.arrival
	if firsts, err = l.sweep(firsts); err != nil {
		return err
	}
	if baseID != 0 && logID != 0 && baseID != logID {
		return &DamageError{filepath.Join(l.cfg.Dir, baseName), 0, 1, 0, errors.New("it belongs to another log")}
	}
	acked = max(acked, l.base.first-1)
	switch {
	case len(firsts) > 0:
		if logID == 0 {
			l.cfg.Logger.Warn("HEAD of the log is gone: a loss of its last commits cannot be told from a torn tail", "dir", l.cfg.Dir)
		}
		r := &recovery{l: l, acked: acked, logID: max(logID, baseID)}
		if err := r.run(firsts); err != nil {
			return err
		}
	case acked > 0:
		return &DamageError{l.cfg.Dir, 0, 1, acked, errors.New("there is no segment")}
	default:
		if l.logID, err = newLogID(); err != nil {
			return err
		}
		l.seed = seedOf(l.logID)
		l.next, l.marks = map[shardKey]stream.Seq{}, map[uint32]Mark{}
	}
	if err := l.readyHead(); err != nil {
		return err
	}
	if l.file == nil {
		file, seg, err := createSegment(l.cfg.FS, l.cfg.Dir, l.logID, l.commit+1)
		if err != nil {
			return err
		}
		if n := len(l.segments); n > 0 {
			seg.lastRecord = l.segments[n-1].lastRecord
		}
		l.file, l.fileBytes = file, segmentHeaderSize
		l.segments = append(l.segments, seg)
	}
	l.active = l.segments[len(l.segments)-1]
	l.doneStep, l.recovered = l.step, l.commit
	l.lastCommit = l.cfg.Monotonic()
	return nil
}

// sweep removes the segments that BASE says are gone: the removal was cut short.
func (l *Log) sweep(firsts []stream.Commit) ([]stream.Commit, error) {
	n := 0
	for n < len(firsts) && firsts[n] < l.base.first {
		l.leftovers = append(l.leftovers, filepath.Join(l.cfg.Dir, segmentName(firsts[n])))
		n++
	}
	return firsts[n:], l.removeFiles()
}

// readyHead gives HEAD its full length and both slots what is known now.
func (l *Log) readyHead() error {
	for range 2 {
		if err := l.head.write(l.logID, l.commit); err != nil {
			return err
		}
	}
	if err := l.head.f.Datasync(); err != nil {
		return err
	}
	return l.cfg.FS.SyncDir(l.cfg.Dir)
}

func newLogID() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]) | 1, nil
}

package wal

import (
	"fmt"

	"weir/operators/stream"
)

// BehindRetentionError says that commits that a reader or a hold wanted were
// removed, because they are beyond the retention and too much waited for it.
// Nothing is skipped: a reader that gets it gets nothing more.
type BehindRetentionError struct {
	From, To stream.Commit // the commits that were wanted and are gone
	Arrival  stream.Time   // of To
}

// Error names the range.
func (e *BehindRetentionError) Error() string {
	return fmt.Sprintf("behind_retention: commits %d to %d, which arrived up to %s, are beyond the retention and were removed",
		e.From, e.To, e.Arrival.Go().Format("2006-01-02 15:04:05.000"))
}

// pin keeps the commits behind after.
type pin struct{ after stream.Commit }

// behind returns the error for who has everything up to after and wants more.
func (l *Log) behind(after stream.Commit) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.behindLocked(after)
}

func (l *Log) behindLocked(after stream.Commit) error {
	return &BehindRetentionError{From: after + 1, To: l.first - 1, Arrival: l.firstAfter}
}

// Hold keeps the commits behind after in the log under a name, such as that of a
// query whose oldest checkpoint is there; the same name again moves the hold. It
// fails with a *BehindRetentionError where commits behind after are gone, and is
// released then. A hold does not outlive the process: after Open it has to be
// there before SetRetention is called without Keep.
//
// What holds and readers keep beyond the retention is limited by
// Config.HoldBytesMax. Beyond that the oldest segments go all the same.
func (l *Log) Hold(name string, after stream.Commit) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if after+1 < l.first {
		delete(l.holds, name)
		return l.behindLocked(after)
	}
	l.holds[name] = after
	return nil
}

// Release ends a hold; one that is not there is no error.
func (l *Log) Release(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.holds, name)
}

// pinnedLocked returns the first commit that somebody still wants, or MaxUint64.
func (l *Log) pinnedLocked() stream.Commit {
	first := ^stream.Commit(0)
	for p := range l.pins {
		first = min(first, p.after+1)
	}
	for _, after := range l.holds {
		first = min(first, after+1)
	}
	return first
}

// pinLocked keeps the commits behind after until the returned function is called.
func (l *Log) pinLocked(after stream.Commit) (free func()) {
	p := &pin{after}
	l.pins[p] = struct{}{}
	return func() { l.unpin(p) }
}

func (l *Log) unpin(p *pin) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pins, p)
}

package sinks

import (
	"sync"
	"time"

	"weir/operators/stream"
)

// State is how a sink is doing.
type State string

// The states.
const (
	Starting State = "starting" // has not reached its destination yet
	Running  State = "running"
	Retrying State = "retrying" // the destination does not take the rows; Since tells since when
	Stopped  State = "stopped"  // for good; Err tells why
)

// Stats is what a runner has done since it began, and where it stands.
type Stats struct {
	State   State
	Since   time.Time // of Retrying: the first failure
	Err     string    // the last error, "" if there was none
	ErrAt   time.Time
	Rows    int64 // rows that the destination took: those that left included, refused ones not
	Batches int64 // commits at the destination
	Retries int64 // failed attempts
	Resyncs int64 // times that it began anew from the content
	Refused int64 // rows that the destination did not take
	Stayed  int64 // rows that left the view and stay at the destination

	Cursor stream.Commit // everything up to here is at the destination
	Clock  stream.Time   // arrival time of that commit; MinTime: not known yet
}

// meter is Stats under a lock.
type meter struct {
	mu sync.Mutex
	s  Stats
}

func (m *meter) get() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s
}

func (m *meter) change(f func(*Stats)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.s)
}

// reached moves the cursor.
func (m *meter) reached(c stream.Commit, clock stream.Time) {
	m.change(func(s *Stats) { s.Cursor, s.Clock = c, clock })
}

// failed notes an error after which the runner tries again. It tells whether it
// is the first since things went well.
func (m *meter) failed(err error, now time.Time) (first bool) {
	m.change(func(s *Stats) {
		s.Retries++
		s.Err, s.ErrAt = err.Error(), now
		if first = s.State != Retrying; first {
			s.State, s.Since = Retrying, now
		}
	})
	return first
}

// well notes that the destination answers. It tells since when it did not.
func (m *meter) well() (since time.Time) {
	m.change(func(s *Stats) {
		if s.State == Retrying {
			since = s.Since
		}
		s.State, s.Since = Running, time.Time{}
	})
	return since
}

func (m *meter) stopped(err error, now time.Time) {
	m.change(func(s *Stats) { s.State, s.Since, s.Err, s.ErrAt = Stopped, now, err.Error(), now })
}

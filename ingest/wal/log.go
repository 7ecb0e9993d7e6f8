package wal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"weir/operators/stream"
)

// Errors that a caller branches on.
var (
	// ErrBusy says that the queue is full; the request may be tried again.
	ErrBusy = errors.New("the log is busy")
	// ErrKeyReused says that an idempotency key came before with another body.
	ErrKeyReused = errors.New("the idempotency key was used for another request")
	// ErrClosed says that the log was closed.
	ErrClosed = errors.New("the log is closed")
	// ErrDiskReserve says that the disk has no more room than is to be left; the
	// request may be tried again when there is more.
	ErrDiskReserve = errors.New("the disk is nearly full, and the log takes no records")
	// ErrTooLarge says that a request can never be appended.
	ErrTooLarge = errors.New("the request is too large for the log")
)

// Config says where a log lies and how it behaves.
type Config struct {
	Dir           string
	SegmentBytes  int64 // a segment is sealed once it is this long; default 128 MiB
	MaxQueueBytes int   // Append fails with ErrBusy beyond; default 64 MiB
	// HoldBytesMax is how much readers and holds keep of what is beyond the
	// retention; default 1 GiB, negative: nothing.
	HoldBytesMax int64
	// DiskReserve is how many bytes of the disk are left free: Append fails with
	// ErrDiskReserve below. 0 is 512 MiB or 2 % of the disk, whichever is less;
	// negative is none.
	DiskReserve int64
	// Disk returns the free bytes and the size of the disk that Dir is on;
	// default: what the system says, where it says something.
	Disk   func() (free, size int64, err error)
	Cipher Cipher           // nil: nothing is sealed
	Logger *slog.Logger     // default: says nothing
	Clock  func() time.Time // the wall clock; default time.Now
	// Monotonic is the clock that steps and wall clock jumps are measured by;
	// default: the time since Open. A test that sets Clock and lets it run
	// differently from real time sets this too, or gets `start` commits.
	Monotonic func() time.Duration
	FS        FS // default: the file system
}

func (c *Config) fill() error {
	if c.Dir == "" {
		return errors.New("the log has no directory")
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = 128 << 20
	}
	if c.MaxQueueBytes == 0 {
		c.MaxQueueBytes = 64 << 20
	}
	if c.HoldBytesMax == 0 {
		c.HoldBytesMax = 1 << 30
	}
	if c.Disk == nil {
		dir := c.Dir
		c.Disk = func() (int64, int64, error) { return diskOf(dir) }
	}
	if c.SegmentBytes < 0 || c.MaxQueueBytes < 0 {
		return errors.New("a size of the log is negative")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Monotonic == nil {
		base := time.Now()
		c.Monotonic = func() time.Duration { return time.Since(base) }
	}
	if c.FS == nil {
		c.FS = osFS{}
	}
	return nil
}

// Log is the shard log of a process. All methods are safe for concurrent use.
type Log struct {
	cfg   Config
	logID uint64
	seed  uint32

	recovered stream.Commit // the last commit that was there when it was opened

	lock *os.File

	failed     chan struct{}
	stopWatch  context.CancelFunc
	watchDone  chan struct{}
	retainDone chan struct{}
	stepTimer  *time.Timer

	// The leader's: whoever has the lead uses them without mu.
	file      File
	fileBytes int64 // length of file, with zeros that were written ahead
	head      *headFile
	scratch   composer
	active    *segment // the last of segments; changes under mu

	mu         sync.Mutex
	idle       *sync.Cond // the lead is free
	queue      []*pending
	queueBytes int
	leading    bool
	committing bool // a frame is composed and not yet published
	closed     bool
	err        error
	wake       chan struct{} // closed when something is published; nil while nobody waits

	// What is durable. next is read without mu by the leader, who alone writes it.
	segments []*segment // the last is the active one
	commit   stream.Commit
	step     stream.Step
	doneStep stream.Step // the newest step that is over
	arrival  stream.Time
	next     map[shardKey]stream.Seq
	keys     *keyMemory
	marks    map[uint32]Mark // of producers

	stepOpen   bool          // step may get another commit
	stepFirst  time.Duration // monotonic time of its first commit
	lastCommit time.Duration // monotonic time of the last commit
	lastWall   time.Time
	lastMono   time.Duration
	jumped     bool // the wall clock jumped and no start mark says so yet
	tickWindow time.Duration
	tickBy     stream.Time // when somebody wants a tick; MinTime: nobody does
	tickTimer  *time.Timer
	stats      Stats

	retention  *Retention // nil: everything is kept
	released   stream.Commit
	base       *base
	first      stream.Commit // the first commit that can be read: base.first, or what it is about to be
	firstAfter stream.Time   // arrival of the commit before first
	pins       map[*pin]struct{}
	holds      map[string]stream.Commit

	diskLow   bool
	diskFree  int64 // -1 where it is not known
	unlooked  int64 // bytes written since somebody looked at the disk
	lookAfter int64 // bytes written until somebody should look again

	dropMu    sync.Mutex               // one removal at a time
	leftovers []string                 // under dropMu: files to remove
	ends      map[uint32]stream.Commit // under dropMu: of streams; nil: nobody asked
	endsUpTo  stream.Commit            // under dropMu
}

// Stats counts what the log did since it was opened.
type Stats struct {
	Commits     uint64 // control commits included
	Controls    uint64
	Requests    uint64 // repeated ones not included
	Repeated    uint64 // requests that were answered by their idempotency key
	Records     uint64
	RawBytes    uint64 // of the records as they came
	StoredBytes uint64 // written, frames and all
	Syncs       uint64
	SyncNanos   uint64
	QueueBytes  int // waiting or being written now
	Segments    int
	Steps       uint64

	Bytes           int64         // of all segments
	First           stream.Commit // that can be read
	Oldest          stream.Time   // arrival of First; MinTime in an empty log
	DroppedSegments uint64
	DroppedBytes    uint64
	Broken          uint64 // readers and holds that were behind the retention
	Holds           int
	DiskFree        int64 // -1 where it is not known
	DiskLow         bool  // Append fails with ErrDiskReserve
}

// Stats returns the counters.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.QueueBytes = l.queueBytes
	s.Segments = len(l.segments)
	s.First, s.Holds, s.DiskFree, s.DiskLow = l.first, len(l.holds), l.diskFree, l.diskLow
	for _, seg := range l.segments {
		s.Bytes += seg.end
	}
	s.Oldest = l.segments[0].firstArrival
	return s
}

// Head returns the newest durable commit and its step.
func (l *Log) Head() (stream.Commit, stream.Step) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commit, l.step
}

// Newest returns the newest durable commit and when it arrived.
func (l *Log) Newest() (stream.Commit, stream.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commit, l.arrival
}

// Grown returns a channel that is closed once there is a commit behind the given one.
// It may be closed earlier, too.
func (l *Log) Grown(after stream.Commit) (<-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case after < l.commit:
		now := make(chan struct{})
		close(now)
		return now, nil
	case l.err != nil:
		return nil, l.err
	case l.closed && !l.leading:
		return nil, ErrClosed
	}
	return l.wakeLocked(), nil
}

// wakeLocked returns what notifyLocked closes next.
func (l *Log) wakeLocked() <-chan struct{} {
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return l.wake
}

// ID tells this log from every other one.
func (l *Log) ID() uint64 { return l.logID }

// Recovered returns the last commit that Open found: what follows it was written
// since.
func (l *Log) Recovered() stream.Commit { return l.recovered }

// NextSeq returns the sequence that the next record of a shard will get, which
// is the number of durable records that it ever had.
func (l *Log) NextSeq(streamID uint32, shard stream.Shard) stream.Seq {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next[shardKey{streamID, shard}]
}

// Failed is closed when the log cannot write any more. The process should say
// so, stop being healthy and exit; Open finds out what is really there.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// Err returns why the log failed, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// SetTickWindow makes a second without a commit write a tick while the last
// record is younger than d by the log's clock. 0 means no ticks.
func (l *Log) SetTickWindow(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tickWindow = d
}

// TickBy makes the log tick once its clock has reached at, unless a commit has come
// until then. The log remembers the earliest time alone: whoever wants a later one
// says so again when a commit has come.
func (l *Log) TickBy(at stream.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at <= l.arrival || l.tickBy > l.arrival && l.tickBy <= at {
		return
	}
	l.tickBy = at
	l.tickTimer.Reset(l.untilTick())
}

// Close waits for what is queued, refuses what comes after, and releases the
// directory. Readers may read on up to the head and then get ErrClosed. It
// returns why the log failed, if it did.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	for l.leading {
		l.idle.Wait()
	}
	l.endStepLocked()
	l.notifyLocked()
	err := l.err
	l.mu.Unlock()
	l.stopWatch()
	<-l.watchDone
	<-l.retainDone
	if err == nil {
		err = l.trimTail()
	}
	return errors.Join(err, l.closeFiles())
}

// trimTail leaves the files of a log that was closed in peace: no zeros behind
// the last frame, and a HEAD that is durable.
func (l *Log) trimTail() error {
	active := l.active
	if l.fileBytes > active.end {
		if err := l.file.Truncate(active.end); err != nil {
			return fmt.Errorf("close %s: %w", active.path, err)
		}
		if err := l.file.Datasync(); err != nil {
			return fmt.Errorf("close %s: %w", active.path, err)
		}
	}
	if err := l.head.f.Datasync(); err != nil {
		return fmt.Errorf("close HEAD: %w", err)
	}
	return nil
}

func (l *Log) closeFiles() error {
	var errs []error
	if l.file != nil {
		errs = append(errs, l.file.Close())
	}
	if l.head != nil {
		errs = append(errs, l.head.f.Close())
	}
	return errors.Join(append(errs, l.lock.Close())...)
}

// notifyLocked wakes the readers that wait at the head.
func (l *Log) notifyLocked() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}

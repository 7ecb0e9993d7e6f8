package wal

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"sort"
	"time"

	"weir/operators/stream"
)

// Retention says how long records are kept, by their arrival. A log that was not
// told keeps everything.
type Retention struct {
	// Streams are those that exist; 0 keeps the records of a stream for ever.
	Streams map[uint32]time.Duration
	// Since is the arrival before which records of a stream are gone, whatever Streams
	// says: they were when it became longer.
	Since map[uint32]stream.Time
	// Last is the greatest number that a stream was ever given: a stream up to
	// it that is not in Streams was dropped, and its records count as gone. A
	// greater one is being made and is kept.
	Last uint32
	// Producers are those that exist, with numbers of the same kind: the marks of
	// others up to Last are forgotten. nil: nobody says.
	Producers map[uint32]bool
	// Keep removes no segment, whatever Horizon says: who starts has still to say
	// what it holds.
	Keep bool
}

// SetRetention replaces what Retention says. Segments are removed from then on
// unless Keep is set, so whoever wants to keep one has called Hold before.
func (l *Log) SetRetention(r Retention) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retention = &r
	l.forgetMarksLocked(&r)
}

// ReleaseControls says that the reshards, ends and DDL commits up to the given
// one are kept elsewhere, durably. Until then no segment that holds one is
// removed, since a catalog is rebuilt with them.
func (l *Log) ReleaseControls(upTo stream.Commit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = max(l.released, upTo)
}

// RemovedControls returns the newest reshard, end or DDL commit that was removed
// with its segment, or 0: a catalog that knows less cannot be restored.
func (l *Log) RemovedControls() stream.Commit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.base.lastControl
}

// First returns the first commit that can be read.
func (l *Log) First() stream.Commit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// nowLocked is the clock of retention. It never lies behind an arrival.
func (l *Log) nowLocked() stream.Time { return max(stream.FromGo(l.cfg.Clock()), l.arrival) }

// cutoffLocked returns the arrival from which on a stream's records are kept.
func (l *Log) cutoffLocked(id uint32, now stream.Time) stream.Time {
	if l.retention == nil {
		return stream.MinTime
	}
	since, cut := l.retention.Since[id]
	if !cut {
		since = stream.MinTime
	}
	switch d, ok := l.retention.Streams[id]; {
	case ok && d > 0:
		return max(since, now.Add(-d))
	case ok || id > l.retention.Last:
		return since
	}
	return stream.MaxTime
}

// Horizon is where a stream begins now.
type Horizon struct {
	// After is the last commit that is beyond the retention of the stream; what
	// follows it is there.
	After stream.Commit
	// Arrival is when the oldest records may have arrived; MinTime where all are
	// kept.
	Arrival stream.Time
}

// Horizon returns where a reader of a stream has to begin that wants what the
// stream's retention leaves. Segments with older records may still be there: a
// reader that began earlier goes on.
func (l *Log) Horizon(id uint32) Horizon {
	l.mu.Lock()
	h := Horizon{After: l.first - 1, Arrival: l.cutoffLocked(id, l.nowLocked())}
	head := l.commit
	l.mu.Unlock()
	switch h.Arrival {
	case stream.MinTime:
	case stream.MaxTime:
		h.After = head
	default:
		h.After = max(h.After, l.CommitAt(h.Arrival))
	}
	return h
}

// HadRecords tells whether a stream had a record in the commits up to the given
// one, whether it can still be read or not: who starts behind it has not seen
// all of the stream.
func (l *Log) HadRecords(id uint32, upTo stream.Commit) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, n := range l.base.seqs {
		if k.stream == id && n > 0 && upTo > 0 {
			return true
		}
	}
	for _, s := range l.segments {
		if s.first > upTo {
			break
		}
		if r := s.run(id); r != nil && r.first <= upTo || s.unknown {
			return true
		}
	}
	return false
}

// FirstSeqs returns the sequences that the shards 0 to n-1 of a stream had next
// behind the given commit: the first that a reader from there meets. It reads
// at most one segment.
func (l *Log) FirstSeqs(id uint32, n int, after stream.Commit) ([]stream.Seq, error) {
	l.dropMu.Lock() // nothing is removed meanwhile
	defer l.dropMu.Unlock()
	l.mu.Lock()
	segments, known := l.segments, l.base.seqs
	first, head := l.first, l.commit
	i := sort.Search(len(segments), func(i int) bool { return segments[i].last >= after })
	end := int64(0)
	if i < len(segments) {
		end = segments[i].end
	}
	l.mu.Unlock()
	switch {
	case after+1 < first:
		return nil, l.behind(after)
	case after > head:
		return nil, fmt.Errorf("sequences after commit %d: the last is %d", after, head)
	}
	if i > 0 && after >= first {
		ft, err := l.footerOf(segments, i-1)
		if err != nil {
			return nil, err
		}
		known = ft.seqs
	}
	out := make([]stream.Seq, n)
	for s := range out {
		out[s] = known[shardKey{id, stream.Shard(s)}]
	}
	if after < first {
		return out, nil
	}
	return out, l.countSeqs(segments[i], end, id, after, out)
}

// countSeqs moves seqs on by what a segment holds up to a commit.
func (l *Log) countSeqs(s *segment, end int64, id uint32, upTo stream.Commit, seqs []stream.Seq) error {
	f, err := l.cfg.FS.OpenFile(s.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	sc := scanner{f: f, off: segmentHeaderSize, end: end, seed: l.seed}
	for commit := s.first; commit <= upTo; commit++ {
		off := sc.off
		frame, err := sc.next()
		if err != nil {
			return &DamageError{s.path, off, commit, s.last, err}
		}
		for i := range frame.Blocks {
			if b := &frame.Blocks[i]; b.Stream == id && int(b.Shard) < len(seqs) {
				seqs[b.Shard] = b.First + stream.Seq(b.Count)
			}
		}
	}
	return nil
}

// EndOf returns the commit that ended a stream, or 0.
func (l *Log) EndOf(ctx context.Context, id uint32) (stream.Commit, error) {
	l.dropMu.Lock() // what is removed is in base, all else in the segments
	defer l.dropMu.Unlock()
	l.mu.Lock()
	after, known := l.endsUpTo, maps.Clone(l.ends)
	head := l.commit
	if known == nil {
		known = map[uint32]stream.Commit{}
	}
	maps.Copy(known, l.base.ends)
	l.mu.Unlock()
	err := l.eachControl(ctx, after, func(f *Frame) error {
		if f.Control.Kind == End && known[f.Control.Stream] == 0 {
			known[f.Control.Stream] = f.Commit
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	l.ends, l.endsUpTo = known, head
	return known[id], nil
}

// Retained is what the files of the log hold of a stream.
type Retained struct {
	// Oldest is a lower bound of the arrival of the oldest record that can be
	// read, exact to a segment; MinTime where there is none.
	Oldest stream.Time
	Bytes  int64 // as stored, in segments that hold a record within the retention
}

// Retained looks at what is known of each segment; it reads nothing.
func (l *Log) Retained(id uint32) Retained {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Retained{Oldest: stream.MinTime}
	cutoff := l.cutoffLocked(id, l.nowLocked())
	for _, s := range l.segments {
		r := s.run(id)
		if r == nil || r.lastArrival < cutoff {
			continue
		}
		if out.Bytes == 0 {
			out.Oldest = max(r.firstArrival, cutoff)
		}
		out.Bytes += r.bytes
	}
	return out
}

const (
	// rollParts is into how many segments a retention is cut.
	rollParts = 24
	// rollLeast is the shortest time that a segment takes records.
	rollLeast = time.Second
	// segmentsMany is from where on a segment is cut by the longest retention of
	// its streams instead of the shortest of all: more files would hardly free
	// anything earlier, and each costs Open a read.
	segmentsMany = 1000
)

// rollDueLocked tells whether the active segment has taken records long enough.
func (l *Log) rollDueLocked(now stream.Time) bool {
	a := l.active
	if l.retention == nil || len(a.streams) == 0 {
		return false
	}
	oldest := stream.MaxTime
	shortest, longest := time.Duration(math.MaxInt64), time.Duration(0)
	for i := range a.streams {
		r := &a.streams[i]
		oldest = min(oldest, r.firstArrival)
		switch d, ok := l.retention.Streams[r.stream]; {
		case ok && d > 0:
			longest = max(longest, d)
		case ok || r.stream > l.retention.Last:
			longest = math.MaxInt64
		}
	}
	for _, d := range l.retention.Streams {
		if d > 0 {
			shortest = min(shortest, d)
		}
	}
	period := shortest
	if len(l.segments) >= segmentsMany {
		period = longest
	}
	if longest == 0 {
		period = 0 // only dropped streams wrote here
	}
	if period == math.MaxInt64 {
		return false
	}
	return now >= oldest.Add(max(period/rollParts, rollLeast))
}

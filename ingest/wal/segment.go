package wal

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"weir/operators/stream"
)

// segment is one file of the log. Its fields change only while it is active, by
// the leader, under Log.mu.
type segment struct {
	path  string
	first stream.Commit // the file's name
	last  stream.Commit // first-1 while it is empty
	end   int64         // where its frames end: what may be read, for the active one

	firstArrival stream.Time
	lastArrival  stream.Time
	lastRecord   stream.Time // arrival of the newest commit of records up to here; MinTime without one
	lastStep     stream.Step

	sealed   bool
	index    []indexEntry   // sparse; nil where it lies in the footer
	controls []controlEntry // the controls that replay needs on their own; nil where they lie in the footer

	// lastControl is the newest reshard, end or DDL in it, or 0.
	lastControl stream.Commit
	// streams says what it holds of each stream, by the stream's number. It is
	// not known of segments that an earlier version sealed.
	streams []streamRun
	unknown bool
}

// streamRun is what a segment holds of one stream.
type streamRun struct {
	stream       uint32
	first        stream.Commit // with a record of the stream
	firstArrival stream.Time
	lastArrival  stream.Time
	records      uint64
	bytes        int64 // as stored
}

// run returns what the segment holds of a stream, or nil.
func (s *segment) run(id uint32) *streamRun {
	if i, ok := s.find(id); ok {
		return &s.streams[i]
	}
	return nil
}

func (s *segment) find(id uint32) (int, bool) {
	return slices.BinarySearchFunc(s.streams, id, func(r streamRun, id uint32) int { return cmp.Compare(r.stream, id) })
}

// addBlock notes a block of the frame that add is called for.
func (s *segment) addBlock(id uint32, commit stream.Commit, arrival stream.Time, records, bytes int) {
	i, ok := s.find(id)
	if !ok {
		s.streams = slices.Insert(s.streams, i, streamRun{stream: id, first: commit, firstArrival: arrival})
	}
	r := &s.streams[i]
	r.lastArrival = arrival
	r.records += uint64(records)
	r.bytes += int64(bytes)
}

// indexEntry says where a frame begins. There is one for the first frame of
// every indexBytes.
type indexEntry struct {
	commit  stream.Commit
	offset  int64
	arrival stream.Time
}

// controlEntry says where a reshard, an end or a DDL lies.
type controlEntry struct {
	commit stream.Commit
	offset int64
}

const (
	segmentHeaderSize = 64
	segmentSuffix     = ".wal"
	indexBytes        = 64 << 10
)

func segmentName(first stream.Commit) string {
	return fmt.Sprintf("%020d%s", uint64(first), segmentSuffix)
}

// add notes a frame that lies at [offset, offset+f.size).
func (s *segment) add(kind ControlKind, commit stream.Commit, step stream.Step, arrival stream.Time, offset int64, size int) {
	if s.last < s.first {
		s.firstArrival = arrival
	}
	if n := len(s.index); n == 0 || offset-s.index[n-1].offset >= indexBytes {
		s.index = append(s.index, indexEntry{commit, offset, arrival})
	}
	if kind == 0 {
		s.lastRecord = arrival
	}
	if kind == Reshard || kind == End || kind == DDL {
		s.controls = append(s.controls, controlEntry{commit, offset})
		s.lastControl = commit
	}
	s.last, s.lastStep, s.lastArrival = commit, step, arrival
	s.end = offset + int64(size)
}

// listSegments returns the first commits of the segments in dir, in order, and
// removes what a crash left half made.
func listSegments(fs FS, dir string) ([]stream.Commit, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var firsts []stream.Commit
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".tmp") {
			if err := fs.Remove(filepath.Join(dir, name)); err != nil {
				return nil, err
			}
			continue
		}
		base, ok := strings.CutSuffix(name, segmentSuffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(base, 10, 64)
		if err != nil || n == 0 || name != segmentName(stream.Commit(n)) {
			return nil, fmt.Errorf("%s is not the name of a segment", name)
		}
		firsts = append(firsts, stream.Commit(n))
	}
	sort.Slice(firsts, func(i, j int) bool { return firsts[i] < firsts[j] })
	return firsts, nil
}

// createSegment makes an empty segment. It gets its name when its header is
// durable, so a segment is never without one.
func createSegment(fs FS, dir string, logID uint64, first stream.Commit) (File, *segment, error) {
	path := filepath.Join(dir, segmentName(first))
	f, err := fs.OpenFile(path+".tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, nil, err
	}
	b := make([]byte, segmentHeaderSize)
	le := binary.LittleEndian
	le.PutUint64(b[0:], segmentMagic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint64(b[16:], logID)
	le.PutUint64(b[24:], uint64(first))
	le.PutUint32(b[60:], checksum(seedOf(logID), b[:60]))
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Datasync()
	}
	if err == nil {
		err = fs.Rename(path+".tmp", path)
	}
	if err == nil {
		err = fs.SyncDir(dir)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("create segment: %w", err)
	}
	return f, &segment{
		path: path, first: first, last: first - 1, end: segmentHeaderSize,
		firstArrival: stream.MinTime, lastArrival: stream.MinTime, lastRecord: stream.MinTime,
	}, nil
}

// readSegmentHeader returns the id of the log that the segment belongs to.
func readSegmentHeader(f File, first stream.Commit) (logID uint64, err error) {
	b := make([]byte, segmentHeaderSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return 0, fmt.Errorf("header: %w", err)
	}
	le := binary.LittleEndian
	logID = le.Uint64(b[16:])
	switch {
	case le.Uint64(b) != segmentMagic || le.Uint32(b[60:]) != checksum(seedOf(logID), b[:60]):
		return 0, errors.New("the header is damaged")
	case le.Uint32(b[8:]) != formatVersion:
		return 0, fmt.Errorf("version %d: %w", le.Uint32(b[8:]), errVersion)
	case stream.Commit(le.Uint64(b[24:])) != first:
		return 0, fmt.Errorf("the header says that commit %d is the first", le.Uint64(b[24:]))
	}
	return logID, nil
}

// floor returns the last entry at or before commit.
func floor(index []indexEntry, commit stream.Commit) indexEntry {
	i := sort.Search(len(index), func(i int) bool { return index[i].commit > commit })
	return index[max(i-1, 0)]
}

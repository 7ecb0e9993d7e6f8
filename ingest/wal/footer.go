package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"weir/operators/stream"
)

// A footer follows the frames of a sealed segment: six lists, then a trailer of
// fixed size that ends the file. The list of streams is read with the trailer, by
// Open; version 1 has none. Marks came with version 3. A segment without a readable footer is scanned.
//
//	index     n u32, then commit u64, offset u64, arrival i64
//	controls  n u32, then commit u64, offset u64
//	sequences n u32, then stream u32, shard u32, next u64: of all shards of the log
//	keys      n u32, then commit u64, arrival i64, key as in a frame
//	marks     n u32, then a mark as in a frame: of all producers of the log
//	streams   n u32, then stream u32, first commit u64, first and last arrival i64, records u64, stored bytes u64
type footer struct {
	index    []indexEntry
	controls []controlEntry
	seqs     map[shardKey]stream.Seq
	keys     []keyAt
	marks    map[uint32]Mark
}

// keyAt is an idempotency key and the commit that it came with.
type keyAt struct {
	keyRecord
	commit  stream.Commit
	arrival stream.Time
}

const (
	trailerSize   = 96
	streamRunSize = 44
	footerVersion = 3
)

var errNoFooter = errors.New("the segment has no footer")

// encodeFooter returns the footer with its trailer.
func encodeFooter(s *segment, ft *footer, seed uint32) []byte {
	le := binary.LittleEndian
	var b []byte
	b = le.AppendUint32(b, uint32(len(ft.index)))
	for _, e := range ft.index {
		b = le.AppendUint64(b, uint64(e.commit))
		b = le.AppendUint64(b, uint64(e.offset))
		b = le.AppendUint64(b, uint64(e.arrival))
	}
	b = le.AppendUint32(b, uint32(len(ft.controls)))
	for _, e := range ft.controls {
		b = le.AppendUint64(b, uint64(e.commit))
		b = le.AppendUint64(b, uint64(e.offset))
	}
	b = appendSeqs(b, ft.seqs)
	b = appendKeys(b, ft.keys)
	b = appendMarks(b, ft.marks)
	runs := len(b)
	b = appendRuns(b, s.streams)
	t := make([]byte, trailerSize)
	le.PutUint32(t[0:], footerMagic)
	le.PutUint32(t[4:], footerVersion)
	le.PutUint64(t[8:], uint64(s.end))
	le.PutUint64(t[16:], uint64(len(b)))
	le.PutUint64(t[24:], uint64(s.first))
	le.PutUint64(t[32:], uint64(s.last))
	le.PutUint64(t[40:], uint64(s.lastStep))
	le.PutUint64(t[48:], uint64(s.firstArrival))
	le.PutUint64(t[56:], uint64(s.lastArrival))
	le.PutUint64(t[64:], uint64(s.lastRecord))
	le.PutUint32(t[72:], uint32(len(b)-runs))
	le.PutUint32(t[76:], checksum(seed, b[runs:]))
	le.PutUint64(t[80:], uint64(s.lastControl))
	le.PutUint32(t[88:], checksum(seed, b))
	le.PutUint32(t[92:], checksum(seed, t[:92]))
	return append(b, t...)
}

func appendSeqs(b []byte, seqs map[shardKey]stream.Seq) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(seqs)))
	for _, k := range sortedShards(seqs) {
		b = le.AppendUint32(b, k.stream)
		b = le.AppendUint32(b, uint32(k.shard))
		b = le.AppendUint64(b, uint64(seqs[k]))
	}
	return b
}

func appendKeys(b []byte, keys []keyAt) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(keys)))
	for i := range keys {
		b = le.AppendUint64(b, uint64(keys[i].commit))
		b = le.AppendUint64(b, uint64(keys[i].arrival))
		b = appendKey(b, &keys[i].keyRecord)
	}
	return b
}

func appendRuns(b []byte, runs []streamRun) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(runs)))
	for i := range runs {
		r := &runs[i]
		b = le.AppendUint32(b, r.stream)
		b = le.AppendUint64(b, uint64(r.first))
		b = le.AppendUint64(b, uint64(r.firstArrival))
		b = le.AppendUint64(b, uint64(r.lastArrival))
		b = le.AppendUint64(b, r.records)
		b = le.AppendUint64(b, uint64(r.bytes))
	}
	return b
}

func sortedShards(m map[shardKey]stream.Seq) []shardKey {
	keys := make([]shardKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b shardKey) int {
		if a.stream != b.stream {
			return int(int64(a.stream) - int64(b.stream))
		}
		return int(int64(a.shard) - int64(b.shard))
	})
	return keys
}

// readTrailer fills s from the trailer of its file; errNoFooter where there is none.
func readTrailer(f File, s *segment, seed uint32) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size < segmentHeaderSize+trailerSize {
		return errNoFooter
	}
	t := make([]byte, trailerSize)
	if _, err := f.ReadAt(t, size-trailerSize); err != nil {
		return fmt.Errorf("read trailer: %w", err)
	}
	le := binary.LittleEndian
	if le.Uint32(t) != footerMagic || le.Uint32(t[92:]) != checksum(seed, t[:92]) {
		return errNoFooter
	}
	v := le.Uint32(t[4:])
	if v == 0 || v > footerVersion {
		return fmt.Errorf("footer of version %d: %w", v, errVersion)
	}
	end, length := le.Uint64(t[8:]), le.Uint64(t[16:])
	if end < segmentHeaderSize || end+length+trailerSize != uint64(size) || stream.Commit(le.Uint64(t[24:])) != s.first {
		return errNoFooter
	}
	if v > 1 {
		if err := readRuns(f, s, size-trailerSize, t, seed); err != nil {
			return err
		}
	}
	s.sealed = true
	s.unknown = v == 1
	s.end = int64(end)
	s.lastControl = stream.Commit(le.Uint64(t[80:]))
	s.last = stream.Commit(le.Uint64(t[32:]))
	s.lastStep = stream.Step(le.Uint64(t[40:]))
	s.firstArrival = stream.Time(le.Uint64(t[48:]))
	s.lastArrival = stream.Time(le.Uint64(t[56:]))
	s.lastRecord = stream.Time(le.Uint64(t[64:]))
	if s.unknown {
		s.lastControl = s.last
	}
	return nil
}

// readRuns reads the list of streams, which ends where the trailer t begins.
func readRuns(f File, s *segment, end int64, t []byte, seed uint32) error {
	length := int64(binary.LittleEndian.Uint32(t[72:]))
	if length > end-segmentHeaderSize {
		return errNoFooter
	}
	b := make([]byte, length)
	if _, err := f.ReadAt(b, end-length); err != nil {
		return fmt.Errorf("read footer: %w", err)
	}
	if binary.LittleEndian.Uint32(t[76:]) != checksum(seed, b) {
		return errNoFooter
	}
	c := &cursor{b: b}
	s.streams = c.runs()
	if c.short || len(c.b) != 0 {
		s.streams = nil
		return errNoFooter
	}
	return nil
}

// readFooter reads the lists of a sealed segment.
func readFooter(f File, s *segment, seed uint32) (*footer, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size < s.end+trailerSize {
		return nil, errNoFooter
	}
	b := make([]byte, size-s.end)
	if _, err := f.ReadAt(b, s.end); err != nil {
		return nil, fmt.Errorf("read footer: %w", err)
	}
	lists, t := b[:len(b)-trailerSize], b[len(b)-trailerSize:]
	if binary.LittleEndian.Uint32(t[88:]) != checksum(seed, lists) {
		return nil, fmt.Errorf("%w that can be read", errNoFooter)
	}
	return parseFooter(lists, binary.LittleEndian.Uint32(t[4:]))
}

// cursor takes numbers off the front of a byte slice and remembers whether there were enough.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) u32() uint32 {
	if len(c.b) < 4 {
		c.short = true
		return 0
	}
	v := binary.LittleEndian.Uint32(c.b)
	c.b = c.b[4:]
	return v
}

func (c *cursor) u64() uint64 {
	if len(c.b) < 8 {
		c.short, c.b = true, nil
		return 0
	}
	v := binary.LittleEndian.Uint64(c.b)
	c.b = c.b[8:]
	return v
}

// list returns the length of the list that begins here, whose entries have at least size bytes.
func (c *cursor) list(size int) int {
	n := int(c.u32())
	if c.short || n > len(c.b)/size {
		c.short = true
		return 0
	}
	return n
}

func (c *cursor) seqs() map[shardKey]stream.Seq {
	n := c.list(16)
	seqs := make(map[shardKey]stream.Seq, n)
	for range n {
		k := shardKey{c.u32(), stream.Shard(c.u32())}
		seqs[k] = stream.Seq(c.u64())
	}
	return seqs
}

func (c *cursor) keys() ([]keyAt, error) {
	keys := make([]keyAt, c.list(58))
	for i := range keys {
		k := &keys[i]
		k.commit, k.arrival = stream.Commit(c.u64()), stream.Time(c.u64())
		rec, rest, err := parseKey(c.b)
		if err != nil {
			return nil, err
		}
		k.keyRecord, c.b = rec, rest
	}
	return keys, nil
}

func (c *cursor) runs() []streamRun {
	runs := make([]streamRun, c.list(streamRunSize))
	for i := range runs {
		runs[i] = streamRun{
			stream: c.u32(), first: stream.Commit(c.u64()), firstArrival: stream.Time(c.u64()),
			lastArrival: stream.Time(c.u64()), records: c.u64(), bytes: int64(c.u64()),
		}
	}
	return runs
}

func parseFooter(b []byte, version uint32) (*footer, error) {
	c := &cursor{b: b}
	ft := &footer{}
	ft.index = make([]indexEntry, c.list(24))
	for i := range ft.index {
		ft.index[i] = indexEntry{stream.Commit(c.u64()), int64(c.u64()), stream.Time(c.u64())}
	}
	ft.controls = make([]controlEntry, c.list(16))
	for i := range ft.controls {
		ft.controls[i] = controlEntry{stream.Commit(c.u64()), int64(c.u64())}
	}
	ft.seqs = c.seqs()
	var err error
	if ft.keys, err = c.keys(); err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	ft.marks = map[uint32]Mark{}
	if version > 2 {
		ft.marks = c.marks()
	}
	if len(c.b) > 0 {
		c.runs() // which readTrailer has read already
	}
	if c.short || len(c.b) != 0 {
		return nil, errors.New("the footer contradicts itself")
	}
	return ft, nil
}

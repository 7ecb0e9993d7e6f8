package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"weir/operators/stream"
)

// base is what must be known of the segments that were removed. It lies in the
// file BASE, which is replaced as a whole and is durable before the first of the
// files goes: so whenever the machine stops, the segments from base.first on are
// there, and what is left of older ones is rubbish that Open removes.
//
//	magic u32, version u32, log id u64
//	first u64, step u64, arrival i64, last record's arrival i64, last control u64
//	sequences n u32, then stream u32, shard u32, next u64
//	ends      n u32, then stream u32, commit u64
//	keys      n u32, then commit u64, arrival i64, key as in a frame
//	marks     n u32, then a mark as in a frame; version 1 has none
//	CRC32C    over everything before it
type base struct {
	first      stream.Commit // the log begins here; 1 while nothing was removed
	step       stream.Step   // of the commit before first
	arrival    stream.Time   // of the commit before first
	lastRecord stream.Time
	// lastControl is the newest reshard, end or DDL that was removed, or 0.
	lastControl stream.Commit
	seqs        map[shardKey]stream.Seq  // what came next when first came
	ends        map[uint32]stream.Commit // the ends of streams among what was removed
	keys        []keyAt                  // those among the newest KeysMax that were removed, oldest first
	marks       map[uint32]Mark          // how far producers had come when first came
}

const (
	baseName    = "BASE"
	baseMagic   = 0x31425257 // "WRB1"
	baseVersion = 2
	// baseBytesMax bounds what Open reads: KeysMax keys of full length and
	// millions of shards fit.
	baseBytesMax = 256 << 20
)

func newBase() *base {
	return &base{
		first: 1, arrival: stream.MinTime, lastRecord: stream.MinTime,
		seqs: map[shardKey]stream.Seq{}, ends: map[uint32]stream.Commit{}, marks: map[uint32]Mark{},
	}
}

func (b *base) encode(logID uint64) []byte {
	le := binary.LittleEndian
	var out []byte
	out = le.AppendUint32(out, baseMagic)
	out = le.AppendUint32(out, baseVersion)
	out = le.AppendUint64(out, logID)
	out = le.AppendUint64(out, uint64(b.first))
	out = le.AppendUint64(out, uint64(b.step))
	out = le.AppendUint64(out, uint64(b.arrival))
	out = le.AppendUint64(out, uint64(b.lastRecord))
	out = le.AppendUint64(out, uint64(b.lastControl))
	out = appendSeqs(out, b.seqs)
	ended := make([]uint32, 0, len(b.ends))
	for id := range b.ends {
		ended = append(ended, id)
	}
	slices.Sort(ended)
	out = le.AppendUint32(out, uint32(len(ended)))
	for _, id := range ended {
		out = le.AppendUint32(out, id)
		out = le.AppendUint64(out, uint64(b.ends[id]))
	}
	out = appendKeys(out, b.keys)
	out = appendMarks(out, b.marks)
	return le.AppendUint32(out, checksum(seedOf(logID), out))
}

func parseBase(in []byte) (b *base, logID uint64, err error) {
	le := binary.LittleEndian
	const fixed = 56
	if len(in) < fixed+crcSize || le.Uint32(in) != baseMagic {
		return nil, 0, errors.New("it is no BASE file")
	}
	logID = le.Uint64(in[8:])
	end := len(in) - crcSize
	if le.Uint32(in[end:]) != checksum(seedOf(logID), in[:end]) {
		return nil, 0, errors.New("it has a wrong checksum")
	}
	v := le.Uint32(in[4:])
	if v == 0 || v > baseVersion {
		return nil, 0, fmt.Errorf("version %d: %w", v, errVersion)
	}
	c := &cursor{b: in[16:end]}
	b = newBase()
	b.first, b.step = stream.Commit(c.u64()), stream.Step(c.u64())
	b.arrival, b.lastRecord = stream.Time(c.u64()), stream.Time(c.u64())
	b.lastControl = stream.Commit(c.u64())
	b.seqs = c.seqs()
	for range c.list(12) {
		id := c.u32()
		b.ends[id] = stream.Commit(c.u64())
	}
	if b.keys, err = c.keys(); err != nil {
		return nil, 0, err
	}
	if v > 1 {
		b.marks = c.marks()
	}
	if c.short || len(c.b) != 0 || b.first == 0 {
		return nil, 0, errors.New("it contradicts itself")
	}
	return b, logID, nil
}

// readBase reads BASE. Without one nothing was ever removed; logID is 0 then.
func readBase(fs FS, dir string) (b *base, logID uint64, err error) {
	path := filepath.Join(dir, baseName)
	f, err := fs.OpenFile(path, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return newBase(), 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	in, err := io.ReadAll(io.NewSectionReader(f, 0, baseBytesMax))
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", path, err)
	}
	b, logID, err = parseBase(in)
	switch {
	case errors.Is(err, errVersion):
		return nil, 0, fmt.Errorf("read %s: %w", path, err)
	case err != nil:
		return nil, 0, &DamageError{path, 0, 1, 0, err}
	}
	return b, logID, nil
}

// write replaces BASE and returns when that is durable.
func (b *base) write(fs FS, dir string, logID uint64) error {
	path := filepath.Join(dir, baseName)
	f, err := fs.OpenFile(path+".tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b.encode(logID), 0)
	if err == nil {
		err = f.Datasync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fs.Rename(path+".tmp", path)
	}
	if err == nil {
		err = fs.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"weir/operators/stream"
)

// A frame, all numbers little endian:
//
//	fixed header    96 bytes, ends with its own CRC32C
//	keys            for each: length u16, key, hash 32 bytes, info u64
//	marks           36 bytes for each producer; version 1 has none
//	directory       40 bytes for each block, sorted by (stream, shard, first)
//	payload         of a control commit
//	body            the blocks as stored
//	CRC32C          over everything before it
//
// Every CRC starts from a seed made of the log's random id, so bytes that a
// producer chose, or a frame of another log, never look like a frame of this one.
const (
	formatVersion = 1 // of segments and HEAD
	frameVersion  = 2

	frameMagic   = 0x31465257 // "WRF1"
	footerMagic  = 0x31545257 // "WRT1"
	segmentMagic = 0x3147455357524957

	fixedSize    = 96
	dirEntrySize = 40
	crcSize      = 4

	// frameBytesMax bounds what a reader allocates for a frame.
	frameBytesMax = RequestBytesMax + groupBytes + 16<<20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errVersion is for bytes that are whole but of a format that this build does not know.
var errVersion = errors.New("written in a format version that this build does not know")

func seedOf(logID uint64) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], logID)
	return crc32.Checksum(b[:], castagnoli)
}

func checksum(seed uint32, b []byte) uint32 { return crc32.Update(seed, castagnoli, b) }

// codec tells how a block is stored.
type codec uint8

const (
	codecNone codec = 0
	codecS2   codec = 1
)

// header is the fixed header of a frame.
type header struct {
	kind       ControlKind // 0 for a commit of records
	size       uint32      // of the whole frame, with its CRC
	bodyOff    uint32
	commit     stream.Commit
	step       stream.Step
	arrival    stream.Time
	stream     uint32 // of the control
	blocks     uint32
	keys       uint32
	keysLen    uint32
	marks      uint32
	payloadLen uint32
	sealed     bool // a block is
}

// Byte 7 is 1 where a block is sealed: the keys are in the directory. The bytes 60 to
// 76 and 80 to 92 are reserved and zero.
func (h *header) put(b []byte, seed uint32) {
	clear(b[:fixedSize])
	le := binary.LittleEndian
	le.PutUint32(b[0:], frameMagic)
	le.PutUint16(b[4:], frameVersion)
	b[6] = byte(h.kind)
	if h.sealed {
		b[7] = 1
	}
	le.PutUint32(b[8:], h.size)
	le.PutUint32(b[12:], h.bodyOff)
	le.PutUint64(b[16:], uint64(h.commit))
	le.PutUint64(b[24:], uint64(h.step))
	le.PutUint64(b[32:], uint64(h.arrival))
	le.PutUint32(b[40:], h.stream)
	le.PutUint32(b[44:], h.blocks)
	le.PutUint32(b[48:], h.keys)
	le.PutUint32(b[52:], h.keysLen)
	le.PutUint32(b[56:], h.marks)
	le.PutUint32(b[76:], h.payloadLen)
	le.PutUint32(b[92:], checksum(seed, b[:92]))
}

// parseHeader reads and checks the fixed header at the start of b.
func parseHeader(b []byte, seed uint32) (header, error) {
	var h header
	le := binary.LittleEndian
	if len(b) < fixedSize {
		return h, errors.New("header is cut short")
	}
	if le.Uint32(b) != frameMagic {
		return h, errors.New("no frame begins here")
	}
	if le.Uint32(b[92:]) != checksum(seed, b[:92]) {
		return h, errors.New("header has a wrong checksum")
	}
	if v := le.Uint16(b[4:]); v == 0 || v > frameVersion || b[7] > 1 {
		return h, fmt.Errorf("frame of version %d, cipher %d: %w", v, b[7], errVersion)
	}
	h = header{
		kind: ControlKind(b[6]), size: le.Uint32(b[8:]), bodyOff: le.Uint32(b[12:]),
		commit: stream.Commit(le.Uint64(b[16:])), step: stream.Step(le.Uint64(b[24:])),
		arrival: stream.Time(le.Uint64(b[32:])), stream: le.Uint32(b[40:]),
		blocks: le.Uint32(b[44:]), keys: le.Uint32(b[48:]), keysLen: le.Uint32(b[52:]),
		marks: le.Uint32(b[56:]), payloadLen: le.Uint32(b[76:]),
	}
	body := fixedSize + uint64(h.keysLen) + uint64(h.marks)*markSize + uint64(h.blocks)*dirEntrySize + uint64(h.payloadLen)
	switch {
	case h.kind > kindMax:
		return h, fmt.Errorf("control kind %d: %w", h.kind, errVersion)
	case h.size > frameBytesMax:
		return h, fmt.Errorf("frame of %d bytes is over the limit of %d", h.size, frameBytesMax)
	case body != uint64(h.bodyOff) || body+crcSize > uint64(h.size):
		return h, errors.New("header contradicts itself")
	}
	return h, nil
}

func putDirEntry(b []byte, e *dirEntry) {
	le := binary.LittleEndian
	clear(b[:dirEntrySize])
	le.PutUint32(b[0:], e.stream)
	le.PutUint32(b[4:], uint32(e.shard))
	le.PutUint64(b[8:], uint64(e.first))
	le.PutUint32(b[16:], e.count)
	b[20] = byte(e.encoding)
	b[21] = byte(e.codec)
	le.PutUint32(b[36:], e.cipherKey)
	le.PutUint32(b[24:], e.off)
	le.PutUint32(b[28:], e.raw)
	le.PutUint32(b[32:], e.stored)
}

type dirEntry struct {
	stream           uint32
	shard            stream.Shard
	first            stream.Seq
	count            uint32
	encoding         Encoding
	codec            codec
	off, raw, stored uint32 // off counts from the start of the body
	cipherKey        uint32 // that it is sealed with; 0: it is not
}

func parseDirEntry(b []byte) dirEntry {
	le := binary.LittleEndian
	return dirEntry{
		stream: le.Uint32(b[0:]), shard: stream.Shard(le.Uint32(b[4:])), first: stream.Seq(le.Uint64(b[8:])),
		count: le.Uint32(b[16:]), encoding: Encoding(b[20]), codec: codec(b[21]),
		off: le.Uint32(b[24:]), raw: le.Uint32(b[28:]), stored: le.Uint32(b[32:]), cipherKey: le.Uint32(b[36:]),
	}
}

// keyRecord is an idempotency key as it is stored in a frame and in a footer.
type keyRecord struct {
	key  string
	hash [32]byte
	info uint64
}

func appendKey(b []byte, k *keyRecord) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(k.key)))
	b = append(b, k.key...)
	b = append(b, k.hash[:]...)
	return binary.LittleEndian.AppendUint64(b, k.info)
}

// parseKey reads one key from the start of b and returns what follows it.
func parseKey(b []byte) (keyRecord, []byte, error) {
	var k keyRecord
	if len(b) < 2 {
		return k, nil, errors.New("keys are cut short")
	}
	n := int(binary.LittleEndian.Uint16(b))
	if len(b) < 2+n+40 {
		return k, nil, errors.New("keys are cut short")
	}
	k.key = string(b[2 : 2+n])
	copy(k.hash[:], b[2+n:])
	k.info = binary.LittleEndian.Uint64(b[2+n+32:])
	return k, b[2+n+40:], nil
}

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

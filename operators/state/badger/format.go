package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The first byte of a key says whose it is.
const (
	keyValue  = 'k'
	keyChunk  = 'x'
	keyLong   = 'l'
	keyIntent = 'i'
	keyRing   = 't'
)

// The kinds of values; the kind is the first byte, so it is the version too.
const (
	kindInline byte = 1 // the value itself
	kindLong   byte = 2 // long
	kindChunk  byte = 3 // a part of a long value
	kindIntent byte = 4 // the number of chunks, 4 bytes
	kindRing   byte = 5 // mark
)

const (
	chunkBytes = 256 << 10
	// valueBytesMax keeps a value's chunks few enough to be deleted at once.
	valueBytesMax = 1 << 30
	keyBytesMax   = 32 << 10
	ringSlots     = 1 << 16
	sealBytes     = 5 // kind and CRC before every value
)

// castagnoli is the polynomial of CRC-32C.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// seal puts kind and checksum before a value. key is the key in Badger.
func seal(kind byte, key, value []byte) []byte {
	out := make([]byte, sealBytes, sealBytes+len(value))
	out = append(out, value...)
	out[0] = kind
	binary.LittleEndian.PutUint32(out[1:], sum(kind, key, value))
	return out
}

func sum(kind byte, key, value []byte) uint32 {
	t := castagnoli()
	crc := crc32.Update(uint32(kind), t, key)
	return crc32.Update(crc, t, value)
}

// unseal checks what was stored under a key in Badger and returns kind and value.
func unseal(key, stored []byte) (kind byte, value []byte, err error) {
	if len(stored) < sealBytes {
		return 0, nil, fmt.Errorf("it has %d bytes, fewer than a checksum takes", len(stored))
	}
	kind, value = stored[0], stored[sealBytes:]
	if sum(kind, key, value) != binary.LittleEndian.Uint32(stored[1:]) {
		return 0, nil, errors.New("its checksum is wrong")
	}
	return kind, value, nil
}

// long is the head of a long value.
type long struct {
	gen    uint64 // names the chunks; never given twice
	total  uint64 // bytes of the value
	chunks uint32
}

func newLong(gen uint64, total int) long {
	return long{gen: gen, total: uint64(total), chunks: uint32((total + chunkBytes - 1) / chunkBytes)}
}

func (l long) encode() []byte {
	out := binary.BigEndian.AppendUint64(nil, l.gen)
	out = binary.BigEndian.AppendUint64(out, l.total)
	return binary.BigEndian.AppendUint32(out, l.chunks)
}

func decodeLong(b []byte) (long, error) {
	if len(b) != 20 {
		return long{}, fmt.Errorf("the head of a long value has %d bytes", len(b))
	}
	l := long{gen: binary.BigEndian.Uint64(b), total: binary.BigEndian.Uint64(b[8:]), chunks: binary.BigEndian.Uint32(b[16:])}
	if l.total > valueBytesMax || l != newLong(l.gen, int(l.total)) {
		return long{}, fmt.Errorf("the head of a long value says %d bytes in %d chunks", l.total, l.chunks)
	}
	return l, nil
}

// mark is what a transaction leaves in the ring.
type mark struct {
	seq uint64 // of the transaction; the first is 1
	gen uint64 // the greatest that was given
}

func (m mark) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, m.seq), m.gen)
}

func decodeMark(b []byte) (mark, error) {
	if len(b) != 16 {
		return mark{}, fmt.Errorf("a mark has %d bytes", len(b))
	}
	return mark{seq: binary.BigEndian.Uint64(b), gen: binary.BigEndian.Uint64(b[8:])}, nil
}

func valueKey(key []byte) []byte { return append([]byte{keyValue}, key...) }

func longKey(key []byte) []byte { return append([]byte{keyLong}, key...) }

func chunkKey(gen uint64, i uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{keyChunk}, gen), i)
}

func intentKey(gen uint64) []byte { return binary.BigEndian.AppendUint64([]byte{keyIntent}, gen) }

func ringKey(seq uint64) []byte {
	return binary.BigEndian.AppendUint16([]byte{keyRing}, uint16(seq%ringSlots))
}

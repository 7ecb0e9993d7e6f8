package kpl

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"unicode/utf8"

	"weir/ingest"
)

const (
	magic = "\xf3\x89\x9a\xc2"
	// KeysMax is how many bytes of partition keys the records of a blob may have for
	// each byte of it: a table lets many records share one key, and so a small blob
	// have large rows. With keys of 100 bytes and data of one it is 15.
	KeysMax = 16
	// Key is the partition key of each record that the library itself has put together:
	// where it goes, the explicit hash key of its first inner record says.
	Key = "a"
	// keyMax is the longest partition key, in characters, as Kinesis has it.
	keyMax = 256
)

// Record is an inner record. It refers to the blob.
type Record struct {
	Key  []byte
	Data []byte
	At   int // where Data begins in the blob
	// Hash is the explicit hash key, or without one that of the partition key.
	Hash ingest.Hash
}

// Is tells whether data begins like a blob; Split knows for sure.
func Is(data []byte) bool {
	return len(data) > len(magic)+md5.Size && string(data[:len(magic)]) == magic
}

// Splitter takes blobs apart. It keeps its memory from one to the next and is for
// one goroutine.
type Splitter struct {
	keys, explicit [][]byte
	hashes         []ingest.Hash // of keys,
	hashed         []bool        // where this is set
}

// Split appends the inner records of a blob to dst. ok is false, and dst as it was,
// if data is a plain record.
func (s *Splitter) Split(dst []Record, data []byte) (records []Record, ok bool) {
	if !Is(data) {
		return dst, false
	}
	message, tail := data[len(magic):len(data)-md5.Size], data[len(data)-md5.Size:]
	if sum := md5.Sum(message); !bytes.Equal(sum[:], tail) {
		return dst, false
	}
	if !s.tables(message) {
		return dst, false
	}
	room := KeysMax * len(data)
	records = dst
	for len(message) > 0 {
		f, rest, ok := next(message)
		if !ok {
			return dst, false
		}
		message = rest
		if f.number != 3 || f.kind != lengthPrefixed {
			continue
		}
		r, ok := s.record(f.bytes)
		r.At += len(data) - md5.Size - len(rest) - len(f.bytes)
		if room -= len(r.Key); !ok || room < 0 {
			return dst, false
		}
		records = append(records, r)
	}
	// A message without a record has nothing to show but itself.
	return records, len(records) > len(dst)
}

// tables reads the tables of a message, which may stand behind its records.
func (s *Splitter) tables(message []byte) (ok bool) {
	s.keys, s.explicit, s.hashes, s.hashed = s.keys[:0], s.explicit[:0], s.hashes[:0], s.hashed[:0]
	for len(message) > 0 {
		f, rest, ok := next(message)
		if !ok {
			return false
		}
		message = rest
		switch {
		case f.kind != lengthPrefixed:
		case f.number == 1:
			if !utf8.Valid(f.bytes) || len(f.bytes) > keyMax && utf8.RuneCount(f.bytes) > keyMax {
				return false
			}
			s.keys, s.hashes, s.hashed = append(s.keys, f.bytes), append(s.hashes, ingest.Hash{}), append(s.hashed, false)
		case f.number == 2:
			s.explicit = append(s.explicit, f.bytes)
		}
	}
	return true
}

// record reads an inner record, whose At counts from the beginning of the message.
func (s *Splitter) record(message []byte) (r Record, ok bool) {
	size := len(message)
	const none = ^uint64(0)
	key, explicit := none, none
	for len(message) > 0 {
		f, rest, ok := next(message)
		if !ok {
			return r, false
		}
		message = rest
		switch {
		case f.number == 1 && f.kind == varint:
			key = f.value
		case f.number == 2 && f.kind == varint:
			explicit = f.value
		case f.number == 3 && f.kind == lengthPrefixed:
			r.Data, r.At = f.bytes, size-len(rest)-len(f.bytes)
		}
	}
	if r.Data == nil || key >= uint64(len(s.keys)) || explicit != none && explicit >= uint64(len(s.explicit)) {
		return r, false
	}
	r.Key = s.keys[key]
	if explicit != none {
		hash, err := ingest.ParseHash(string(s.explicit[explicit]))
		r.Hash = hash
		return r, err == nil
	}
	if !s.hashed[key] {
		s.hashes[key], s.hashed[key] = ingest.HashOf(r.Key), true
	}
	r.Hash = s.hashes[key]
	return r, true
}

// The kinds of values in a message that matter here.
const (
	varint         = 0
	fixed64        = 1
	lengthPrefixed = 2
	fixed32        = 5
)

// field is a field of a message.
type field struct {
	number uint64
	kind   uint64
	value  uint64 // of a varint
	bytes  []byte // of a lengthPrefixed one, never nil then
}

// next reads the first field of a message.
func next(message []byte) (f field, rest []byte, ok bool) {
	tag, n := binary.Uvarint(message)
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return f, nil, false
	}
	f.number, f.kind, rest = tag>>3, tag&7, message[n:]
	size := 0
	switch f.kind {
	case varint:
		if f.value, size = binary.Uvarint(rest); size <= 0 {
			return f, nil, false
		}
	case fixed64:
		size = 8
	case fixed32:
		size = 4
	case lengthPrefixed:
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			return f, nil, false
		}
		size = n + int(length)
		f.bytes = rest[n:size:size]
	default:
		return f, nil, false
	}
	if size > len(rest) {
		return f, nil, false
	}
	return f, rest[size:], true
}

package wal

import (
	"encoding/binary"
	"testing"

	"weir/operators/stream"
)

// sample is a frame with all that a frame may have.
func sample() []byte {
	var c composer
	p, err := prepare(&Request{Key: "key", KeyInfo: 5, Blocks: []Block{
		{Stream: 1, Shard: 2, Count: 1, Data: make([]byte, 5000)},
		{Stream: 1, Shard: 0, Count: 2, Data: []byte("{}\n{}")},
		{Stream: 2, Shard: 0, Count: 1, Data: []byte("{}")},
	}}, xorCipher{2: 9})
	if err != nil {
		panic(err)
	}
	h := header{commit: 7, step: 3, arrival: 99}
	return append([]byte(nil), c.compose(&h, []*pending{p}, nil, nil, seedOf(1))...)
}

// FuzzFrame feeds bytes to the parser as they are and with the checksums made
// right, because random bytes never get past those.
func FuzzFrame(f *testing.F) {
	f.Add(sample())
	var c composer
	h := header{kind: DDL, commit: 1, step: 1}
	f.Add(append([]byte(nil), c.compose(&h, nil, &Control{Kind: DDL, Payload: []byte("x")}, nil, seedOf(1))...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		seed := seedOf(1)
		use := func(b []byte) {
			fr, err := parseFrame(b, seed)
			if err != nil {
				return
			}
			_ = fr.eachKey(func(keyRecord) {})
			for i := range fr.Blocks {
				data, err := fr.Data(i)
				if err == nil && len(data) != fr.Blocks[i].RawBytes {
					t.Fatal("Data has another length than it says")
				}
			}
		}
		use(b)
		if len(b) < fixedSize+crcSize {
			return
		}
		b = append([]byte(nil), b...)
		le := binary.LittleEndian
		le.PutUint32(b[0:], frameMagic)
		le.PutUint16(b[4:], formatVersion)
		b[7] = 0
		le.PutUint32(b[8:], uint32(len(b)))
		le.PutUint32(b[92:], checksum(seed, b[:92]))
		le.PutUint32(b[len(b)-crcSize:], checksum(seed, b[:len(b)-crcSize]))
		use(b)
	})
}

// FuzzFooter feeds bytes to the parser of a footer's lists.
func FuzzFooter(f *testing.F) {
	s := &segment{first: 1, last: 3, streams: []streamRun{{stream: 1, first: 1, records: 2, bytes: 9}}}
	b := encodeFooter(s, &footer{
		index: []indexEntry{{1, 64, 5}}, controls: []controlEntry{{2, 100}},
		seqs: map[shardKey]stream.Seq{{1, 2}: 3}, keys: []keyAt{{keyRecord{key: "k"}, 2, 5}}, marks: map[uint32]Mark{7: {Source: 2, Rows: 1}},
	}, 0)
	f.Add(b[:len(b)-trailerSize])
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseFooter(b, footerVersion) })
}

// FuzzBase feeds bytes to the parser of BASE, with the checksum made right.
func FuzzBase(f *testing.F) {
	b := newBase()
	b.first, b.seqs[shardKey{1, 2}], b.ends[3] = 9, 7, 4
	b.keys, b.marks[7] = []keyAt{{keyRecord{key: "key"}, 3, 5}}, Mark{Source: 2, Written: 9}
	f.Add(b.encode(1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		_, _, _ = parseBase(in)
		if len(in) < 16+crcSize {
			return
		}
		in = append([]byte(nil), in...)
		le := binary.LittleEndian
		le.PutUint32(in[0:], baseMagic)
		le.PutUint32(in[4:], baseVersion)
		end := len(in) - crcSize
		le.PutUint32(in[end:], checksum(seedOf(le.Uint64(in[8:])), in[:end]))
		b, id, err := parseBase(in)
		if err != nil {
			return
		}
		again, _, err := parseBase(b.encode(id))
		if err != nil || again.first != b.first || len(again.seqs) != len(b.seqs) || len(again.keys) != len(b.keys) || len(again.marks) != len(b.marks) {
			t.Fatalf("written again it reads as %+v (%v), not %+v", again, err, b)
		}
	})
}

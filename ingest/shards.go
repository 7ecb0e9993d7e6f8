package ingest

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math/big"
	"sort"

	"weir/operators/stream"
)

// ShardsMax is how many shards a stream may have.
const ShardsMax = 10_000

// hash is a number of 128 bits.
type hash struct{ hi, lo uint64 }

func (a hash) less(b hash) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// ShardMap says which shard of a stream a partition key belongs to. It is
// immutable and safe for concurrent use.
type ShardMap struct {
	starts []hash // where the range of each shard begins; the first is 0
}

// NewShardMap divides the hashes among n shards as CreateStream of Kinesis does:
// shard i begins at i*floor(2^128/n), and the last one ends at 2^128-1. It
// panics unless n is from 1 to ShardsMax, which whoever declares a stream checks.
func NewShardMap(n int) *ShardMap {
	if n < 1 || n > ShardsMax {
		panic(fmt.Sprintf("a stream of %d shards", n))
	}
	width := new(big.Int).Lsh(big.NewInt(1), 128)
	width.Div(width, big.NewInt(int64(n)))
	m := &ShardMap{starts: make([]hash, n)}
	for i := range m.starts {
		var b [16]byte
		new(big.Int).Mul(width, big.NewInt(int64(i))).FillBytes(b[:])
		m.starts[i] = hashOf(b)
	}
	return m
}

func hashOf(b [16]byte) hash {
	return hash{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// Shards returns the number of shards.
func (m *ShardMap) Shards() int { return len(m.starts) }

// Route returns the shard of a partition key.
func (m *ShardMap) Route(key []byte) stream.Shard {
	if len(m.starts) == 1 {
		return 0
	}
	return m.find(hashOf(md5.Sum(key)))
}

// find returns the shard whose range holds h: the last that begins at or before it.
func (m *ShardMap) find(h hash) stream.Shard {
	return stream.Shard(sort.Search(len(m.starts), func(i int) bool { return h.less(m.starts[i]) }) - 1)
}

package ingest

import (
	"crypto/md5"
	"encoding/binary"
	"errors"
	"math/big"
	"math/bits"
)

// Hash is where a partition key stands: a number of 128 bits.
type Hash struct{ Hi, Lo uint64 }

// HashMax is the greatest hash.
var HashMax = Hash{^uint64(0), ^uint64(0)}

// HashOf returns the hash of a partition key: its MD5 as a big-endian number, as
// Kinesis has it.
func HashOf(key []byte) Hash { return hashOf(md5.Sum(key)) }

func hashOf(b [16]byte) Hash {
	return Hash{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// ParseHash reads a hash in decimal, without leading zeros.
func ParseHash(s string) (Hash, error) {
	bad := errors.New("a hash is a number from 0 to 2^128-1 in decimal")
	if s == "" || len(s) > 39 || s[0] == '0' && len(s) > 1 {
		return Hash{}, bad
	}
	var h Hash
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return Hash{}, bad
		}
		over, lo := bits.Mul64(h.Lo, 10)
		high, hi := bits.Mul64(h.Hi, 10)
		lo, carry := bits.Add64(lo, uint64(d), 0)
		hi, spill := bits.Add64(hi, over, carry)
		if high != 0 || spill != 0 {
			return Hash{}, bad
		}
		h = Hash{hi, lo}
	}
	return h, nil
}

// String returns the hash in decimal.
func (a Hash) String() string { return a.big().String() }

func (a Hash) big() *big.Int {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return new(big.Int).SetBytes(b[:])
}

// MarshalText writes the hash in decimal.
func (a Hash) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Hash) UnmarshalText(text []byte) (err error) {
	*a, err = ParseHash(string(text))
	return err
}

// Less tells whether a comes before b.
func (a Hash) Less(b Hash) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

// next returns the hash behind a; there must be one.
func (a Hash) next() Hash {
	lo, carry := bits.Add64(a.Lo, 1, 0)
	return Hash{a.Hi + carry, lo}
}

// before returns the hash in front of a; there must be one.
func (a Hash) before() Hash {
	lo, borrow := bits.Sub64(a.Lo, 1, 0)
	return Hash{a.Hi - borrow, lo}
}

package expr

import (
	"encoding/binary"
	mathbits "math/bits"
)

// bitmap has one bit a row, row i at bit i%64 of word i/64. Bits behind the
// last row mean nothing. As a validity a nil bitmap has every bit set.
type bitmap []uint64

func words(n int) int { return (n + 63) / 64 }

// grow returns a slice of n elements with any content, s itself if it is large
// enough.
func grow[S ~[]T, T any](s S, n int) S {
	if cap(s) < n {
		return make(S, n)
	}
	return s[:n]
}

func (b bitmap) get(i int) bool { return b[i>>6]>>(uint(i)&63)&1 != 0 }

func (b bitmap) set(i int) { b[i>>6] |= 1 << (uint(i) & 63) }

func (b bitmap) unset(i int) { b[i>>6] &^= 1 << (uint(i) & 63) }

func (b bitmap) fill(word uint64) {
	for i := range b {
		b[i] = word
	}
}

// tail is the mask of the bits of word w that stand for one of n rows.
func tail(w, n int) uint64 {
	if rest := n - w*64; rest < 64 {
		return 1<<uint(rest) - 1
	}
	return ^uint64(0)
}

// any tells whether one of the first n bits is set.
func (b bitmap) any(n int) bool {
	for w := range words(n) {
		if b[w]&tail(w, n) != 0 {
			return true
		}
	}
	return false
}

// count returns how many of the first n bits are set.
func (b bitmap) count(n int) int {
	total := 0
	for w := range words(n) {
		total += mathbits.OnesCount64(b[w] & tail(w, n))
	}
	return total
}

// appendSet appends the numbers of the set bits among the first n.
func (b bitmap) appendSet(dst []int32, n int) []int32 {
	for w := range words(n) {
		word := b[w] & tail(w, n)
		base := int32(w * 64)
		for word != 0 {
			dst = append(dst, base+int32(mathbits.TrailingZeros64(word)))
			word &= word - 1
		}
	}
	return dst
}

// loadBits reads n bits of an Arrow bitmap from bit off on.
func loadBits(dst bitmap, src []byte, off, n int) bitmap {
	dst = grow(dst, words(n))
	for w := range dst {
		bit := off + w*64
		at, shift := bit>>3, uint(bit&7)
		if at+9 <= len(src) {
			dst[w] = binary.LittleEndian.Uint64(src[at:])>>shift | uint64(src[at+8])<<(64-shift)
			continue
		}
		var word uint64
		for i, c := range src[min(at, len(src)):] {
			word |= uint64(c) << (8 * i)
		}
		dst[w] = word >> shift
	}
	return dst
}

// storeBits writes the first n bits as an Arrow bitmap; bits behind them are 0.
func storeBits(dst []byte, src bitmap, n int) {
	for w := range words(n) {
		word := src[w] & tail(w, n)
		if at := w * 8; at+8 <= len(dst) {
			binary.LittleEndian.PutUint64(dst[at:], word)
		} else {
			for ; at < len(dst); at++ {
				dst[at] = byte(word)
				word >>= 8
			}
		}
	}
}

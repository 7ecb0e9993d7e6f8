package expr

import (
	"encoding/binary"
	"encoding/hex"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// buildRand makes rand(seed, shard, sequence[, sub]) and uuid(seed, shard, sequence[, sub]),
// where sub tells the rows of one record apart: what looks random and follows from where the row stands, so that a replay gets
// the same. Rows of a relation without places have the place 0, 0.
func buildRand(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if !takes(call, types.Bigint) {
		return nil, misuse(call)
	}
	switch {
	case call.Fn == "rand" && call.T.Kind == types.Double:
		return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
			for i := range f.n {
				o.nums[i] = float64(drawn(a, i, 0)>>11) / (1 << 53)
			}
		})
	case call.Fn == "uuid" && call.T.Kind == types.Varchar:
		return newStrict(call, ledger, textRow(func(dst []byte, a []*vec, i int) ([]byte, answer) {
			return appendUUID(dst, drawn(a, i, 1), drawn(a, i, 2)), value
		}).kernel())
	}
	return nil, misuse(call)
}

// drawn mixes the arguments and n to 64 bits, by the finalizer of SplitMix64
// (Steele, Lea, Flood 2014) over each of them.
func drawn(a []*vec, i int, n uint64) uint64 {
	h := n
	for k, v := range a {
		if k == 3 && v.int(i) == 0 {
			continue // most records are one row, and have the value that they always had
		}
		h = mix(h + 0x9e3779b97f4a7c15 + uint64(v.int(i)))
	}
	return mix(h)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// appendUUID writes 128 bits as a UUID of version 4.
func appendUUID(dst []byte, hi, lo uint64) []byte {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], hi)
	binary.BigEndian.PutUint64(id[8:], lo)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	for at, cut := range []int{4, 6, 8, 10, 16} {
		from := []int{0, 4, 6, 8, 10}[at]
		if at > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, id[from:cut])
	}
	return dst
}

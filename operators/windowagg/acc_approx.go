package windowagg

import (
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/axiomhq/hyperloglog"
	"github.com/cespare/xxhash/v2"

	"weir/operators/state/page"
	"weir/planner/physical"
)

const (
	// hashesMax is how many different hashes are counted one by one.
	hashesMax = 1024
	// sketchPrecision is the logarithm of how many registers a sketch has: 16,384,
	// so that two of three estimates are at most 0.81 % off.
	sketchPrecision = 14
)

// approxAcc is APPROX_COUNT_DISTINCT: a HyperLogLog sketch a group (Flajolet,
// Fusy, Gandouet, Meunier: "HyperLogLog: the analysis of a near-optimal cardinality
// estimation algorithm", 2007). Up to hashesMax different hashes are kept as they
// are, so a small count is exact. What a state is follows from which values came
// alone: registers are maxima, and the library's own sparse form, which depends on
// the order, is not used.
type approxAcc struct {
	s    []approxState
	key  *rowKey
	size int // bytes
	buf  []byte
}

// approxState is the hashes, or, if they are many, the sketch.
type approxState struct {
	few  map[uint64]struct{}
	many *hyperloglog.Sketch
}

func newApproxAcc(a physical.Agg) (acc, error) {
	key, err := newRowKey(a)
	return &approxAcc{key: key}, err
}

func (a *approxAcc) isLarge()   {}
func (a *approxAcc) grow(n int) { a.s = growTo(a.s, n) }
func (a *approxAcc) reset()     { a.s, a.size = a.s[:0], 0 }
func (a *approxAcc) bytes() int { return 16*cap(a.s) + a.size }

func (s *approxState) size() int {
	if s.many != nil {
		return 1 << sketchPrecision
	}
	return 16 * len(s.few)
}

func (a *approxAcc) empty(ids []int32) {
	for _, id := range ids {
		a.size -= a.s[id].size()
		a.s[id] = approxState{}
	}
}

// add counts a hash.
func (a *approxAcc) add(s *approxState, hash uint64) {
	if s.many != nil {
		s.many.InsertHash(hash)
		return
	}
	if s.few == nil {
		s.few = map[uint64]struct{}{}
	}
	if _, ok := s.few[hash]; ok {
		return
	}
	s.few[hash] = struct{}{}
	if a.size += 16; len(s.few) > hashesMax {
		a.sketch(s)
	}
}

// sketch makes a sketch of the hashes.
func (a *approxAcc) sketch(s *approxState) {
	a.size -= s.size()
	s.many = newHyperLogLog()
	for h := range s.few {
		s.many.InsertHash(h)
	}
	s.few = nil
	a.size += s.size()
}

func newHyperLogLog() *hyperloglog.Sketch {
	s, err := hyperloglog.NewSketch(sketchPrecision, false)
	if err != nil {
		panic(err)
	}
	return s
}

func (a *approxAcc) update(cols []arrow.Array, rows, ids []int32) {
	a.key.of(cols)
	for i, r := range rows {
		if anyNull(cols, int(r)) {
			continue
		}
		key, _ := a.key.row(r)
		a.add(&a.s[ids[i]], xxhash.Sum64(key))
	}
}

// merge adds what o has counted.
func (a *approxAcc) merge(s *approxState, o approxState) error {
	if o.many != nil {
		if s.many == nil {
			a.sketch(s)
		}
		return s.many.Merge(o.many)
	}
	for h := range o.few {
		a.add(s, h)
	}
	return nil
}

func (a *approxAcc) fold(ids []int32, src acc, from []int32) {
	o := src.(*approxAcc)
	for i, id := range ids {
		if f := from[i]; f >= 0 {
			if err := a.merge(&a.s[id], o.s[f]); err != nil {
				panic(fmt.Sprintf("sketches of one aggregate: %v", err))
			}
		}
	}
}

// encode appends a state: 0 and the hashes, or 1 and the sketch.
func (s *approxState) encode(dst []byte) []byte {
	if s.many != nil {
		dst, err := s.many.AppendBinary(append(dst, 1))
		if err != nil {
			panic(fmt.Sprintf("a sketch that was made here: %v", err))
		}
		return dst
	}
	dst = append(dst, 0)
	for _, h := range slices.Sorted(maps.Keys(s.few)) {
		var b [8]byte
		putUint64(b[:], h)
		dst = append(dst, b[:]...)
	}
	return dst
}

// decode reads what encode wrote.
func decodeApprox(b []byte) (s approxState, err error) {
	switch {
	case len(b) > 0 && b[0] == 0 && len(b)%8 == 1 && len(b) <= 1+8*hashesMax:
		s.few = make(map[uint64]struct{}, len(b)/8)
		for b = b[1:]; len(b) > 0; b = b[8:] {
			s.few[uint64Of(b)] = struct{}{}
		}
		return s, nil
	case len(b) > 0 && b[0] == 1:
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%v", p)
			}
		}()
		read := new(hyperloglog.Sketch)
		if err := read.UnmarshalBinary(b[1:]); err != nil {
			return s, err
		}
		s.many = newHyperLogLog()
		return s, s.many.Merge(read)
	}
	return s, fmt.Errorf("%d bytes are no count of different values", len(b))
}

func (a *approxAcc) load(cols []arrow.Array, lo int, ids []int32) {
	if len(ids) == 0 {
		return
	}
	vals := textsOf(cols[0])
	for i, id := range ids {
		s, err := decodeApprox(vals.at(int32(lo + i)))
		if err == nil {
			err = a.merge(&a.s[id], s)
		}
		if err != nil {
			panic(fmt.Sprintf("sketch of a lane: %v", err))
		}
	}
}

func (a *approxAcc) appendStates(b []array.Builder, ids []int32) {
	out := b[0].(*array.StringBuilder)
	for _, id := range ids {
		a.buf = a.s[id].encode(a.buf[:0])
		out.BinaryBuilder.Append(a.buf)
	}
}

func (a *approxAcc) appendResults(b array.Builder, ids []int32) int64 {
	out := b.(*array.Int64Builder)
	for _, id := range ids {
		if s := a.s[id]; s.many != nil {
			out.Append(int64(s.many.Estimate()))
		} else {
			out.Append(int64(len(s.few)))
		}
	}
	return 0
}

func (a *approxAcc) save(w *page.Writer, lo, hi int) {
	for i := lo; i < hi; i++ {
		a.buf = a.s[i].encode(a.buf[:0])
		w.Blob(a.buf)
	}
}

func (a *approxAcc) restore(r *page.Reader, n int) {
	for range n {
		s, err := decodeApprox(r.Blob())
		if err != nil {
			r.Fail("%s", err)
		}
		if r.Err() != nil {
			return
		}
		a.size += s.size()
		a.s = append(a.s, s)
	}
}

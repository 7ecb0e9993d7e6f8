package windowagg

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/state/page"
)

// fixed holds states that take the same number of bytes each. An acc that embeds
// it adds what the aggregate is: how rows change a state, and what its result is.
type fixed[S any] struct {
	s []S
	// merge adds a state to another one; the zero state is that of no row.
	merge func(to, from *S)
	width int // bytes of a state that is written
	put   func(to []byte, s *S)
	get   func(from []byte) S

	scratch []byte
}

func (f *fixed[S]) grow(n int)  { f.s = growTo(f.s, n) }
func (f *fixed[S]) reset()      { f.s = f.s[:0] }
func (f *fixed[S]) bytes() int  { return f.width * cap(f.s) }
func (f *fixed[S]) states() []S { return f.s }

func (f *fixed[S]) empty(ids []int32) {
	var none S
	for _, id := range ids {
		f.s[id] = none
	}
}

func (f *fixed[S]) fold(ids []int32, src acc, from []int32) {
	s := src.(interface{ states() []S }).states()
	for i, id := range ids {
		if at := from[i]; at >= 0 {
			f.merge(&f.s[id], &s[at])
		}
	}
}

func (f *fixed[S]) load(cols []arrow.Array, lo int, ids []int32) {
	if len(ids) == 0 {
		return
	}
	vals := textsOf(cols[0])
	for i, id := range ids {
		b := vals.at(int32(lo + i))
		if len(b) != f.width {
			panic(fmt.Sprintf("a state of %d bytes, not %d", len(b), f.width))
		}
		s := f.get(b)
		f.merge(&f.s[id], &s)
	}
}

func (f *fixed[S]) appendStates(b []array.Builder, ids []int32) {
	out := b[0].(*array.StringBuilder)
	f.scratch = growTo(f.scratch, f.width)
	for _, id := range ids {
		f.put(f.scratch, &f.s[id])
		out.BinaryBuilder.Append(f.scratch)
	}
}

func (f *fixed[S]) save(w *page.Writer, lo, hi int) {
	to := w.Raw(f.width * (hi - lo))
	for i := lo; i < hi; i++ {
		f.put(to, &f.s[i])
		to = to[f.width:]
	}
}

func (f *fixed[S]) restore(r *page.Reader, n int) {
	b := r.Raw(n, f.width)
	for ; len(b) > 0; b = b[f.width:] {
		f.s = append(f.s, f.get(b[:f.width]))
	}
}

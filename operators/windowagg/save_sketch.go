package windowagg

import (
	"fmt"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/store"

	"weir/operators/state/page"
)

// A sketch is saved in its own encoding, which is not a copy of memory: it takes
// about 2 µs a group.

func (a *sketchAcc) save(w *page.Writer, lo, hi int) {
	for _, s := range a.s[lo:hi] {
		w.Bool(s != nil)
		if s != nil {
			a.scratch = a.scratch[:0]
			s.Encode(&a.scratch, true)
			w.Blob(a.scratch)
		}
	}
}

func (a *sketchAcc) restore(r *page.Reader, n int) {
	for range n {
		var s *ddsketch.DDSketch
		if r.Bool() {
			var err error
			if s, err = a.decode(r.Blob()); err != nil {
				r.Fail("a sketch: %s", err)
			}
		}
		if r.Err() != nil {
			return
		}
		a.s = append(a.s, s)
	}
}

// decode reads a sketch. The library's decoder panics at some kinds of damage, and
// its dense stores make room for whatever bucket is named, so a sparse one looks
// at the bytes first.
func (a *sketchAcc) decode(b []byte) (s *ddsketch.DDSketch, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	look := ddsketch.NewDDSketch(a.mapping, store.NewSparseStore(), store.NewSparseStore())
	if err := look.DecodeAndMergeWith(b); err != nil {
		return nil, err
	}
	lo, hi := a.mapping.Index(a.mapping.MinIndexableValue()), a.mapping.Index(a.mapping.MaxIndexableValue())
	for _, side := range []store.Store{look.GetPositiveValueStore(), look.GetNegativeValueStore()} {
		if side.IsEmpty() {
			continue
		}
		least, err := side.MinIndex()
		if err != nil {
			return nil, err
		}
		most, err := side.MaxIndex()
		if err != nil {
			return nil, err
		}
		if least < lo || most > hi {
			return nil, fmt.Errorf("buckets from %d to %d", least, most)
		}
	}
	s = ddsketch.NewDDSketch(a.mapping, store.NewBufferedPaginatedStore(), store.NewBufferedPaginatedStore())
	err = s.DecodeAndMergeWith(b)
	return s, err
}

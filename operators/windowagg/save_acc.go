package windowagg

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/state/page"
)

func putUint32(to []byte, v uint32) { binary.LittleEndian.PutUint32(to, v) }
func uint32Of(from []byte) uint32   { return binary.LittleEndian.Uint32(from) }
func putUint64(to []byte, v uint64) { binary.LittleEndian.PutUint64(to, v) }
func uint64Of(from []byte) uint64   { return binary.LittleEndian.Uint64(from) }
func putInt64(to []byte, v int64)   { binary.LittleEndian.PutUint64(to, uint64(v)) }
func int64Of(from []byte) int64     { return int64(binary.LittleEndian.Uint64(from)) }

func (c *countAcc) save(w *page.Writer, lo, hi int) { w.Int64s(c.n[lo:hi]) }

func (c *countAcc) restore(r *page.Reader, n int) { c.n = r.Int64s(c.n, n) }

func (e *exactAcc) save(w *page.Writer, lo, hi int) {
	to := w.Raw(24 * (hi - lo))
	for i := range e.s[lo:hi] {
		s, at := &e.s[lo+i], to[24*i:24*i+24]
		putUint64(at, s.lo)
		putInt64(at[8:], s.hi)
		putInt64(at[16:], s.n)
	}
}

func (e *exactAcc) restore(r *page.Reader, n int) {
	b := r.Raw(n, 24)
	for ; len(b) > 0; b = b[24:] {
		e.s = append(e.s, exactState{lo: uint64Of(b), hi: int64Of(b[8:]), n: int64Of(b[16:])})
	}
}

func (d *doubleAcc) save(w *page.Writer, lo, hi int) {
	to := w.Raw(16 * (hi - lo))
	for i, s := range d.s[lo:hi] {
		page.PutFloat(to[16*i:], s.sum)
		putInt64(to[16*i+8:], s.n)
	}
}

func (d *doubleAcc) restore(r *page.Reader, n int) {
	b := r.Raw(n, 16)
	for ; len(b) > 0; b = b[16:] {
		d.s = append(d.s, doubleState{sum: page.Float(b), n: int64Of(b[8:])})
	}
}

func (e *extremeAcc) save(w *page.Writer, lo, hi int) {
	to := w.Raw(9 * (hi - lo))
	for i, s := range e.s[lo:hi] {
		putInt64(to[9*i:], s.v)
		to[9*i+8] = truth(s.has)
	}
}

func (e *extremeAcc) restore(r *page.Reader, n int) {
	b := r.Raw(n, 9)
	for ; len(b) > 0; b = b[9:] {
		e.s = append(e.s, extremeState{v: int64Of(b), has: b[8] != 0})
	}
}

func truth(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func (d *decimalExtremeAcc) save(w *page.Writer, lo, hi int) {
	to := w.Raw(17 * (hi - lo))
	for i, s := range d.s[lo:hi] {
		putUint64(to[17*i:], s.v.LowBits())
		putInt64(to[17*i+8:], s.v.HighBits())
		to[17*i+16] = truth(s.has)
	}
}

func (d *decimalExtremeAcc) restore(r *page.Reader, n int) {
	b := r.Raw(n, 17)
	for ; len(b) > 0; b = b[17:] {
		d.s = append(d.s, decimalExtremeState{v: decimal128.New(int64Of(b[8:]), uint64Of(b)), has: b[16] != 0})
	}
}

// noText is the length of a value that is not there.
const noText = ^uint32(0)

func (t *textExtremeAcc) save(w *page.Writer, lo, hi int) {
	size, to := 0, w.Raw(4*(hi-lo))
	for i, s := range t.s[lo:hi] {
		if !s.has {
			putUint32(to[4*i:], noText)
			continue
		}
		putUint32(to[4*i:], uint32(s.n))
		size += int(s.n)
	}
	w.Int(int64(size))
	to = w.Raw(size)
	for _, s := range t.s[lo:hi] {
		if s.has {
			to = to[copy(to, t.value(s)):]
		}
	}
}

func (t *textExtremeAcc) restore(r *page.Reader, n int) {
	sizes := r.Raw(n, 4)
	texts := r.Blob()
	at, end := len(t.arena), len(t.arena)+len(texts)
	t.arena = append(t.arena, texts...)
	for ; len(sizes) > 0; sizes = sizes[4:] {
		size := uint32Of(sizes)
		if size == noText {
			t.s = append(t.s, textExtremeState{})
			continue
		}
		if int64(size) > int64(end-at) {
			r.Fail("texts of more than %d bytes", len(texts))
			return
		}
		t.s = append(t.s, textExtremeState{at: at, n: int32(size), space: int32(size), has: true})
		at += int(size)
	}
	if at != end {
		r.Fail("%d bytes of text too many", end-at)
	}
}

// saveAccs writes the states of ids lo..hi-1 of every aggregate.
func saveAccs(w *page.Writer, accs []acc, lo, hi int) {
	for _, a := range accs {
		a.save(w, lo, hi)
	}
}

// restoreAccs appends n states to every aggregate.
func restoreAccs(r *page.Reader, accs []acc, n int) {
	for _, a := range accs {
		a.restore(r, n)
	}
}

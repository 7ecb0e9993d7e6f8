package page

import (
	"encoding/binary"
	"math"
	"slices"
)

// Writer makes one page.
type Writer struct{ b []byte }

// NewWriter begins a page of the given version. size is about how many bytes
// will follow; it saves growing.
func NewWriter(version byte, size int) *Writer {
	w := &Writer{b: make([]byte, 0, size+1)}
	w.b = append(w.b, version)
	return w
}

// Bytes returns the page. The writer must not be used afterwards.
func (w *Writer) Bytes() []byte { return w.b }

// Int writes a number.
func (w *Writer) Int(v int64) { w.b = binary.LittleEndian.AppendUint64(w.b, uint64(v)) }

// Bool writes a truth.
func (w *Writer) Bool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	w.b = append(w.b, b)
}

// Blob writes bytes with their length.
func (w *Writer) Blob(b []byte) {
	w.Int(int64(len(b)))
	w.b = append(w.b, b...)
}

// Raw appends n bytes and returns them, to be filled before the next call.
func (w *Writer) Raw(n int) []byte {
	at := len(w.b)
	w.b = slices.Grow(w.b, n)[:at+n]
	return w.b[at:]
}

// Int32s writes numbers without their count.
func (w *Writer) Int32s(vals []int32) {
	to := w.Raw(4 * len(vals))
	for i, v := range vals {
		binary.LittleEndian.PutUint32(to[4*i:], uint32(v))
	}
}

// Int64s writes numbers without their count.
func (w *Writer) Int64s(vals []int64) {
	to := w.Raw(8 * len(vals))
	for i, v := range vals {
		binary.LittleEndian.PutUint64(to[8*i:], uint64(v))
	}
}

// PutFloat writes the bits of v into the first 8 bytes of to.
func PutFloat(to []byte, v float64) { binary.LittleEndian.PutUint64(to, math.Float64bits(v)) }

// Float reads what PutFloat wrote.
func Float(from []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(from)) }

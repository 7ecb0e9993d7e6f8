package page

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrDamaged is returned for bytes that no writer made.
var ErrDamaged = errors.New("damaged page")

// Reader reads one page in the order in which it was written. After the first
// error everything that it returns is zero; Close tells.
type Reader struct {
	b   []byte
	err error
}

// NewReader begins to read a page, which must have the given version.
func NewReader(b []byte, version byte) *Reader {
	r := &Reader{}
	switch {
	case len(b) == 0:
		r.Fail("it is empty")
	case b[0] != version:
		r.Fail("it has version %d; this weir reads version %d", b[0], version)
	default:
		r.b = b[1:]
	}
	return r
}

// Fail makes the page a damaged one, unless it is so already.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

// Err returns why the page is damaged, nil as long as it does not seem so.
func (r *Reader) Err() error { return r.err }

// Close returns why the page is damaged. Bytes that nobody read are damage.
func (r *Reader) Close() error {
	if r.err == nil && len(r.b) > 0 {
		r.Fail("%d bytes too many", len(r.b))
	}
	return r.err
}

// Raw returns the next n values of width bytes each; nil after an error. The
// result is a part of the page.
func (r *Reader) Raw(n, width int) []byte {
	if r.err != nil || n == 0 || width == 0 {
		return nil
	}
	if n < 0 || n > len(r.b)/width {
		r.Fail("%d values of %d bytes where %d bytes are left", n, width, len(r.b))
		return nil
	}
	b := r.b[: n*width : n*width]
	r.b = r.b[n*width:]
	return b
}

// Int reads a number.
func (r *Reader) Int() int64 {
	b := r.Raw(1, 8)
	if b == nil {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// Count reads how many values of at least width bytes each follow.
func (r *Reader) Count(width int) int {
	n := r.Int()
	if n < 0 || n > int64(len(r.b)/width) {
		r.Fail("%d values of %d bytes where %d bytes are left", n, width, len(r.b))
		return 0
	}
	return int(n)
}

// Bool reads a truth.
func (r *Reader) Bool() bool {
	b := r.Raw(1, 1)
	if b == nil {
		return false
	}
	if b[0] > 1 {
		r.Fail("a truth of %d", b[0])
	}
	return b[0] == 1
}

// Blob reads bytes with their length; they are a part of the page.
func (r *Reader) Blob() []byte {
	n := r.Int()
	if n < 0 || n > int64(len(r.b)) {
		r.Fail("%d bytes where %d are left", n, len(r.b))
		return nil
	}
	return r.Raw(int(n), 1)
}

// Int32s appends n numbers to dst.
func (r *Reader) Int32s(dst []int32, n int) []int32 {
	b := r.Raw(n, 4)
	for i := 0; i < len(b); i += 4 {
		dst = append(dst, int32(binary.LittleEndian.Uint32(b[i:])))
	}
	return dst
}

// Int64s appends n numbers to dst.
func (r *Reader) Int64s(dst []int64, n int) []int64 {
	b := r.Raw(n, 8)
	for i := 0; i < len(b); i += 8 {
		dst = append(dst, int64(binary.LittleEndian.Uint64(b[i:])))
	}
	return dst
}

package page

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPage: what is written in some order is read in that order; a page that is
// cut short or too long is damaged.
func TestPage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, truth := rapid.Int64().Draw(t, "n"), rapid.Bool().Draw(t, "truth")
		blob := rapid.SliceOf(rapid.Byte()).Draw(t, "blob")
		ints := rapid.SliceOf(rapid.Int32()).Draw(t, "ints")
		longs := rapid.SliceOf(rapid.Int64()).Draw(t, "longs")
		f := rapid.Float64().Draw(t, "f")
		w := NewWriter(7, 0)
		w.Int(n)
		w.Bool(truth)
		w.Blob(blob)
		w.Int(int64(len(ints)))
		w.Int32s(ints)
		w.Int64s(longs)
		PutFloat(w.Raw(8), f)
		b := w.Bytes()
		read := func(b []byte) error {
			r := NewReader(b, 7)
			ok := r.Int() == n && r.Bool() == truth && bytes.Equal(r.Blob(), blob) &&
				slices.Equal(r.Int32s(nil, r.Count(4)), ints) && slices.Equal(r.Int64s(nil, len(longs)), longs)
			if last := r.Raw(1, 8); last != nil {
				ok = ok && Float(last) == f
			}
			if err := r.Close(); err != nil {
				return err
			}
			if !ok {
				t.Fatal("not what was written")
			}
			return nil
		}
		if err := read(b); err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		for _, bad := range [][]byte{b[:cut], append(slices.Clone(b), 0), append([]byte{8}, b[1:]...)} {
			if err := read(bad); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%d of %d bytes give %v", len(bad), len(b), err)
			}
		}
	})
}

// FuzzReader asks any bytes for anything.
func FuzzReader(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{0, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, b, ops []byte) {
		r := NewReader(b, 1)
		for _, op := range ops {
			switch op % 6 {
			case 0:
				r.Int()
			case 1:
				r.Bool()
			case 2:
				r.Blob()
			case 3:
				if got := r.Int32s(nil, r.Count(4)); 4*len(got) > len(b) {
					t.Fatal("more than there is")
				}
			case 4:
				r.Int64s(nil, int(r.Int()))
			case 5:
				r.Raw(int(op), int(op))
			}
		}
		_ = r.Close()
	})
}

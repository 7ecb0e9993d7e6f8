package keyed

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// What is appended comes back, in as many bytes as Size says.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOf(rapid.String()).Draw(t, "keys")
		var block []byte
		var data [][]byte
		for i, k := range keys {
			d := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")
			data = append(data, d)
			before := len(block)
			block = Append(block, k, d)
			if got := len(block) - before; got != Size(len(k), len(d)) {
				t.Fatalf("record %d takes %d bytes, Size says %d", i, got, Size(len(k), len(d)))
			}
		}
		for i, k := range keys {
			r, rest, err := Next(block)
			if err != nil || string(r.Key) != k || !bytes.Equal(r.Data, data[i]) {
				t.Fatalf("record %d is %q %q, %v; want %q %q", i, r.Key, r.Data, err, k, data[i])
			}
			block = rest
		}
		if len(block) != 0 {
			t.Fatalf("%d bytes are left", len(block))
		}
	})
}

func FuzzNext(f *testing.F) {
	f.Add(Append(Append(nil, "k", []byte("data")), "", nil))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, block []byte) {
		for len(block) > 0 {
			r, rest, err := Next(block)
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Fatal(err)
				}
				return
			}
			if len(r.Key)+len(r.Data)+len(rest) >= len(block) {
				t.Fatalf("%d bytes of a record and %d behind it out of %d", len(r.Key)+len(r.Data), len(rest), len(block))
			}
			block = rest
		}
	})
}

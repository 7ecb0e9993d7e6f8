package badger_test

import (
	"fmt"
	"testing"

	"weir/operators/state"
)

// BenchmarkPages writes 40 MB in pages of 256 KiB, as a large checkpoint does.
func BenchmarkPages(b *testing.B) {
	s := open(b, b.TempDir())
	defer s.Close()
	var values [160][]byte
	for p := range values {
		values[p] = make([]byte, 256<<10)
		for i := range values[p] {
			values[p][i] = byte(i*i>>5) ^ byte(p*i>>11)
		}
	}
	b.SetBytes(160 * 256 << 10)
	round := 0
	for b.Loop() {
		var batch state.Batch
		for p, v := range values {
			batch.Page(fmt.Appendf(nil, "s%06d/%03d", round, p), v)
			if round > 0 {
				batch.Delete(fmt.Appendf(nil, "s%06d/%03d", round-1, p))
			}
		}
		round++
		if err := s.Write(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSmall is one small write after the other: what a checkpoint costs that
// has little to say.
func BenchmarkSmall(b *testing.B) {
	s := open(b, b.TempDir())
	defer s.Close()
	value := make([]byte, 1000)
	i := 0
	for b.Loop() {
		var batch state.Batch
		batch.Put(fmt.Appendf(nil, "m%d", i%100), value)
		i++
		if err := s.Write(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens a store that holds little.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		if err := open(b, dir).Close(); err != nil {
			b.Fatal(err)
		}
	}
}

package wal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"weir/operators/stream"
)

// BenchmarkAppend measures acknowledged requests a second; run it with
// -benchtime=3s on the disk that matters.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ writers, bytes int }{{1, 200}, {64, 200}, {16, 64 << 10}, {8, 1 << 20}} {
		b.Run(fmt.Sprintf("writers=%d/bytes=%d", c.writers, c.bytes), func(b *testing.B) {
			benchAppend(b, c.writers, c.bytes)
		})
	}
}

func record(n int) []byte {
	var buf bytes.Buffer
	for buf.Len() < n {
		fmt.Fprintf(&buf, `{"user":"u%06d","page":"/item/%d","price":%d.%02d,"country":"DE"}`+"\n", rand.IntN(1e6), rand.IntN(1e5), rand.IntN(500), rand.IntN(100))
	}
	return buf.Bytes()[:n]
}

func benchAppend(b *testing.B, writers, size int) {
	l := openAt(b, Config{Dir: b.TempDir()})
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		data := record(size)
		n := b.N / writers
		if w < b.N%writers {
			n++
		}
		wg.Go(func() {
			for range n {
				req := Request{Blocks: []Block{{Stream: 1, Shard: stream.Shard(w % 4), Count: 1, Data: data}}}
				if _, err := l.Append(b.Context(), req); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acks/s")
	s := l.Stats()
	b.ReportMetric(float64(s.Records)/float64(s.Commits), "records/commit")
	b.ReportMetric(float64(s.RawBytes)/float64(s.StoredBytes), "ratio")
	b.ReportMetric(float64(s.SyncNanos)/float64(s.Syncs)/1e3, "µs/sync")
}

// BenchmarkReplay measures reading a log whose frames are in the page cache.
func BenchmarkReplay(b *testing.B) {
	l := openAt(b, Config{Dir: b.TempDir()})
	data := record(64 << 10)
	for range 500 {
		mustAppend(b, l, Request{Blocks: []Block{{Stream: 1, Count: 1, Data: data}}})
	}
	head, _ := l.Head()
	b.SetBytes(500 * 64 << 10)
	for b.Loop() {
		r, err := l.NewReader(0)
		if err != nil {
			b.Fatal(err)
		}
		for {
			f, err := r.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for i := range f.Blocks {
				if _, err := f.Data(i); err != nil {
					b.Fatal(err)
				}
			}
			if f.Commit == head {
				break
			}
		}
		r.Close()
	}
}

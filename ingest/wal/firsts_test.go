package wal

import (
	"fmt"
	"sync"
	"testing"

	"weir/operators/stream"
)

// Each writer is told where its records are, whoever's they were joined with.
func TestFirstOfEachBlock(t *testing.T) {
	l := openAt(t, Config{Dir: t.TempDir()})
	type place struct {
		enc   Encoding
		shard stream.Shard
		seq   stream.Seq
	}
	var mu sync.Mutex
	want := map[place]string{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				var req Request
				var text []string
				for shard := range 3 {
					s := fmt.Sprintf("%d.%d.%d", w, i, shard)
					enc := Keyed
					if shard == 2 {
						enc = JSON
					}
					text = append(text, s)
					req.Blocks = append(req.Blocks, Block{Stream: 1, Shard: stream.Shard(shard), Count: 1, Data: []byte(s + "\n"), Encoding: enc})
				}
				ack, err := l.Append(t.Context(), req)
				if err != nil || len(ack.First) != 3 {
					t.Errorf("append: %+v, %v", ack, err)
					return
				}
				mu.Lock()
				for k, b := range req.Blocks {
					want[place{b.Encoding, b.Shard, ack.First[k]}] = text[k]
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r, err := l.NewReader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head, _ := l.Head()
	found := 0
	for {
		f, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range f.Blocks {
			data, err := f.Data(i)
			if err != nil {
				t.Fatal(err)
			}
			lines := splitLines(data)
			if len(lines) != b.Count {
				t.Fatalf("%d lines in a block of %d", len(lines), b.Count)
			}
			for n, line := range lines {
				if got := want[place{b.Encoding, b.Shard, b.First + stream.Seq(n)}]; got != line {
					t.Fatalf("shard %d sequence %d is %q; its writer wrote %q there", b.Shard, b.First+stream.Seq(n), line, got)
				}
				found++
			}
		}
		if f.Commit == head {
			break
		}
	}
	if found != len(want) {
		t.Errorf("%d records, %d were written", found, len(want))
	}
}

func splitLines(data []byte) (out []string) {
	start := 0
	for i, c := range data {
		if c == '\n' {
			if i > start {
				out = append(out, string(data[start:i]))
			}
			start = i + 1
		}
	}
	if start < len(data) {
		out = append(out, string(data[start:]))
	}
	return out
}

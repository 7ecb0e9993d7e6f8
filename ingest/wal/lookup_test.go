package wal

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/operators/stream"
)

// CommitAt, EachControl and readers from the middle, against a walk over the whole log.
func TestLookup(t *testing.T) {
	base, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		var ms atomic.Int64 // since the second 1000
		now := func() time.Time { return time.UnixMilli(1_000_000 + ms.Load()) }
		cfg := Config{
			Dir: fmt.Sprintf("%s/%d", base, n), SegmentBytes: int64(rapid.SampledFrom([]int{500, 4000, 1 << 20}).Draw(t, "segment bytes")),
			Clock: now, Monotonic: func() time.Duration { return time.Duration(now().UnixNano()) },
		}
		l, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { l.Close() }()
		var controls []stream.Commit
		for range rapid.IntRange(0, 60).Draw(t, "commits") {
			ms.Add(rapid.Int64Range(0, 3).Draw(t, "ms"))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				c, err := l.Control(t.Context(), Control{Kind: rapid.SampledFrom([]ControlKind{DDL, End, Reshard}).Draw(t, "kind"), Payload: []byte("p")})
				if err != nil {
					t.Fatal(err)
				}
				controls = append(controls, c)
			case 1:
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				if l, err = Open(cfg); err != nil {
					t.Fatal(err)
				}
			default:
				if _, err := l.Append(t.Context(), one(1, 0, 1, strings.Repeat("x", 100))); err != nil {
					t.Fatal(err)
				}
			}
		}
		// Close ends the last step, which the clock of this test does not.
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		var got []stream.Commit
		if err := l.EachControl(t.Context(), func(f *Frame) error { got = append(got, f.Commit); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, controls) {
			t.Fatalf("controls %v, want %v", got, controls)
		}
		all, arrivals := walk(t, l)
		from := stream.FromGo(time.Unix(1000, 0)) - 1
		for at := from; at <= stream.FromGo(now())+2; at += 500 {
			want := stream.Commit(0)
			for i, a := range arrivals {
				if a < at {
					want = stream.Commit(i + 1)
				}
			}
			if got := l.CommitAt(at); got != want {
				t.Fatalf("at %d: commit %d, want %d of %d", at, got, want, len(arrivals))
			}
		}
		for i, want := range arrivals {
			if got, err := l.ArrivalOf(stream.Commit(i + 1)); got != want || err != nil {
				t.Fatalf("commit %d arrived at %d, %v; want %d", i+1, got, err, want)
			}
		}
		if got, err := l.ArrivalOf(stream.Commit(len(arrivals) + 1)); err == nil {
			t.Fatalf("a commit that is not there arrived at %d", got)
		}
		after := stream.Commit(rapid.IntRange(0, len(arrivals)-1).Draw(t, "after"))
		i := slices.IndexFunc(all, func(s string) bool { return strings.HasPrefix(s, fmt.Sprintf("commit %d ", after+1)) })
		if tail := replay(panics{}, l, after); !slices.Equal(all[i:], tail) {
			t.Fatalf("after %d: %q, want %q", after, tail, all[i:])
		}
	})
}

func walk(t *rapid.T, l *Log) (lines []string, arrivals []stream.Time) {
	lines = replay(panics{}, l, 0)
	for _, s := range lines {
		var c, step uint64
		var at int64
		if n, _ := fmt.Sscanf(s, "commit %d step %d at %d", &c, &step, &at); n == 3 {
			arrivals = append(arrivals, stream.Time(at))
			if int(c) != len(arrivals) {
				t.Fatalf("commit %d is number %d", c, len(arrivals))
			}
		}
	}
	return lines, arrivals
}

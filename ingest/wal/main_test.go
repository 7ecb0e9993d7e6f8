package wal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weir/operators/stream"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("WAL_TEST_CHILD"); dir != "" {
		childMain(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func openAt(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func one(streamID uint32, shard stream.Shard, count int, data string) Request {
	return Request{Blocks: []Block{{Stream: streamID, Shard: shard, Count: count, Data: []byte(data)}}}
}

func mustAppend(t testing.TB, l *Log, r Request) Ack {
	t.Helper()
	a, err := l.Append(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// story is what a reader sees, one line a frame or mark.
func line(t testing.TB, f *Frame) string {
	if f.StepDone {
		return fmt.Sprintf("step %d done at %d, %d", f.Step, f.Commit, f.Arrival)
	}
	s := fmt.Sprintf("commit %d step %d at %d", f.Commit, f.Step, f.Arrival)
	if f.Control != nil {
		s += fmt.Sprintf(" %s of %d %q", f.Control.Kind, f.Control.Stream, f.Control.Payload)
	}
	for i, b := range f.Blocks {
		data, err := f.Data(i)
		if err != nil {
			t.Fatal(err)
		}
		s += fmt.Sprintf(" [%d/%d %d+%d enc %d %q]", b.Stream, b.Shard, b.First, b.Count, b.Encoding, data)
	}
	return s
}

// replay reads a closed or idle log from after to its head, with the mark of the last step.
func replay(t testing.TB, l *Log, after stream.Commit) []string {
	t.Helper()
	r, err := l.NewReader(after)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return readOn(t, l, r)
}

// readOn reads to the mark of the head's step.
func readOn(t testing.TB, l *Log, r *Reader) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out []string
	for {
		head, _ := l.Head()
		f, err := r.Next(ctx)
		if errors.Is(err, ErrClosed) {
			return out
		}
		if err != nil {
			t.Fatalf("after %d lines: %v", len(out), err)
		}
		out = append(out, line(t, f))
		if f.StepDone && f.Commit >= head {
			return out
		}
	}
}

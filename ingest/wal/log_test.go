package wal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAppendReadReopen(t *testing.T) {
	dir := t.TempDir()
	l := openAt(t, Config{Dir: dir})
	live, err := l.NewReader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	mustAppend(t, l, one(1, 0, 2, "{\"a\":1}\n{\"a\":2}"))
	mustAppend(t, l, Request{Blocks: []Block{
		{Stream: 2, Shard: 1, Count: 1, Data: []byte(`{}`)},
		{Stream: 1, Shard: 3, Count: 1, Data: []byte(strings.Repeat("x", 10_000))},
		{Stream: 1, Shard: 0, Count: 1, Data: []byte(`{"a":3}`)},
	}})
	time.Sleep(8 * time.Millisecond)
	mustAppend(t, l, one(1, 0, 1, `{"a":4}`))
	if _, err := l.Control(t.Context(), Control{Kind: DDL, Payload: []byte("create")}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, one(1, 0, 1, `{"a":5}`))
	saw := readOn(t, l, live)
	if d := cmp.Diff(saw, replay(t, l, 0)); d != "" {
		t.Fatal(d)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openAt(t, Config{Dir: dir})
	again := replay(t, l, 0)
	if d := cmp.Diff(saw, again[:len(saw)]); d != "" {
		t.Fatal(d)
	}
	if len(again) != len(saw)+2 || !strings.Contains(again[len(saw)], "start") {
		t.Fatalf("behind what was there: %q", again[len(saw):])
	}
	if n := l.NextSeq(1, 0); n != 5 {
		t.Fatalf("next sequence %d", n)
	}
	for _, s := range again {
		t.Log(s[:min(len(s), 120)])
	}
}

// TestGrown: who waits for a commit is told when there is one, at once where there was
// one before, and that there will be none any more.
func TestGrown(t *testing.T) {
	l := openAt(t, Config{Dir: t.TempDir()})
	head, _ := l.Head()
	grown, err := l.Grown(head)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-grown:
		t.Error("told before there is a commit")
	default:
	}
	ack := mustAppend(t, l, one(1, 0, 1, "a"))
	<-grown
	if grown, err = l.Grown(ack.Commit - 1); err != nil {
		t.Fatal(err)
	}
	<-grown
	if grown, err = l.Grown(ack.Commit); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	<-grown
	if _, err := l.Grown(ack.Commit); !errors.Is(err, ErrClosed) {
		t.Errorf("of a closed log: %v", err)
	}
}

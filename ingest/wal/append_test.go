package wal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"weir/operators/stream"
)

// gateFS holds every sync until the gate opens, or fails it.
type gateFS struct {
	osFS
	gate chan struct{} // receives one value a sync, once armed
	err  error
	mu   sync.Mutex
	arm  bool
	held bool // a sync waits at the gate, or has waited
}

func (g *gateFS) set(arm bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.arm, g.err = arm, err
}

// holds tells whether a sync is at the gate: who opens it before finds nobody.
func (g *gateFS) holds() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

func (g *gateFS) OpenFile(name string, flag int) (File, error) {
	f, err := g.osFS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return gateFile{f, g}, nil
}

type gateFile struct {
	File
	g *gateFS
}

func (f gateFile) Datasync() error {
	f.g.mu.Lock()
	arm, err := f.g.arm, f.g.err
	f.g.held = f.g.held || arm
	f.g.mu.Unlock()
	if arm {
		<-f.g.gate
	}
	return errors.Join(err, f.File.Datasync())
}

func TestKeys(t *testing.T) {
	g := &gateFS{gate: make(chan struct{})}
	dir := t.TempDir()
	l := openAt(t, Config{Dir: dir, FS: g})
	req := one(1, 0, 2, "1\n2")
	req.Key, req.KeyHash, req.KeyInfo = "k", [32]byte{1}, 77
	other := req
	other.KeyHash = [32]byte{2}

	g.set(true, nil)
	type answer struct {
		Ack
		err error
	}
	answers := make(chan answer, 3)
	for range 3 {
		go func() {
			a, err := l.Append(context.Background(), req)
			answers <- answer{a, err}
		}()
	}
	waitFor(t, g.holds)
	if _, err := l.Append(t.Context(), other); !errors.Is(err, ErrKeyReused) {
		t.Fatalf("another body in flight: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := l.Append(ctx, req); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a wait for the first: %v", err)
	}
	g.set(false, nil)
	g.gate <- struct{}{}
	repeated := 0
	for range 3 {
		a := <-answers
		if a.err != nil || a.Commit != 2 || a.KeyInfo != 77 {
			t.Fatalf("%+v", a)
		}
		if a.Repeated {
			repeated++
		}
	}
	if repeated != 2 || l.NextSeq(1, 0) != 2 {
		t.Fatalf("%d repeated, %d records", repeated, l.NextSeq(1, 0))
	}
	l.Close()
	l = openAt(t, Config{Dir: dir})
	if a := mustAppend(t, l, req); !a.Repeated || a.Commit != 2 || a.KeyInfo != 77 {
		t.Fatalf("%+v", a)
	}
	if _, err := l.Append(t.Context(), other); !errors.Is(err, ErrKeyReused) {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for range 5000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it does not happen")
}

func TestKeyMemoryForgetsTheOldest(t *testing.T) {
	m := newKeyMemory(3)
	for i := range 7 {
		m.remember(&keyAt{keyRecord{key: fmt.Sprint(i % 5), info: uint64(i)}, stream.Commit(i + 1), 0})
	}
	// 0 to 4, then 0 and 1 again: 4, 0, 1 are left.
	var got []uint64
	for _, k := range m.since(0) {
		got = append(got, k.info)
	}
	if fmt.Sprint(got) != "[4 5 6]" || len(m.entries) != 3 {
		t.Fatal(got, len(m.entries))
	}
	if got := m.since(7); len(got) != 1 {
		t.Fatal(got)
	}
}

func TestBusyAndAbandoned(t *testing.T) {
	g := &gateFS{gate: make(chan struct{})}
	l := openAt(t, Config{Dir: t.TempDir(), FS: g, MaxQueueBytes: 1000})
	g.set(true, nil)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 4 {
		wg.Go(func() {
			if _, err := l.Append(ctx, one(1, 0, 1, "abcdefgh")); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(i, err)
			}
		})
	}
	waitFor(t, g.holds)
	four := 4 * (fixedSize + markSize + dirEntrySize + len("abcdefgh"))
	waitFor(t, func() bool { return l.Stats().QueueBytes == four })
	if _, err := l.Append(t.Context(), one(1, 0, 1, string(make([]byte, 500)))); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), one(1, 0, 1, string(make([]byte, 1500)))); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), Request{}); err == nil {
		t.Fatal("a request without records was appended")
	}
	// A control is written all the same: whoever sends it has begun to act on it.
	wg.Go(func() {
		if _, err := l.Control(t.Context(), Control{Kind: DDL, Payload: make([]byte, 900)}); err != nil {
			t.Error(err)
		}
	})
	waitFor(t, func() bool { return l.Stats().QueueBytes > four })
	// Those who wait go away; what they queued still becomes durable.
	cancel()
	time.Sleep(5 * time.Millisecond)
	g.set(false, nil)
	g.gate <- struct{}{}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := l.NextSeq(1, 0); n != 4 {
		t.Fatalf("%d records of 4", n)
	}
	if _, err := l.Append(t.Context(), one(1, 0, 1, "x")); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

// A sync that fails once is the end, though the next one would succeed.
func TestSyncErrorIsFatal(t *testing.T) {
	g := &gateFS{gate: make(chan struct{})}
	dir := t.TempDir()
	l := openAt(t, Config{Dir: dir, FS: g})
	mustAppend(t, l, one(1, 0, 1, "safe"))
	r, err := l.NewReader(2)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	g.set(true, os.ErrPermission)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := l.Append(t.Context(), one(1, 0, 1, "lost")); !errors.Is(err, os.ErrPermission) {
				t.Errorf("append: %v", err)
			}
		})
	}
	waitFor(t, g.holds)
	waitFor(t, func() bool { return l.Stats().QueueBytes == 5*(fixedSize+markSize+dirEntrySize+len("lost")) })
	g.set(false, os.ErrPermission)
	g.gate <- struct{}{}
	wg.Wait()
	<-l.Failed()
	g.set(false, nil)
	if _, err := l.Append(t.Context(), one(1, 0, 1, "x")); !errors.Is(err, os.ErrPermission) {
		t.Fatal(err)
	}
	if f, err := r.Next(t.Context()); !errors.Is(err, os.ErrPermission) {
		t.Fatal(f, err)
	}
	if head, _ := l.Head(); head != 2 || l.NextSeq(1, 0) != 1 {
		t.Fatal(head, l.NextSeq(1, 0))
	}
	if err := l.Close(); !errors.Is(err, os.ErrPermission) {
		t.Fatal(err)
	}
	openAt(t, Config{Dir: dir})
}

// Many readers at the head and in the past, while the log is written, see the same.
func TestReadersAgree(t *testing.T) {
	l := openAt(t, Config{Dir: t.TempDir(), SegmentBytes: 8 << 10})
	const readers = 4
	seen := make([][]string, readers)
	var reading, writing sync.WaitGroup
	for i := range readers {
		reading.Go(func() {
			time.Sleep(time.Duration(i) * 7 * time.Millisecond)
			r, err := l.NewReader(0)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			for {
				f, err := r.Next(context.Background())
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				seen[i] = append(seen[i], line(panics{}, f))
			}
		})
	}
	for w := range 6 {
		writing.Go(func() {
			for i := range 60 {
				if _, err := l.Append(context.Background(), one(1, stream.Shard(w%3), 1, fmt.Sprint(w, i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	l.Close()
	reading.Wait()
	for i := range seen {
		if fmt.Sprint(seen[i]) != fmt.Sprint(seen[0]) {
			t.Fatalf("reader %d saw %d lines, reader 0 %d", i, len(seen[i]), len(seen[0]))
		}
	}
	if n := l.NextSeq(1, 0); n != 120 || len(seen[0]) == 0 {
		t.Fatal(n)
	}
}

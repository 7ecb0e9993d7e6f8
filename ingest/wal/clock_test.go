package wal

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weir/operators/stream"
)

// kinds lists what a log holds, one word a commit.
func kinds(t testing.TB, l *Log) string {
	var out []string
	for _, s := range replay(t, l, 0) {
		f := strings.Fields(s)
		switch {
		case f[0] != "commit":
		case strings.HasPrefix(f[6], "["):
			out = append(out, "rows")
		default:
			out = append(out, f[6])
		}
	}
	return strings.Join(out, " ")
}

func TestTicks(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := openAt(t, Config{Dir: dir})
		l.SetTickWindow(3500 * time.Millisecond)
		time.Sleep(5 * time.Second) // no record yet: no tick
		mustAppend(t, l, one(1, 0, 1, "1"))
		time.Sleep(700 * time.Millisecond)
		mustAppend(t, l, one(1, 0, 1, "2"))
		time.Sleep(10 * time.Second)
		if got := kinds(t, l); got != "start rows rows tick tick tick" {
			t.Fatal(got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		// The window counts from the last record, also over a restart.
		l = openAt(t, Config{Dir: dir})
		l.SetTickWindow(15 * time.Second)
		time.Sleep(20 * time.Second)
		if got := kinds(t, l); got != "start rows rows tick tick tick start tick tick tick tick" {
			t.Fatal(got)
		}
		l.Close()
	})
}

// TestTickBy: a tick comes when somebody wants one, unless a commit came; the
// earliest of several times counts, and one that has passed does not.
func TestTickBy(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := openAt(t, Config{Dir: dir})
		defer l.Close()
		base := stream.FromGo(time.Now())
		ticked := func(want string) {
			t.Helper()
			if got := kinds(t, l); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
		l.TickBy(base.Add(30 * time.Second))
		l.TickBy(base.Add(4200 * time.Millisecond))
		l.TickBy(base.Add(20 * time.Second))
		time.Sleep(4199 * time.Millisecond)
		ticked("start")
		time.Sleep(2 * time.Millisecond)
		ticked("start tick")
		if _, at := l.Newest(); at < base.Add(4200*time.Millisecond) || at > base.Add(4202*time.Millisecond) {
			t.Fatalf("the tick came after %d µs", at-base)
		}
		time.Sleep(time.Minute) // the other times were not said again
		ticked("start tick")

		now := stream.FromGo(time.Now())
		l.TickBy(now.Add(time.Second))
		time.Sleep(1500 * time.Millisecond)
		ticked("start tick tick")
		l.TickBy(now.Add(time.Second)) // it has passed
		time.Sleep(time.Minute)
		ticked("start tick tick")

		now = stream.FromGo(time.Now())
		l.TickBy(now.Add(500 * time.Millisecond))
		time.Sleep(499 * time.Millisecond)
		mustAppend(t, l, one(1, 0, 1, "1")) // too early to be in place of the tick
		l.TickBy(now.Add(700 * time.Millisecond))
		time.Sleep(2 * time.Millisecond)
		ticked("start tick tick rows tick")
		l.TickBy(now.Add(700 * time.Millisecond))
		time.Sleep(time.Minute)
		ticked("start tick tick rows tick tick")
	})
}

// A reader at the head learns that a step is over when it is, not when the next
// commit comes; and 5 ms are what decides.
func TestStepsEndInTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := openAt(t, Config{Dir: dir})
		r, err := l.NewReader(1)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		begin := time.Now()
		mustAppend(t, l, one(1, 0, 1, "1"))
		time.Sleep(5 * time.Millisecond)
		mustAppend(t, l, one(1, 0, 1, "2")) // in time
		first, second, mark := next(t, r), next(t, r), next(t, r)
		if first.Step != 2 || second.Step != 2 || !mark.StepDone || mark.Step != 2 || mark.Commit != 3 {
			t.Fatal(first, second, mark)
		}
		if d := time.Since(begin); d < 5*time.Millisecond || d > 6*time.Millisecond {
			t.Fatalf("the step was over after %s", d)
		}
		mustAppend(t, l, one(1, 0, 1, "3"))
		if f := next(t, r); f.Step != 3 {
			t.Fatal(f)
		}
		// A control ends the step before it and its own.
		if _, err := l.Control(t.Context(), Control{Kind: Reshard, Payload: []byte("p")}); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, one(1, 0, 1, "4"))
		want := []struct {
			step stream.Step
			done bool
		}{{3, true}, {4, false}, {4, true}, {5, false}, {5, true}}
		for _, w := range want {
			if f := next(t, r); f.Step != w.step || f.StepDone != w.done {
				t.Fatalf("step %d %v, want %v", f.Step, f.StepDone, w)
			}
		}
		l.Close()
	})
}

func next(t *testing.T, r *Reader) *Frame {
	t.Helper()
	f, err := r.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Arrival never falls, and a wall clock that jumps is told by a start mark.
func TestWallClockJumps(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var stray atomic.Int64
		l := openAt(t, Config{Dir: dir, Clock: func() time.Time { return time.Now().Add(time.Duration(stray.Load())) }})
		last := stream.MinTime
		for _, jump := range []time.Duration{0, 900 * time.Millisecond, 0, -900 * time.Millisecond, -time.Hour, 0, 48 * time.Hour, 0} {
			stray.Add(int64(jump))
			a := mustAppend(t, l, one(1, 0, 1, "x"))
			if a.Arrival < last {
				t.Fatalf("arrival falls from %d to %d", last, a.Arrival)
			}
			last = a.Arrival
			time.Sleep(10 * time.Millisecond)
		}
		if got := kinds(t, l); got != "start rows rows rows rows start rows rows start rows rows" {
			t.Fatal(got)
		}
		stray.Add(-int64(3 * time.Second)) // seen without an append, too
		time.Sleep(3 * time.Second)
		if got := kinds(t, l); !strings.HasSuffix(got, "rows rows start") {
			t.Fatal(got)
		}
		l.Close()
	})
}

package sinks

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/sql/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var oneColumn = stream.Schema{{Name: "n", Type: types.BigintType}}

// step makes a step whose rows are these numbers.
func step(commit stream.Commit, numbers ...int64) *stream.StepData {
	data := &stream.StepData{Step: stream.Step(commit), Commit: commit, Clock: stream.Time(commit)}
	if len(numbers) == 0 {
		return data
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, oneColumn.Arrow())
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues(numbers, nil)
	data.Rows = []stream.SourceBatch{{Batch: stream.Batch{RecordBatch: b.NewRecordBatch()}}}
	return data
}

// fakeView has a row per commit, whose number is the commit's. It forgets and it
// interrupts readers when it is told to.
type fakeView struct {
	mu      sync.Mutex
	at      stream.Commit
	floor   stream.Commit
	slow    int // readers to interrupt
	changed chan struct{}
}

func (v *fakeView) move(to stream.Commit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at = to
	close(v.changed)
	v.changed = make(chan struct{})
}

func (v *fakeView) Content() (Feed, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []int64
	for n := stream.Commit(1); n <= v.at; n++ {
		all = append(all, int64(n))
	}
	return &fakeFeed{view: v, at: v.at, first: step(v.at, all...)}, nil
}

func (v *fakeView) After(c stream.Commit) (Feed, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c < v.floor || c > v.at {
		return nil, ErrForgotten
	}
	f := &fakeFeed{view: v, at: c}
	if c == v.at {
		f.first = step(c)
	}
	return f, nil
}

type fakeFeed struct {
	view  *fakeView
	at    stream.Commit
	first *stream.StepData
}

func (f *fakeFeed) Next(ctx context.Context) (*stream.StepData, error) {
	if data := f.first; data != nil {
		f.first = nil
		return data, nil
	}
	for {
		f.view.mu.Lock()
		at, slow, changed := f.view.at, f.view.slow > 0, f.view.changed
		if slow {
			f.view.slow--
		}
		f.view.mu.Unlock()
		switch {
		case slow:
			return nil, ErrSlow
		case f.at < at:
			f.at++
			return step(f.at, int64(f.at)), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *fakeFeed) Close() error { return nil }

// fakeSink keeps numbers with a cursor. fails tells which of its calls fail, and
// whether a failed Commit happened all the same.
type fakeSink struct {
	mu      sync.Mutex
	held    []int64
	cursor  stream.Commit
	ok      bool
	begun   []int64
	mode    Mode
	fails   func(call string) (err error, happened bool)
	resyncs int
}

var errFake = errors.New("no")

func (s *fakeSink) Open(context.Context) (stream.Commit, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err, _ := s.fails("open"); err != nil {
		return 0, false, err
	}
	return s.cursor, s.ok, nil
}

func (s *fakeSink) Begin(_ context.Context, mode Mode) error {
	s.begun, s.mode = nil, mode
	err, _ := s.fails("begin")
	return err
}

func (s *fakeSink) Write(_ context.Context, _ stream.Commit, b stream.Batch) error {
	for i, n := range b.Column(0).(*array.Int64).Int64Values() {
		if i > 0 {
			if err, _ := s.fails("write"); err != nil {
				return err // in the middle of a batch
			}
		}
		s.begun = append(s.begun, n)
	}
	err, _ := s.fails("write")
	return err
}

func (s *fakeSink) Bytes() int64 { return int64(len(s.begun)) }

func (s *fakeSink) Commit(_ context.Context, to stream.Commit) (Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err, happened := s.fails("commit")
	if err == nil || happened {
		if s.mode == Resync {
			s.held = nil
			s.resyncs++
		}
		s.held = append(s.held, s.begun...)
		s.cursor, s.ok = to, true
	}
	return Outcome{}, err
}

func (s *fakeSink) Close() error { s.begun = nil; return nil }

func (s *fakeSink) holds(upTo int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held) >= upTo
}

func startRunner(t testing.TB, cfg Config) (*Runner, func()) {
	cfg.Name, cfg.Logger = "s", slog.New(slog.NewTextHandler(io.Discard, nil))
	cfg.RetryMin, cfg.RetryMax = time.Microsecond, 10*time.Microsecond
	r, err := NewRunner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	return r, func() { cancel(); <-done }
}

func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(until) {
			t.Fatalf("%s does not happen", what)
		}
	}
}

// TestExactlyOnce: whatever call fails, whether a failed commit happened or not,
// whether the view runs again from its beginning, interrupts its reader, or the
// runner is stopped and started: the destination holds every row once, in order.
func TestExactlyOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var mu sync.Mutex
		draws := rapid.SliceOfN(rapid.IntRange(0, 9), 50, 200).Draw(rt, "fate")
		calls := 0
		sink := &fakeSink{}
		sink.fails = func(string) (error, bool) {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls > len(draws) { // in the end things go well
				return nil, false
			}
			switch draws[calls-1] {
			case 0:
				return errFake, false
			case 1:
				return errFake, true
			}
			return nil, false
		}
		view := &fakeView{changed: make(chan struct{}), at: stream.Commit(rapid.IntRange(0, 3).Draw(rt, "content"))}
		cfg := Config{Sink: sink, Source: view, Limits: Limits{
			Rows: rapid.IntRange(1, 5).Draw(rt, "rows"), Bytes: int64(rapid.IntRange(0, 3).Draw(rt, "bytes")), Wait: time.Millisecond,
		}}
		last := view.at
		for range rapid.IntRange(1, 4).Draw(rt, "lives") {
			_, stop := startRunner(t, cfg)
			for range rapid.IntRange(1, 5).Draw(rt, "moves") {
				last += stream.Commit(rapid.IntRange(1, 4).Draw(rt, "by"))
				view.mu.Lock()
				view.slow = rapid.IntRange(0, 1).Draw(rt, "slow")
				view.mu.Unlock()
				view.move(last)
			}
			stop()
			if rapid.Bool().Draw(rt, "view runs again") {
				view.move(stream.Commit(rapid.IntRange(0, int(last)).Draw(rt, "from")))
			}
		}
		r, stop := startRunner(t, cfg)
		view.move(last)
		await(t, "delivery", func() bool {
			st := r.Stats()
			return sink.holds(int(last)) && st.Cursor == last && st.State == Running
		})
		stop()
		var want []int64
		for n := range last {
			want = append(want, int64(n)+1)
		}
		if !slices.Equal(sink.held, want) {
			rt.Fatalf("it holds %v, want %v", sink.held, want)
		}
	})
}

// TestForgotten: a destination that the view cannot serve any more begins anew
// where it can, and else the sink stops and says what to do.
func TestForgotten(t *testing.T) {
	for _, resync := range []bool{true, false} {
		sink := &fakeSink{cursor: 3, ok: true, held: []int64{7}, fails: func(string) (error, bool) { return nil, false }}
		view := &fakeView{changed: make(chan struct{}), at: 10, floor: 5}
		r, stop := startRunner(t, Config{Sink: sink, Source: view, Resync: resync})
		await(t, "an end", func() bool {
			st := r.Stats()
			return st.State == Stopped || st.Cursor == 10
		})
		stop()
		switch st := r.Stats(); {
		case resync && (sink.resyncs != 1 || len(sink.held) != 10 || st.Resyncs != 1):
			t.Errorf("it holds %v after %+v", sink.held, st)
		case !resync && (st.State != Stopped || st.Err == "" || len(sink.held) != 1):
			t.Errorf("it holds %v, and says %+v", sink.held, st)
		}
	}
}

// TestRetrying: while a destination is away the sink says so, and then no more.
func TestRetrying(t *testing.T) {
	var mu sync.Mutex
	away := true
	sink := &fakeSink{fails: func(call string) (error, bool) {
		mu.Lock()
		defer mu.Unlock()
		if away && call == "open" {
			return errFake, false
		}
		return nil, false
	}}
	r, stop := startRunner(t, Config{Sink: sink, Source: &fakeView{changed: make(chan struct{}), at: 4}})
	defer stop()
	await(t, "a retry", func() bool { st := r.Stats(); return st.State == Retrying && st.Retries > 3 })
	if st := r.Stats(); st.Since.IsZero() || st.Err != "no" || time.Since(st.Since) > time.Minute {
		t.Errorf("it says %+v", st)
	}
	mu.Lock()
	away = false
	mu.Unlock()
	await(t, "delivery", func() bool { st := r.Stats(); return sink.holds(4) && st.State == Running && st.Rows > 0 })
	if st := r.Stats(); !st.Since.IsZero() || st.Rows != 4 || st.Batches != 1 {
		t.Errorf("it says %+v", st)
	}
}

// TestBugStopsTheSink: a panic ends one sink, with a word.
func TestBugStopsTheSink(t *testing.T) {
	sink := &fakeSink{fails: func(call string) (error, bool) {
		if call == "begin" {
			panic("boom")
		}
		return nil, false
	}}
	r, stop := startRunner(t, Config{Sink: sink, Source: &fakeView{changed: make(chan struct{}), at: 1}})
	defer stop()
	await(t, "a stop", func() bool { return r.Stats().State == Stopped })
	if st := r.Stats(); st.Err != "a bug in weir: boom" {
		t.Errorf("it says %+v", st)
	}
}

// mute is a destination that takes connections and answers no BEGIN.
type mute struct{ *fakeSink }

func (mute) Begin(ctx context.Context, _ Mode) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestMute: a destination that never answers is one that does not get through.
func TestMute(t *testing.T) {
	sink := mute{&fakeSink{fails: func(string) (error, bool) { return nil, false }}}
	r, stop := startRunner(t, Config{Sink: sink, Source: &fakeView{changed: make(chan struct{}), at: 4}, Timeout: 10 * time.Millisecond})
	defer stop()
	await(t, "a retry", func() bool { st := r.Stats(); return st.State == Retrying && st.Retries > 1 && st.Err != "" })
}

package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/ingest/wal"
	"weir/operators/checkpoint"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
)

var (
	determinismSeeds = flag.Int("determinism.seeds", 0, "run TestDeterminism for so many seeds instead of for a time")
	determinismFirst = flag.Uint64("determinism.first", 0, "the first seed of TestDeterminism and TestShardCounts")
)

// TestDeterminism is the first promise, through all of weir but the wire: while
// records are appended to a log, queries run over it, some from the start, some
// begun later, with stalls. Then copies of the log's directory are read by the
// same queries from the start, in batches of several sizes, and stopped and
// restored from snapshots at random cuts. Each has the same changelog, step by
// step and to the byte.
func TestDeterminism(t *testing.T) {
	t.Parallel() // it takes its time
	limit := 60 * time.Second
	if testing.Short() {
		limit = 5 * time.Second
	}
	begin, n := time.Now(), 0
	var sum tally
	for seed := *determinismFirst; ; seed++ {
		if *determinismSeeds > 0 && n == *determinismSeeds || *determinismSeeds == 0 && time.Since(begin) > limit {
			break
		}
		sum.add(runDeterminism(t, seed))
		n++
	}
	t.Logf("%d logs in %s: %d queries in %d executions with the same changelogs; %d changes, %d late rows, %d restarts",
		n, time.Since(begin).Round(time.Second), sum.queries, sum.executions, sum.changes, sum.late, sum.restarts)
}

// tally counts what a test has seen, so that it can be seen to have seen something.
type tally struct{ queries, executions, changes, restarts, late int }

func (a *tally) add(b tally) {
	a.queries += b.queries
	a.executions += b.executions
	a.changes += b.changes
	a.restarts += b.restarts
	a.late += b.late
}

// changelog keeps what a query gave out, by commit.
type changelog struct {
	schema stream.Schema
	stall  func()

	mu    sync.Mutex
	steps map[stream.Commit][]string
	rows  int
}

func newChangelog(p *physical.Plan, stall func()) *changelog {
	return &changelog{schema: p.Root.Schema(), stall: stall, steps: map[stream.Commit][]string{}}
}

func (c *changelog) Step(_ context.Context, _ stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	c.stall()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range changes {
		for i := range int(b.NumRows()) {
			line := []byte("+")
			if b.Ops != nil && b.Ops[i] == stream.Delete {
				line = []byte("-")
			}
			for k, f := range c.schema {
				line = append(line, ' ')
				line = render.AppendJSON(line, b.Column(k), i, f.Type)
			}
			c.steps[commit] = append(c.steps[commit], string(line))
			c.rows++
		}
	}
	return nil
}

// upTo prints the steps up to a commit.
func (c *changelog) upTo(last stream.Commit) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var commits []stream.Commit
	for k := range c.steps {
		if k <= last {
			commits = append(commits, k)
		}
	}
	slices.Sort(commits)
	var out strings.Builder
	for _, k := range commits {
		fmt.Fprintf(&out, "commit %d\n%s\n", k, strings.Join(c.steps[k], "\n"))
	}
	return out.String()
}

// content is what is left when every change has been made: a bag of rows.
func (c *changelog) content(t *testing.T) []string {
	t.Helper()
	return c.contentAt(t, math.MaxInt64)
}

// contentAt is what is there behind a commit.
func (c *changelog) contentAt(t *testing.T, last stream.Commit) []string {
	t.Helper()
	left := map[string]int{}
	var commits []stream.Commit
	for k := range c.steps {
		if k <= last {
			commits = append(commits, k)
		}
	}
	slices.Sort(commits)
	for _, k := range commits {
		for _, line := range c.steps[k] {
			if line[0] == '+' {
				left[line[1:]]++
				continue
			}
			if left[line[1:]]--; left[line[1:]] < 0 {
				t.Fatalf("commit %d takes back a row that is not there: %s", k, line)
			}
		}
	}
	var out []string
	for row, n := range left {
		for range n {
			out = append(out, row)
		}
	}
	slices.Sort(out)
	return out
}

// clock is a wall clock that the test moves.
type clock struct{ micros atomic.Int64 }

func (c *clock) now() time.Time           { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) monotonic() time.Duration { return time.Duration(c.micros.Load()) * time.Microsecond }
func (c *clock) move(d time.Duration)     { c.micros.Add(int64(d / time.Microsecond)) }

// place is a log in a directory, and the catalog that it holds.
type place struct {
	t   *testing.T
	dir string
	log *wal.Log
	db  *database
}

func openPlace(t *testing.T, dir string, c *clock) *place {
	t.Helper()
	l, err := wal.Open(wal.Config{Dir: dir, Clock: c.now, Monotonic: c.monotonic, DiskReserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, dir: dir, log: l, db: newDatabase(l, slog.New(slog.DiscardHandler))}
	p.db.now = c.now
	if err := p.db.restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.openDoor()
	return p
}

func (p *place) close() {
	p.db.close()
	if err := p.log.Close(); err != nil {
		p.t.Error(err)
	}
}

// copyTo is what a crash of the whole machine would leave, somewhere else.
func (p *place) copyTo(dir string) {
	p.t.Helper()
	if err := os.CopyFS(dir, os.DirFS(p.dir)); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "LOCK")); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
}

// execution is one query that runs, or has run.
type execution struct {
	sql     string
	plan    *physical.Plan
	query   *engine.Query
	out     *changelog
	after   stream.Commit // what it began behind
	partial bool
	cancel  context.CancelFunc
	done    chan error
}

// how says what is special about an execution.
type how struct {
	start string // where a query begins; "" if after says it
	after stream.Commit
	rows  int // of a batch at most; 0: as they come
	from  *checkpoint.Snapshot
	out   *changelog // to go on with
	stall func()
}

// begin starts a query.
func (p *place) begin(text string, h how) *execution {
	p.t.Helper()
	s, err := sql.ParseOne(text)
	if err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	rel := &relations{db: p.db, notes: func(string, ...any) {}}
	plan, err := p.db.plan(s.(*ast.Select), rel)
	if err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	var in *input
	if h.start != "" {
		in, err = p.db.open(p.t.Context(), plan, rel, h.start)
	} else {
		in, err = p.db.openStreamsAt(physical.Scans(plan.Root), rel, h.after, h.from != nil)
	}
	if err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	if h.stall == nil {
		h.stall = func() {}
	}
	e := &execution{sql: text, plan: plan, out: h.out, after: in.after, partial: in.partial(), done: make(chan error, 1)}
	if e.out == nil {
		e.out = newChangelog(plan, h.stall)
	}
	cfg := engine.Config{Plan: plan, Inputs: in.inputs, Output: e.out, Alloc: p.db.alloc, From: h.from}
	if h.rows > 0 {
		for i := range in.inputs {
			in.inputs[i].Source = cutUp{in.inputs[i].Source, h.rows}
		}
	}
	if e.query, err = engine.New(cfg); err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	e.cancel = cancel
	go func() {
		err := e.query.Run(ctx)
		e.done <- errors.Join(err, in.close())
	}()
	return e
}

// reach waits until the query has read up to a commit.
func (e *execution) reach(t *testing.T, last stream.Commit) {
	t.Helper()
	for until := time.Now().Add(time.Minute); e.query.Progress().Commit < last; time.Sleep(100 * time.Microsecond) {
		select {
		case err := <-e.done:
			t.Fatalf("%s: ended at commit %d of %d: %v", e.sql, e.query.Progress().Commit, last, err)
		default:
		}
		if time.Now().After(until) {
			t.Fatalf("%s: still at commit %d of %d", e.sql, e.query.Progress().Commit, last)
		}
	}
}

// end stops the query.
func (e *execution) end(t *testing.T) {
	t.Helper()
	e.cancel()
	if err := <-e.done; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatalf("%s: %v", e.sql, err)
	}
	if l := e.query.Ledger(); !l.Closes() {
		t.Errorf("%s: the accounts do not close: %+v", e.sql, l)
	}
}

// cutUp hands rows over in batches of at most so many.
type cutUp struct {
	engine.Source
	rows int
}

func (c cutUp) Next(ctx context.Context) (*stream.StepData, error) {
	s, err := c.Source.Next(ctx)
	if err != nil {
		return nil, err
	}
	var out []stream.SourceBatch
	for _, b := range s.Rows {
		n := int(b.NumRows())
		for lo := 0; lo < n || lo == 0; lo += c.rows {
			hi := min(lo+c.rows, n)
			part := b
			part.RecordBatch = b.NewSlice(int64(lo), int64(hi))
			if part.Bad = 0; hi == n {
				part.Bad = b.Bad
			}
			if part.First = b.First + stream.Seq(lo); b.Seqs != nil {
				part.Seqs = b.Seqs[lo:hi]
			}
			if b.Why != nil {
				part.Why = b.Why[lo:hi]
			}
			if b.Subs != nil {
				part.Subs = b.Subs[lo:hi]
			}
			if b.Ops != nil {
				part.Ops = b.Ops[lo:hi]
			}
			out = append(out, part)
		}
		b.Release()
	}
	s.Rows = out
	return s, nil
}

// pages keeps the newest data of each page, as a store would.
type pages map[string][]byte

// keep takes a snapshot in and returns it whole.
func (p pages) keep(s *checkpoint.Snapshot) *checkpoint.Snapshot {
	whole := *s
	whole.Pages = nil
	for _, page := range s.Pages {
		if page.Data != nil {
			p[page.Path] = page.Data
		}
		whole.Pages = append(whole.Pages, checkpoint.Page{Path: page.Path, Data: p[page.Path]})
	}
	slices.SortFunc(whole.Pages, func(a, b checkpoint.Page) int { return strings.Compare(a.Path, b.Path) })
	return &whole
}

// runDeterminism is TestDeterminism for one seed.
func runDeterminism(t *testing.T, seed uint64) (sum tally) {
	r := rand.New(rand.NewPCG(seed, 3))
	c := &clock{}
	c.micros.Store(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).UnixMicro())
	live := openPlace(t, t.TempDir(), c)
	defer live.close()
	w := newWorld(t, live, c, r)
	pumps := newChain(w)
	stall := stalls(seed)

	asked := randomQueries(r, 4)
	overWritten(r, asked)
	var runs []*execution
	for _, q := range asked {
		runs = append(runs, live.begin(q, how{start: "earliest", stall: stall}))
	}
	for range 20 + r.IntN(30) {
		w.commit()
		switch r.IntN(12) {
		case 0: // from the first record, but begun now
			runs = append(runs, live.begin(asked[r.IntN(len(asked))], how{start: "earliest", stall: stall}))
		case 1: // from now on
			runs = append(runs, live.begin(asked[r.IntN(len(asked))], how{start: "latest", stall: stall}))
		case 2:
			pumps.restart()
		}
	}
	pumps.end(w.end())
	last, _ := live.log.Head()
	for _, e := range runs {
		e.reach(t, last)
		e.end(t)
		sum.late += int(e.query.Ledger().Late)
	}
	sum.queries, sum.executions = len(asked), len(runs)

	copied := t.TempDir()
	live.copyTo(copied)
	again := openPlace(t, copied, c)
	defer again.close()
	pumps.check(t, seed, again, last)
	for i, e := range runs {
		want := e.out.upTo(last)
		sum.changes += e.out.rows
		for _, rows := range []int{1, 3, 4096} {
			if got := again.replay(e, last, how{after: e.after, rows: rows}); got != want {
				differ(t, seed, fmt.Sprintf("run %d again in batches of %d", i, rows), e, want, got)
			}
			sum.executions++
		}
		got, restarts := again.restarted(e, last, rand.New(rand.NewPCG(seed, uint64(i)+100)))
		if got != want {
			differ(t, seed, fmt.Sprintf("run %d restarted %d times", i, restarts), e, want, got)
		}
		sum.executions++
		sum.restarts += restarts
	}
	return sum
}

func differ(t *testing.T, seed uint64, what string, e *execution, want, got string) {
	t.Helper()
	t.Fatalf("seed %d: %s differs (-live +again)\n%s\nbehind commit %d, partial %v\n%s", seed, what, e.sql, e.after, e.partial,
		cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
}

// stalls returns a function that sometimes waits.
func stalls(seed uint64) func() {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 4))
	return func() {
		mu.Lock()
		wait := r.IntN(8) == 0
		d := time.Duration(r.IntN(1500)) * time.Microsecond
		mu.Unlock()
		if wait {
			time.Sleep(d)
		}
	}
}

// replay runs a query again, from where it began.
func (p *place) replay(e *execution, last stream.Commit, h how) string {
	p.t.Helper()
	again := p.begin(e.sql, h)
	again.reach(p.t, last)
	again.end(p.t)
	return again.out.upTo(last)
}

// restarted runs a query again and throws it away at random cuts, but for a snapshot.
func (p *place) restarted(e *execution, last stream.Commit, r *rand.Rand) (string, int) {
	p.t.Helper()
	out := newChangelog(e.plan, func() {})
	h := how{after: e.after, out: out, rows: 1 + r.IntN(5)}
	kept := pages{}
	for restarts := 0; ; restarts++ {
		run := p.begin(e.sql, h)
		at := h.after + stream.Commit(1+r.IntN(int(last-e.after)/3+2))
		if at >= last {
			run.reach(p.t, last)
			run.end(p.t)
			return out.upTo(last), restarts
		}
		run.reach(p.t, at)
		s, err := run.query.Snapshot(p.t.Context())
		if err != nil {
			p.t.Fatalf("%s: %v", e.sql, err)
		}
		run.end(p.t)
		if s.Done || s.Commit >= last {
			return out.upTo(last), restarts
		}
		out.forget(s.Commit)
		h.after, h.from = s.Commit, kept.keep(s)
	}
}

// forget drops what came behind a commit.
func (c *changelog) forget(after stream.Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.steps {
		if k > after {
			delete(c.steps, k)
		}
	}
}

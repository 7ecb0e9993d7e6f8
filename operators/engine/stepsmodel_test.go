package engine

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"weir/windows"
)

// The logs of the property test are in whole seconds; hops are those of the
// protocol's model.
const (
	stepsSize    = 10
	stepsSlide   = 5
	stepsAdvance = 30
	stepsKeys    = 3
)

// logStep is one step of a log: rows by shard, a tick or a start mark.
type logStep struct {
	kind   string // "rows", "tick", "start"
	clock  int64
	blocks []logBlock
}

// logBlock is the event times that one commit holds of a shard.
type logBlock struct {
	shard int
	rows  []int64
}

// stepsMode is what a query shows of a log.
type stepsMode int

const (
	windowsClose  stepsMode = iota // windows when they close
	windowChanges                  // windows as they change
	groupChanges                   // groups without a window, as they change
)

// stepsCase is a log and how it is read.
type stepsCase struct {
	mode                  stepsMode
	window                windows.Spec // in whole seconds
	seed                  uint64
	shards                int
	idle, delay, lateness int64
	endAt                 int // the step that says that the stream has ended; 0: none
	log                   []logStep
}

func oneOf(r *rand.Rand, vals ...int64) int64 { return vals[r.IntN(len(vals))] }

// newStepsCase draws a log with idle spells, ticks, starts and rows that are
// late for some or all of their windows, like gen() of the model.
func newStepsCase(seed uint64) *stepsCase {
	r := rand.New(rand.NewPCG(seed, 42))
	c := &stepsCase{
		seed: seed, window: stepsHop, shards: 1 + r.IntN(4),
		idle: oneOf(r, 3, 10, 50), delay: oneOf(r, 0, 2, 5), lateness: oneOf(r, 0, 0, 7),
	}
	base := make([]int64, c.shards)
	t := int64(0)
	for range 10 + r.IntN(51) {
		t += oneOf(r, 0, 1, 1, 2, 5, 40)
		st := logStep{kind: "rows", clock: t}
		switch k := r.Float64(); {
		case k < .07:
			st.kind = "start"
		case k < .17:
			st.kind = "tick"
		default:
			for _, s := range r.Perm(c.shards)[:1+r.IntN(c.shards)] {
				b := logBlock{shard: s}
				for range 1 + r.IntN(5) {
					base[s] = max(base[s], t+r.Int64N(10)-3)
					b.rows = append(b.rows, base[s]-oneOf(r, 0, 0, 1, 2, 4, 9, 15))
				}
				st.blocks = append(st.blocks, b)
			}
		}
		c.log = append(c.log, st)
	}
	c.log = append(c.log, logStep{kind: "tick", clock: t + 500})
	return c
}

// stepsHop are the windows of the protocol's model, and stepsWindows all that the
// test draws from.
var (
	stepsHop     = windows.Spec{Kind: windows.Hop, Size: stepsSize * time.Second, Slide: stepsSlide * time.Second}
	stepsWindows = []windows.Spec{
		stepsHop,
		{Kind: windows.Tumble, Size: 7 * time.Second, Slide: 7 * time.Second, Offset: 3 * time.Second},
		{Kind: windows.Cumulate, Size: 12 * time.Second, Slide: 4 * time.Second},
		{Kind: windows.Session, Gap: 3 * time.Second},
		{Kind: windows.Session, Gap: 9 * time.Second},
		{Kind: windows.Session, Gap: 4 * time.Second, Size: 6 * time.Second},
		{Kind: windows.Session, Gap: 8 * time.Second, Size: 8 * time.Second}, // STAGGER
	}
)

// stepsPane is a window of a group.
type stepsPane struct{ end, start, k int64 }

func (p stepsPane) compare(o stepsPane) int {
	return cmp.Or(cmp.Compare(p.end, o.end), cmp.Compare(p.start, o.start), cmp.Compare(p.k, o.k))
}

// stepsChange is a row of the changelog: how many rows the window of the group
// has, and what their x add up to.
type stepsChange struct {
	stepsPane
	op string // "+" or "-"
	n  int64
	x  float64
}

func (c stepsChange) String() string {
	return fmt.Sprintf("%s [%d,%d) %d: %d", c.op, c.start, c.end, c.k, c.n)
}

// firing is what a step says of a window over all groups: how many rows it has
// now, and how many it had when it fired before (nil: it had not).
type firing struct {
	Step, End int64
	Old       *int64
	New       int64
}

func (f firing) String() string {
	old := "new"
	if f.Old != nil {
		old = fmt.Sprint(*f.Old)
	}
	return fmt.Sprintf("step %d end %d: %s -> %d", f.Step, f.End, old, f.New)
}

// verdict is the outcome of a whole log.
type verdict struct {
	steps      [][]stepsChange
	used, late int64
}

// firings adds up what the changelog says of each window.
func (v verdict) firings() (out []firing) {
	total := map[int64]int64{}
	for i, changes := range v.steps {
		change := map[int64]int64{}
		for _, c := range changes {
			if c.op == "-" {
				change[c.end] -= c.n
			} else {
				change[c.end] += c.n
			}
		}
		for _, e := range slices.Sorted(maps.Keys(change)) {
			f := firing{Step: int64(i), End: e, New: total[e] + change[e]}
			if old, ok := total[e]; ok {
				f.Old = &old
			}
			total[e] = f.New
			out = append(out, f)
		}
	}
	return out
}

// naive is the model's rules in Go, for all windows and for machines without
// Python: class Q. It keeps every row that it used, and makes all windows of them
// anew at each cut.
type naive struct {
	c       *stepsCase
	w, last map[int]int64
	seqs    map[int]int64
	rows    []naiveRow
	shown   map[stepsPane]stepsChange
	birth0  *int64
	mw      *int64
	maxTS   int64
	clock   int64
	verdict
}

// naiveRow is a row that was used, with the watermark that it was judged by.
type naiveRow struct {
	ts, k int64
	x     float64
	w     *int64
}

func runNaive(c *stepsCase) verdict {
	q := &naive{
		c: c, w: map[int]int64{}, last: map[int]int64{}, seqs: map[int]int64{}, shown: map[stepsPane]stepsChange{},
		clock: c.log[0].clock, maxTS: -1 << 62,
	}
	for _, st := range c.log {
		q.step(st)
	}
	return q.verdict
}

func (q *naive) idle(s int, t int64) bool {
	l, ok := q.last[s]
	if !ok {
		if q.birth0 == nil {
			return false
		}
		l = *q.birth0
	}
	return t-l > q.c.idle
}

func (q *naive) allIdle(t int64) bool {
	for s := range q.c.shards {
		if !q.idle(s, t) {
			return false
		}
	}
	return true
}

func (q *naive) step(st logStep) {
	t := st.clock
	before := q.allIdle(q.clock)
	if st.kind == "start" {
		for s := range q.c.shards {
			q.last[s] = t
		}
		q.clock = t
	}
	for _, b := range st.blocks {
		for _, ts := range b.rows {
			q.row(b.shard, ts)
		}
		q.last[b.shard] = t
		if q.birth0 == nil {
			q.birth0 = &t
		}
	}
	q.merge(t, before && st.kind != "start")
	q.clock = t
	for s := range q.c.shards {
		if w, ok := q.w[s]; q.mw != nil && (!ok || w < *q.mw) {
			q.w[s] = *q.mw
		}
	}
	q.show()
}

// show says how what the rows make of the windows differs from what was said.
func (q *naive) show() {
	now := map[stepsPane]stepsChange{}
	for p, c := range q.made() {
		if q.c.mode != windowsClose || q.mw != nil && p.end <= *q.mw {
			now[p] = c
		}
	}
	var changes []stepsChange
	for p, old := range q.shown {
		if c, is := now[p]; !is || c.n != old.n {
			old.op = "-"
			changes = append(changes, old)
		}
	}
	for p, c := range now {
		if old, was := q.shown[p]; !was || c.n != old.n {
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, func(a, b stepsChange) int { return cmp.Or(a.compare(b.stepsPane), cmp.Compare(b.op, a.op)) })
	q.shown, q.steps = now, append(q.steps, changes)
}

// made returns what all rows make together.
func (q *naive) made() map[stepsPane]stepsChange {
	out := map[stepsPane]stepsChange{}
	add := func(p stepsPane, r naiveRow) {
		c := out[p]
		out[p] = stepsChange{p, "+", c.n + 1, c.x + r.x}
	}
	if q.c.mode != groupChanges && q.c.window.Kind == windows.Session {
		q.sessions(add)
		return out
	}
	for _, r := range q.rows {
		for _, p := range q.panes(r.ts, r.w) {
			p.k = r.k
			add(p, r)
		}
	}
	return out
}

// sessions gives add each row with its session.
func (q *naive) sessions(add func(stepsPane, naiveRow)) {
	gap, longest := seconds(q.c.window.Gap), seconds(q.c.window.Size)
	for k := range int64(stepsKeys) {
		var rows []naiveRow
		for _, r := range q.rows {
			if r.k == k {
				rows = append(rows, r)
			}
		}
		slices.SortStableFunc(rows, func(a, b naiveRow) int { return cmp.Compare(a.ts, b.ts) })
		for len(rows) > 0 {
			p := stepsPane{start: rows[0].ts, end: rows[0].ts, k: k}
			n := 0
			for n < len(rows) && (n == 0 || rows[n].ts < p.end) {
				p.end = rows[n].ts + gap
				if longest > 0 {
					p.end = min(p.end, p.start+longest)
				}
				n++
			}
			for _, r := range rows[:n] {
				add(p, r)
			}
			rows = rows[n:]
		}
	}
}

// panes returns the windows on the grid that a row at ts counts in, judged by w,
// trying every start and every end; of groups without a window, the one.
func (q *naive) panes(ts int64, w *int64) (out []stepsPane) {
	if q.c.mode == groupChanges {
		return []stepsPane{{}}
	}
	size, slide, offset := seconds(q.c.window.Size), seconds(q.c.window.Slide), seconds(q.c.window.Offset)
	every, shortest := slide, size
	if q.c.window.Kind == windows.Cumulate {
		every, shortest = size, slide
	}
	for start := ts - size; start <= ts; start++ {
		if (start-offset)%every != 0 {
			continue
		}
		for end := start + shortest; end <= start+size; end += slide {
			if end > ts && (w == nil || end+q.c.lateness > *w) {
				out = append(out, stepsPane{start: start, end: end})
			}
		}
	}
	return out
}

func (q *naive) row(s int, ts int64) {
	r := naiveRow{ts: ts}
	r.k, r.x = stepsValues(s, q.seqs[s])
	q.seqs[s]++
	before, has := q.w[s]
	if has {
		r.w = &before
	}
	var ok bool
	if q.c.mode != groupChanges && q.c.window.Kind == windows.Session {
		ok = !has || ts+q.c.lateness >= before
	} else {
		ok = len(q.panes(ts, r.w)) > 0
	}
	if ok {
		q.rows = append(q.rows, r)
		q.used++
	} else {
		q.late++
	}
	if !has || before < ts-q.c.delay {
		q.w[s] = ts - q.c.delay
	}
	q.maxTS = max(q.maxTS, ts)
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// stepsValues are the key and the value of a row, which follow from its place in
// the log, so that every run sees the same. Sums of the values round, so that
// another order of additions would show.
func stepsValues(shard int, seq int64) (k int64, x float64) {
	n := seq + int64(shard)*1009
	return n % stepsKeys, float64(n*7919%1000) / 7
}

// merge moves the merged W; mayAdvance tells that all shards were idle at the
// last cut, too.
func (q *naive) merge(t int64, mayAdvance bool) {
	var awake, known []int64
	none, awakeN := false, 0
	for s := range q.c.shards {
		w, has := q.w[s]
		if has {
			known = append(known, w)
		}
		if !q.idle(s, t) {
			awakeN++
			none = none || !has
			awake = append(awake, w)
		}
	}
	raise := func(w int64) {
		if q.mw == nil || *q.mw < w {
			q.mw = &w
		}
	}
	switch {
	case awakeN > 0:
		if !none {
			raise(slices.Min(awake))
		}
	case q.mw != nil:
		if d := q.clock - *q.mw; mayAdvance && max(d, -d) <= stepsAdvance {
			raise(min(*q.mw+t-q.clock, q.maxTS+stepsAdvance))
		}
	case len(known) > 0:
		raise(slices.Min(known))
	}
}

// pythonModel is the model itself, in one process for all logs.
type pythonModel struct {
	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
}

// startPythonModel returns nil, and says so, where the model cannot run.
func startPythonModel(t *testing.T) *pythonModel {
	dir := os.Getenv("WEIR_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(dir, "design", "model", "steps.py")
	if _, err := os.Stat(path); err != nil {
		t.Logf("NOT compared with the Python model: %v", err)
		return nil
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Logf("NOT compared with the Python model: %v", err)
		return nil
	}
	m := &pythonModel{cmd: exec.Command(python, filepath.Join("testdata", "steps_driver.py"), path)}
	m.cmd.Stderr = os.Stderr
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.out = bufio.NewReader(out)
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.in.Close()
		if err := m.cmd.Wait(); err != nil {
			t.Errorf("python model: %v", err)
		}
	})
	return m
}

// check holds the model in Go against the one in Python.
func (m *pythonModel) check(t *testing.T, c *stepsCase, want verdict) {
	t.Helper()
	out, used, late := m.run(t, c)
	got, model := fmt.Sprint(out, used, late), fmt.Sprint(want.firings(), want.used, want.late)
	if got != model {
		t.Fatalf("seed %d: the model in Go and the one in Python differ:\n%s\n%s", c.seed, model, got)
	}
}

// run gives the model a log.
func (m *pythonModel) run(t *testing.T, c *stepsCase) (out []firing, used, late int64) {
	log := make([]any, len(c.log))
	for i, st := range c.log {
		blocks := make([]any, len(st.blocks))
		for j, b := range st.blocks {
			blocks[j] = []any{b.shard, b.rows}
		}
		log[i] = []any{st.kind, st.clock, blocks}
	}
	line, err := json.Marshal(map[string]any{"shards": c.shards, "idle": c.idle, "delay": c.delay, "lateness": c.lateness, "log": log})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	answer, err := m.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("seed %d: python model: %v", c.seed, err)
	}
	var res struct {
		Out        [][4]*int64
		Used, Late int64
	}
	if err := json.Unmarshal(answer, &res); err != nil {
		t.Fatal(err)
	}
	for _, o := range res.Out {
		out = append(out, firing{Step: *o[0], End: *o[1], Old: o[2], New: *o[3]})
	}
	return out, res.Used, res.Late
}

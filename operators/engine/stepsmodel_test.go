package engine

import (
	"bufio"
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
)

// The logs of the property test are in whole seconds; windows are those of the
// protocol's model.
const (
	stepsSize    = 10
	stepsSlide   = 5
	stepsAdvance = 30
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
		seed: seed, shards: 1 + r.IntN(4),
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

// firing is what a step says of a window: how many rows it has now, and how many
// it had when it fired before (nil: it had not).
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
	out        []firing
	used, late int64
}

func (v verdict) String() string { return fmt.Sprintln(v.out, "used", v.used, "late", v.late) }

// naive is the model's rules in Go, for machines without Python: class Q.
type naive struct {
	c       *stepsCase
	w, last map[int]int64
	cnt     map[int64]int64
	fired   map[int64]int64
	birth0  *int64
	mw      *int64
	maxTS   int64
	clock   int64
	verdict
}

func runNaive(c *stepsCase) verdict {
	q := &naive{c: c, w: map[int]int64{}, last: map[int]int64{}, cnt: map[int64]int64{}, fired: map[int64]int64{}, clock: c.log[0].clock, maxTS: -1 << 62}
	for i, st := range c.log {
		q.step(int64(i), st)
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

func (q *naive) step(i int64, st logStep) {
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
	for _, e := range slices.Sorted(maps.Keys(q.cnt)) {
		old, had := q.fired[e]
		closed := q.mw != nil && e <= *q.mw
		if q.c.mode == windowsClose && !closed || had && old == q.cnt[e] {
			continue
		}
		f := firing{Step: i, End: e, New: q.cnt[e]}
		if had {
			f.Old = &old
		}
		q.out = append(q.out, f)
		q.fired[e] = q.cnt[e]
	}
}

func (q *naive) row(s int, ts int64) {
	ok := q.c.mode == groupChanges
	if ok {
		q.cnt[0]++
	}
	for e := ts - stepsSize; e <= ts+stepsSize; e++ {
		if q.c.mode == groupChanges || e%stepsSlide != 0 || e <= ts || e-stepsSize > ts {
			continue
		}
		if w, has := q.w[s]; has && e+q.c.lateness <= w {
			continue
		}
		q.cnt[e]++
		ok = true
	}
	if ok {
		q.used++
	} else {
		q.late++
	}
	if w, has := q.w[s]; !has || w < ts-q.c.delay {
		q.w[s] = ts - q.c.delay
	}
	q.maxTS = max(q.maxTS, ts)
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

// run gives the model a log.
func (m *pythonModel) run(t *testing.T, c *stepsCase) verdict {
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
	v := verdict{used: res.Used, late: res.Late}
	for _, o := range res.Out {
		v.out = append(v.out, firing{Step: *o[0], End: *o[1], Old: o[2], New: *o[3]})
	}
	return v
}

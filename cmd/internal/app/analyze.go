package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
)

// analyzeColumns are those of EXPLAIN ANALYZE.
func analyzeColumns() []string {
	return []string{"plan", "rows_in", "rows_out", "batches", "lanes", "time_ms", "kept", "bytes"}
}

// explainAnalyze runs a query to its end and tells what its operators did; or what a
// query that runs has counted so far.
func (db *database) explainAnalyze(ctx context.Context, s *ast.Explain, rel *relations) (*result, error) {
	if s.Query != nil {
		return db.analyzeRunning(s)
	}
	q, ok := s.Statement.(*ast.Select)
	if !ok {
		return nil, diag.New(diag.Unsupported, s.Statement.Span(), "EXPLAIN ANALYZE runs a query, and this is none").
			WithHint("EXPLAIN ANALYZE SELECT …, or EXPLAIN ANALYZE QUERY name for one that runs")
	}
	p, err := db.plan(q, rel)
	if err != nil {
		return nil, err
	}
	if err := db.endsSometime(q, p, rel); err != nil {
		return nil, err
	}
	in, err := db.openSelect(ctx, q, p, rel)
	if err != nil {
		return nil, err
	}
	return db.analyze(ctx, p, in)
}

// endsSometime refuses a query whose end nobody would live to see.
func (db *database) endsSometime(q *ast.Select, p *physical.Plan, rel *relations) error {
	if _, limited := p.Root.(*physical.Limit); p.Bounded || limited || db.log == nil {
		return nil
	}
	for _, r := range rel.found {
		end, err := db.log.EndOf(db.ctx, r.stream.ID)
		if err != nil {
			return err
		}
		if end == 0 {
			return atFrom(diag.New(diag.Unsupported, diag.Span{}, "the stream `%s` goes on, so this query never ends", r.stream.Name).
				WithHint("write LIMIT n behind it; or EXPLAIN ANALYZE QUERY name for one that SHOW QUERIES lists; EXPLAIN shows the plan alone"), q)
		}
	}
	return nil
}

// counting is an output that counts what leaves.
type counting struct{ in, out, steps int64 }

// Step counts rows.
func (t *counting) Step(_ context.Context, _ stream.Cut, _ stream.Commit, changes []stream.Batch) error {
	t.steps++
	for _, b := range changes {
		if b.Ops == nil {
			t.in += b.NumRows()
			continue
		}
		for _, op := range b.Ops {
			if op == stream.Delete {
				t.out++
			} else {
				t.in++
			}
		}
	}
	return nil
}

// analyze runs a plan and shows what it took.
func (db *database) analyze(ctx context.Context, p *physical.Plan, in *input) (*result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := in.within(db.ctx)
	stop := context.AfterFunc(over, cancel) // what is read may be dropped
	defer stop()
	out, meter := new(counting), engine.NewMeter()
	began := time.Now()
	q, err := engine.New(engine.Config{
		Plan: p, Inputs: in.inputs, Output: out, Alloc: db.alloc, UntilEnd: true, Meter: meter,
	})
	if err != nil {
		return nil, errors.Join(err, in.close())
	}
	err = q.Run(ctx)
	took := time.Since(began)
	if err != nil && over.Err() != nil {
		err = causeOf(over, err)
	}
	if cerr := in.close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	r := &report{meter: meter}
	r.tree(p.Root, 0)
	for line := range strings.Lines(physical.Print(p)) {
		if text, about := strings.CutPrefix(line, "-- "); about {
			r.note("%s", strings.TrimRight(text, "\n"))
		}
	}
	r.note("%d %s in %s, in %d %s%s", out.in-out.out, plural(out.in-out.out, "row", "rows"), took.Round(10*time.Microsecond),
		out.steps, plural(out.steps, "step", "steps"), passed(out))
	for i, scan := range physical.Scans(p.Root) {
		l := q.Progress().Inputs[i].Ledger
		r.note("%s", ledgerText(scan, l))
		r.shards(scan)
	}
	if in.report != nil {
		for _, line := range in.report(q.Ledger()) {
			r.note("%s", line)
		}
	}
	return db.cells(analyzeColumns(), r.rows), nil
}

// passed tells of rows that were taken back.
func passed(t *counting) string {
	if t.out == 0 {
		return ""
	}
	return fmt.Sprintf("; %d entered and %d left again", t.in, t.out)
}

// ledgerText is the accounts of a scan, which close.
func ledgerText(s *physical.Scan, l stream.Ledger) string {
	name := s.Relation
	if name == "" {
		name = "one row"
	}
	return fmt.Sprintf("%s: %d in = %d used + %d filtered + %d late + %d error", name, l.In, l.Used, l.Filtered, l.Late, l.Errors)
}

// report is the rows of EXPLAIN ANALYZE.
type report struct {
	meter *engine.Meter
	rows  [][]any
}

func (r *report) note(format string, args ...any) {
	row := make([]any, len(analyzeColumns()))
	row[0] = "-- " + fmt.Sprintf(format, args...)
	r.rows = append(r.rows, row)
}

// tree adds a node and those below it, and returns how many rows leave the node.
func (r *report) tree(n physical.Node, depth int) int64 {
	at := len(r.rows)
	r.rows = append(r.rows, nil)
	var below int64
	for _, in := range physical.Inputs(n) {
		below += r.tree(in, depth+1)
	}
	row := make([]any, len(analyzeColumns()))
	row[0] = strings.Repeat("  ", depth) + strings.TrimRight(physical.Describe(n), " ")
	work := r.meter.Of(n)
	if _, scan := n.(*physical.Scan); len(work) == 0 && !scan {
		// It only brings rows together.
		row[1], row[2] = below, below
		r.rows[at] = row
		return below
	}
	var in, out, batches, lanes int64
	kept, took := int64(-1), time.Duration(0)
	for _, w := range work {
		in, out, batches, took = in+w.RowsIn, out+w.RowsOut, batches+w.Batches, took+w.Took
		if w.InLane {
			lanes++
		}
		if w.Kept >= 0 {
			kept = max(kept, 0) + w.Kept
		}
	}
	if s, ok := n.(*physical.Scan); ok {
		read := r.meter.Read(s)
		took += max(read.Decoding, 0)
		if read.Bytes > 0 {
			row[7] = read.Bytes
		}
		if read.Decoding == 0 {
			took += read.Waited
		}
	}
	row[1], row[2], row[3], row[5] = in, out, batches, millis(took)
	if lanes > 0 {
		row[4] = lanes
	}
	if kept >= 0 {
		row[6] = kept
	}
	r.rows[at] = row
	return out
}

// shardsShown is how many shards are listed.
const shardsShown = 32

// shards says how the rows of a scan fell on its lanes, where there are several.
func (r *report) shards(scan *physical.Scan) {
	work := r.meter.Of(scan)
	if len(work) < 2 {
		return
	}
	slices.SortFunc(work, func(a, b engine.Work) int { return int(a.Shard) - int(b.Shard) })
	var parts []string
	for _, w := range work[:min(len(work), shardsShown)] {
		parts = append(parts, fmt.Sprintf("%d in shard %d", w.RowsIn, w.Shard))
	}
	if len(work) > shardsShown {
		parts = append(parts, "…")
	}
	r.note("%s: %s", scan.Relation, strings.Join(parts, ", "))
}

// millis is a time in milliseconds, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// analyzeRunning shows what a query that runs has counted: nothing stands between its
// operators, so these are the accounts of its scans.
func (db *database) analyzeRunning(s *ast.Explain) (*result, error) {
	q, p, found := db.queryOf(s.Query.Text)
	if !found {
		return nil, db.unknownQuery(*s.Query)
	}
	r := &report{meter: engine.NewMeter()}
	for line := range strings.Lines(physical.Print(p)) {
		if !strings.HasPrefix(line, "-- ") {
			row := make([]any, len(analyzeColumns()))
			row[0] = strings.TrimRight(line, "\n")
			r.rows = append(r.rows, row)
		}
	}
	if q == nil {
		r.note("the query does not run")
		return db.cells(analyzeColumns(), r.rows), nil
	}
	progress := q.Progress()
	for i, scan := range physical.Scans(p.Root) {
		r.note("%s", ledgerText(scan, progress.Inputs[i].Ledger))
	}
	r.note("watermark %s, commit %d; what each operator does is counted where EXPLAIN ANALYZE runs a query itself", showTime(progress.W), progress.Commit)
	return db.cells(analyzeColumns(), r.rows), nil
}

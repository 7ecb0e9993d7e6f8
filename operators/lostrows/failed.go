package lostrows

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/planner/physical"
)

// The reasons.
const (
	reasonNull   = "NULL_TS"   // no event time
	reasonFuture = "FUTURE_TS" // one that lies too far ahead of the arrival
	reasonValue  = "BAD_VALUE" // a value could not be computed and is NULL
)

type failed struct {
	operators.Stateless
	n              *physical.Failed
	rt             *operators.Runtime
	event, arrival expr.Evaluator // nil: none
	why            expr.Evaluator // nil: every record decodes
	steps          []step
	nulled         stream.Ledger // what the steps could not compute
	schema         *arrow.Schema

	reasons []string // of the rows of the batch at hand; "": none
	rows    []int32
}

// step is what one operator of the query computes.
type step struct {
	pred  *expr.Predicate
	exprs []expr.Evaluator
}

// NewFailed returns an operator that passes the rows that are errors of a query.
func NewFailed(n *physical.Failed) (operators.Operator, error) {
	f := &failed{n: n, schema: n.Schema().Arrow()}
	if err := f.compile(expr.Env{}); err != nil {
		return nil, err
	}
	return f, nil
}

// Open compiles the expressions.
func (f *failed) Open(_ context.Context, rt *operators.Runtime) error {
	f.rt = rt
	return f.compile(expr.Env{Alloc: rt.Alloc, Ledger: &f.nulled})
}

func (f *failed) compile(env expr.Env) error {
	for e, to := range map[physical.Expr]*expr.Evaluator{f.n.Event: &f.event, f.n.Arrival: &f.arrival, f.n.Why: &f.why} {
		if e == nil {
			continue
		}
		var err error
		if *to, err = expr.Compile(e, env); err != nil {
			return fmt.Errorf("rows with errors: %w", err)
		}
	}
	f.steps = nil
	for _, s := range f.n.Steps {
		var st step
		for _, e := range s.Exprs {
			if s.Filters {
				pred, err := expr.CompilePredicate(e, env)
				if err != nil {
					return fmt.Errorf("rows with errors: %w", err)
				}
				st.pred = &pred
				continue
			}
			ev, err := expr.Compile(e, env)
			if err != nil {
				return fmt.Errorf("rows with errors: %w", err)
			}
			st.exprs = append(st.exprs, ev)
		}
		f.steps = append(f.steps, st)
	}
	return nil
}

// ProcessBatch passes the rows with an error, and counts the others as filtered.
func (f *failed) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	n := int(b.NumRows())
	f.reasons = slices.Grow(f.reasons[:0], n)[:n]
	clear(f.reasons)
	if err := f.undecoded(b.RecordBatch); err != nil {
		return err
	}
	good, err := f.times(b.RecordBatch)
	if err != nil {
		return err
	}
	if err := f.values(b.RecordBatch, good); err != nil {
		return err
	}
	f.rows = f.rows[:0]
	for i, r := range f.reasons {
		if r != "" {
			f.rows = append(f.rows, int32(i))
		}
	}
	f.rt.Ledger.Filtered += b.NumRows() - int64(len(f.rows))
	if len(f.rows) == 0 {
		return nil
	}
	rec, err := expr.Take(f.rt.Alloc, b.RecordBatch, f.rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	text := array.NewStringBuilder(f.rt.Alloc)
	defer text.Release()
	for _, i := range f.rows {
		text.Append(f.reasons[i])
	}
	why := text.NewArray()
	defer why.Release()
	cols := append(append([]arrow.Array(nil), rec.Columns()...), why)
	return out.Emit(ctx, b.Take(array.NewRecordBatch(f.schema, cols, int64(len(f.rows))), f.rows))
}

// undecoded notes the rows that stand for records that did not decode.
func (f *failed) undecoded(rec arrow.RecordBatch) error {
	if f.why == nil {
		return nil
	}
	arr, err := f.why.Eval(rec)
	if err != nil {
		return err
	}
	defer arr.Release()
	why := arr.(*array.String)
	for i := range f.reasons {
		if why.IsValid(i) {
			f.reasons[i] = strings.Clone(why.Value(i))
		}
	}
	return nil
}

// times notes the rows without a usable event time, and returns the others.
func (f *failed) times(rec arrow.RecordBatch) (good []int32, err error) {
	good = make([]int32, 0, rec.NumRows())
	if f.event == nil {
		for i := range int32(rec.NumRows()) {
			if f.reasons[i] == "" {
				good = append(good, i)
			}
		}
		return good, nil
	}
	arr, err := f.event.Eval(rec)
	if err != nil {
		return nil, err
	}
	defer arr.Release()
	event := arr.(*array.Timestamp)
	var arrival *array.Timestamp
	if f.arrival != nil && f.n.Tolerance > 0 {
		arr, err := f.arrival.Eval(rec)
		if err != nil {
			return nil, err
		}
		defer arr.Release()
		arrival = arr.(*array.Timestamp)
	}
	for i := range event.Len() {
		switch {
		case f.reasons[i] != "":
		case event.IsNull(i):
			f.reasons[i] = reasonNull
		case arrival != nil && stream.Time(event.Value(i)) > stream.Time(arrival.Value(i)).Add(f.n.Tolerance):
			f.reasons[i] = reasonFuture
		default:
			good = append(good, int32(i))
		}
	}
	return good, nil
}

// values notes the rows of which a value cannot be computed. A step says of a whole
// batch how many there are; only where there are some, each row is asked for itself.
func (f *failed) values(rec arrow.RecordBatch, rows []int32) error {
	if len(f.steps) == 0 || len(rows) == 0 {
		return nil
	}
	cur, err := expr.Take(f.rt.Alloc, rec, rows)
	if err != nil {
		return err
	}
	defer func() { cur.Release() }()
	for i := range f.steps {
		kept, bad, err := f.run(&f.steps[i], cur)
		if err != nil {
			return err
		}
		if bad {
			for at := range cur.NumRows() {
				one := cur.NewSlice(at, at+1)
				_, bad, err := f.run(&f.steps[i], one)
				one.Release()
				if err != nil {
					return err
				}
				if bad {
					f.reasons[rows[at]] = reasonValue
				}
			}
		}
		if f.steps[i].pred == nil || len(kept) == len(rows) {
			continue
		}
		if len(kept) == 0 {
			return nil
		}
		next, err := expr.Take(f.rt.Alloc, cur, kept)
		if err != nil {
			return err
		}
		cur.Release()
		cur = next
		for to, from := range kept {
			rows[to] = rows[from]
		}
		rows = rows[:len(kept)]
	}
	return nil
}

// run computes a step, and tells whether a value of it could not be. kept are the
// rows that a filter passes.
func (f *failed) run(s *step, rec arrow.RecordBatch) (kept []int32, bad bool, err error) {
	f.nulled = stream.Ledger{}
	if s.pred != nil {
		kept, err = s.pred.Select(rec, nil)
		return kept, f.nulled.Nulled > 0, err
	}
	for _, e := range s.exprs {
		arr, err := e.Eval(rec)
		if err != nil {
			return nil, false, err
		}
		arr.Release()
	}
	return nil, f.nulled.Nulled > 0, nil
}

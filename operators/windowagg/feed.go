package windowagg

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
	"weir/planner/physical"
)

// errTakenBack reports rows that are taken back where the plan says that none are.
var errTakenBack = errors.New("the input takes rows back, which the plan does not expect")

// feed hands the rows of a batch to states: to each aggregate its columns, those
// rows that its filter lets through, and rows that are taken back to subtract.
type feed struct {
	aggs     []physical.Agg
	retracts bool
	cols     []arrow.Array // scratch: the arguments of one aggregate
	filters  []*selection  // one for each column that filters
	came     selection     // scratch
	left     selection     // scratch
}

// selection is some of the rows at hand, and the groups that they are in.
type selection struct {
	col       int // the filter's
	rows, ids []int32
}

func newFeed(a *physical.WindowAgg) *feed {
	f := &feed{aggs: statesOf(a), retracts: a.Retracts}
	for _, g := range f.aggs {
		if col := g.FilterColumn(); col >= 0 && f.filter(col) == nil {
			f.filters = append(f.filters, &selection{col: col})
		}
	}
	return f
}

// filter returns the selection of a column, nil if there is none.
func (f *feed) filter(col int) *selection {
	for _, s := range f.filters {
		if s.col == col {
			return s
		}
	}
	return nil
}

// add adds rows of b to the groups ids of accs.
func (f *feed) add(b stream.Batch, accs []acc, rows, ids []int32) error {
	if b.Ops == nil {
		return f.give(b, accs, rows, ids, acc.update)
	}
	f.came.reset()
	f.left.reset()
	for i, r := range rows {
		if b.Ops[r] == stream.Delete {
			f.left.add(r, ids[i])
		} else {
			f.came.add(r, ids[i])
		}
	}
	if err := f.give(b, accs, f.came.rows, f.came.ids, acc.update); err != nil || len(f.left.rows) == 0 {
		return err
	}
	if !f.retracts {
		return errTakenBack
	}
	return f.give(b, accs, f.left.rows, f.left.ids, func(a acc, cols []arrow.Array, rows, ids []int32) {
		a.(subtracter).retract(cols, rows, ids)
	})
}

// give calls do for each aggregate that has any of the rows.
func (f *feed) give(b stream.Batch, accs []acc, rows, ids []int32, do func(a acc, cols []arrow.Array, rows, ids []int32)) error {
	for _, s := range f.filters {
		if err := s.choose(b.Column(s.col), rows, ids); err != nil {
			return err
		}
	}
	for i := range f.aggs {
		a := &f.aggs[i]
		f.cols = f.cols[:0]
		for _, c := range a.Inputs() {
			f.cols = append(f.cols, b.Column(c))
		}
		rows, ids := rows, ids
		if a.Filtered {
			s := f.filter(a.FilterColumn())
			rows, ids = s.rows, s.ids
		}
		if len(rows) > 0 {
			do(accs[i], f.cols, rows, ids)
		}
	}
	return nil
}

func (s *selection) reset() { s.rows, s.ids = s.rows[:0], s.ids[:0] }

func (s *selection) add(row, id int32) {
	s.rows = append(s.rows, row)
	s.ids = append(s.ids, id)
}

// choose takes those of the rows for which a BOOLEAN column is true.
func (s *selection) choose(col arrow.Array, rows, ids []int32) error {
	is, ok := col.(*array.Boolean)
	if !ok {
		return fmt.Errorf("a filter of type %s", col.DataType())
	}
	s.reset()
	valid := validityOf(col)
	for i, r := range rows {
		if valid.ok(r) && is.Value(int(r)) {
			s.add(r, ids[i])
		}
	}
	return nil
}

package expr

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
	"weir/planner/physical"
)

// partBytesMax is how many bytes of text a node makes of a batch. A batch that
// makes more is evaluated in parts, each some of its rows, so that memory does
// not grow with what REPEAT and the like make of many rows. A value of the
// longest kind fits, so a part of one row always does.
const partBytesMax = 16 << 20

// longError is that the texts of a batch passed partBytesMax.
type longError struct{ rows int } // so many rows fit

func (e *longError) Error() string {
	return fmt.Sprintf("%d rows make more than %d bytes of text", e.rows+1, partBytesMax)
}

// tooLong gives up the batch at row i. The kernel may go on: the text of each
// further row is dropped.
func (o *out) tooLong(f *frame, i int) {
	if f.n > 1 && o.err == nil {
		o.err = &longError{rows: i}
	}
	o.data = o.data[:o.offs[len(o.offs)-1]]
}

// inParts calls eval with all rows of b, or, where that fails with a longError,
// with one part after the other, and what is the first row of each. What a call
// that failed had counted in the ledger is taken back.
func inParts(b arrow.RecordBatch, ledger *stream.Ledger, eval func(part arrow.RecordBatch, first int) error) error {
	n := int(b.NumRows())
	nulled := nulledOf(ledger)
	err := eval(b, 0)
	var long *longError
	if n <= 1 || !errors.As(err, &long) {
		return err
	}
	for first, size := 0, n; first < n; {
		if long != nil {
			// Rows are not equally long: half of what was too much at most.
			size = max(1, min(long.rows, size/2))
			long = nil
			if ledger != nil {
				ledger.Nulled = nulled
			}
		}
		part := b.NewSlice(int64(first), int64(min(first+size, n)))
		err := eval(part, first)
		part.Release()
		if size > 1 && errors.As(err, &long) {
			continue
		}
		if err != nil {
			return err
		}
		first, nulled = first+size, nulledOf(ledger)
	}
	return nil
}

func nulledOf(ledger *stream.Ledger) int64 {
	if ledger == nil {
		return 0
	}
	return ledger.Nulled
}

// Columns computes several expressions of the same rows. Like an Evaluator it
// belongs to one goroutine at a time.
type Columns struct {
	names  []string // what errors call them
	evals  []Evaluator
	ledger *stream.Ledger
	cols   []arrow.Array
}

// CompileColumns compiles the expressions of columns with these names. It fails
// as Compile does.
func CompileColumns(names []string, exprs []physical.Expr, env Env) (*Columns, error) {
	c := &Columns{names: names, evals: make([]Evaluator, len(exprs)), ledger: env.Ledger}
	for i, e := range exprs {
		var err error
		if c.evals[i], err = Compile(e, env); err != nil {
			return nil, fmt.Errorf("compile column %s: %w", names[i], err)
		}
	}
	return c, nil
}

// Eval calls use with the columns of b's rows: once, or, where they make more
// text than should be in memory at once, for one run of rows after the other,
// from the row first up to the row end. Use borrows the columns. Where b is cut
// depends on its rows alone.
func (c *Columns) Eval(b arrow.RecordBatch, use func(cols []arrow.Array, first, end int) error) error {
	defer c.release()
	return inParts(b, c.ledger, func(part arrow.RecordBatch, first int) error {
		c.release()
		n, size := int(part.NumRows()), 0
		for i, e := range c.evals {
			col, err := e.part(part)
			if err != nil {
				return fmt.Errorf("compute column %s: %w", c.names[i], err)
			}
			c.cols = append(c.cols, col)
			if _, plain := e.(*column); !plain {
				size += textBytes(col)
			}
			if size > partBytesMax && n > 1 {
				return &longError{rows: n / (size/partBytesMax + 1)}
			}
		}
		return use(c.cols, first, first+n)
	})
}

func (c *Columns) release() {
	for _, col := range c.cols {
		col.Release()
	}
	c.cols = c.cols[:0]
}

// textBytes is how many bytes of text a column of its own memory has.
func textBytes(col arrow.Array) int {
	if _, ok := col.(*array.String); !ok {
		return 0
	}
	return col.Data().Buffers()[2].Len()
}

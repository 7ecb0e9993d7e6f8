package views

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/expr"
	"weir/operators/stream"
)

// gatherer copies rows that lie scattered over batches into new ones: runs of
// rows of one batch are taken at once.
type gatherer struct {
	schema  *arrow.Schema
	columns []int
	alloc   memory.Allocator
	from    *held
	rows    []int32
	out     []arrow.RecordBatch
}

func newGatherer(schema stream.Schema, columns []int, alloc memory.Allocator) *gatherer {
	return &gatherer{schema: pickSchema(schema, columns), columns: columns, alloc: alloc}
}

func pickSchema(schema stream.Schema, columns []int) *arrow.Schema {
	some := make(stream.Schema, len(columns))
	for i, c := range columns {
		some[i] = schema[c]
	}
	return some.Arrow()
}

// pick shares some columns of a batch; the caller owns the result.
func pick(schema *arrow.Schema, rec arrow.RecordBatch, columns []int) arrow.RecordBatch {
	cols := make([]arrow.Array, len(columns))
	for i, c := range columns {
		cols[i] = rec.Column(c)
	}
	return array.NewRecordBatch(schema, cols, rec.NumRows())
}

func (g *gatherer) add(p place) error {
	if g.from != p.batch {
		if err := g.flush(); err != nil {
			return err
		}
		g.from = p.batch
	}
	g.rows = append(g.rows, p.row)
	return nil
}

// flush copies the run that was collected. A whole batch is shared, not copied.
func (g *gatherer) flush() error {
	if len(g.rows) == 0 {
		return nil
	}
	rec := pick(g.schema, g.from.rec, g.columns)
	if int64(len(g.rows)) < g.from.rec.NumRows() {
		defer rec.Release()
		some, err := expr.Take(g.alloc, rec, g.rows)
		if err != nil {
			return err
		}
		rec = some
	}
	g.out = append(g.out, rec)
	g.rows = g.rows[:0]
	return nil
}

func (g *gatherer) finish() ([]arrow.RecordBatch, error) {
	if err := g.flush(); err != nil {
		g.release()
		return nil, err
	}
	return g.out, nil
}

func (g *gatherer) release() {
	for _, r := range g.out {
		r.Release()
	}
	g.out = nil
}

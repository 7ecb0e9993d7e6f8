package windowagg

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/planner/physical"
)

// showsRows tells whether what leaves are the rows of sessions and not aggregates.
func (s *sessions) showsRows() bool {
	return len(s.n.Aggs) == 1 && s.n.Aggs[0].Fn == physical.AggRows
}

// emitRows writes the rows of sessions that close, each with the bounds and the key
// of its session.
func (s *sessions) emitRows(ctx context.Context, changes []change) error {
	kept := s.accs[0].(*bagAcc)
	fields := s.out.b.Fields()
	args := fields[2+len(s.n.Keys):]
	for _, c := range changes {
		g := kept.s[c.slot]
		for _, k := range g.sorted() {
			row := g.rows[k]
			for range row.n {
				fields[0].(*array.TimestampBuilder).Append(arrow.Timestamp(c.Start))
				fields[1].(*array.TimestampBuilder).Append(arrow.Timestamp(c.End))
				if err := s.dict.appendKeys(fields[2:], []int32{c.group}); err != nil {
					return err
				}
				kept.key.decode([]byte(k[row.at:]), args)
				if s.out.rows++; s.out.rows == batchRowsMax {
					if err := s.out.flush(ctx); err != nil {
						return err
					}
				}
			}
		}
	}
	return s.out.flush(ctx)
}

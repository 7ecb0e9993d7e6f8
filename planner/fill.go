package planner

import (
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/windows"
)

// fill puts FILL right behind the aggregation, in front of HAVING.
func (b *binder) fill(q *ast.Select, r *bound) error {
	f := q.Fill
	if f == nil {
		return nil
	}
	no := func(hint, format string, args ...any) error {
		return diag.New(diag.Unsupported, f.At, format, args...).WithHint("%s", hint)
	}
	switch {
	case r.group == nil || !r.group.windowed():
		return no("add TUMBLE or HOP to GROUP BY, or leave FILL out", "FILL adds the windows without rows, and the query has no window")
	case r.group.agg.Window.Kind != windows.Tumble && r.group.agg.Window.Kind != windows.Hop:
		return no("take TUMBLE or HOP, or leave FILL out", "FILL is for TUMBLE and HOP: only of these it is known which windows a group lacks")
	case r.group.agg.Lateness > 0:
		return no("leave one of the two out", "FILL with ALLOWED LATENESS is not supported: a row that comes late would change the windows that were filled from its own")
	case r.group.agg.Updates:
		return no("write EMIT ON WINDOW CLOSE, or leave FILL out", "FILL shows windows that are closed, and these leave as they change")
	}
	for _, a := range r.group.agg.Aggs {
		if a.Fn.Marks() {
			return no("leave one of the two out: what FILL shows is final", "FILL with %s is not supported", a.Fn)
		}
	}
	modes := map[ast.FillMode]physical.FillMode{
		ast.FillNull: physical.FillNull, ast.FillPrev: physical.FillPrev, ast.FillLinear: physical.FillLinear, ast.FillValue: physical.FillValue,
	}
	n := &logical.Fill{In: r.group.agg, Mode: modes[f.Mode]}
	if f.Value != nil {
		var err error
		if n.Value, err = (&exprs{b: b, s: &scope{node: r.group.agg, rel: &Relation{Bounded: true}}, clause: "FILL"}).bind(f.Value); err != nil {
			return err
		}
	}
	r.group.fill, r.list.In = n, n
	return nil
}

// filled returns what FILL(value) shows for each aggregate: the value where it is
// of the same sort, else NULL.
func filled(f *logical.Fill) (out []physical.Expr) {
	if f.Value == nil {
		return nil
	}
	for _, a := range f.In.Aggs {
		from := f.Value.Type()
		if from.IsNumeric() && a.Out.IsNumeric() || from.Kind == a.Out.Kind {
			out = append(out, castTo(f.Value, a.Out))
		} else {
			out = append(out, &physical.Literal{T: a.Out})
		}
	}
	return out
}

// waits tells whether rows come behind the cut at which their window closes.
func (g *grouping) waits() bool { return g.fill != nil && g.fill.Mode == physical.FillLinear }

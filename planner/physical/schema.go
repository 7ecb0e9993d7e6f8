package physical

import (
	"fmt"

	"weir/operators/stream"
	"weir/sql/types"
	"weir/windows"
)

// Field returns the name and type of a hidden column.
func (h Hidden) Field() stream.Field {
	switch h {
	case HiddenArrival:
		return stream.Field{Name: "_arrival", Type: types.DatetimeType(6)}
	case HiddenShard:
		return stream.Field{Name: "_shard", Type: types.BigintType}
	case HiddenSeq:
		return stream.Field{Name: "_seq", Type: types.BigintType}
	case HiddenSub:
		return stream.Field{Name: "_sub", Type: types.BigintType}
	case HiddenWhy:
		return stream.Field{Name: "$why", Type: types.VarcharType}
	case HiddenW:
		return stream.Field{Name: "$w", Type: types.DatetimeType(6)}
	}
	panic("unknown hidden column")
}

// Schema is the declared columns that are read, then the hidden ones.
func (s *Scan) Schema() stream.Schema {
	out := append(stream.Schema(nil), s.Fields...)
	for _, h := range s.Hidden {
		out = append(out, h.Field())
	}
	return out
}

// Schema is that of the input.
func (f *Filter) Schema() stream.Schema { return f.In.Schema() }

// Schema is that of the input, and the bounds of a window.
func (w *WindowRows) Schema() stream.Schema {
	return append(append(stream.Schema(nil), w.In.Schema()...), WindowFields(w.Window)...)
}

// WindowFields are the columns that show a window to which a row belongs.
func WindowFields(s windows.Spec) stream.Schema {
	at := types.DatetimeType(3)
	if !s.Millis() {
		at = types.DatetimeType(6)
	}
	return stream.Schema{{Name: "window_start", Type: at}, {Name: "window_end", Type: at}, {Name: "window_time", Type: at}}
}

// Schema is one column per expression.
func (p *Project) Schema() stream.Schema {
	out := make(stream.Schema, len(p.Exprs))
	for i, e := range p.Exprs {
		out[i] = stream.Field{Name: p.Names[i], Type: e.Type()}
	}
	return out
}

// Schema is the partial states: `slice` and `first_end` (DATETIME(6); absent if
// there is no window), the keys, then per aggregate its state columns, then, where
// the input takes rows back, `rows`: how many came, less those that were taken back.
func (w *WindowPartial) Schema() stream.Schema {
	var out stream.Schema
	if w.Window.Kind != windows.None {
		at := types.DatetimeType(6)
		out = append(out, stream.Field{Name: "slice", Type: at}, stream.Field{Name: "first_end", Type: at})
	}
	for i, t := range w.KeyTypes {
		out = append(out, stream.Field{Name: w.KeyNames[i], Type: t})
	}
	for i, a := range w.Aggs {
		for _, f := range a.State(w.Retracts) {
			out = append(out, stream.Field{Name: w.AggNames[i] + "." + f.Name, Type: f.Type})
		}
	}
	if w.Retracts {
		out = append(out, stream.Field{Name: "rows", Type: types.BigintType})
	}
	return out
}

// Schema is that of the input.
func (e *Exchange) Schema() stream.Schema { return e.In.Schema() }

// Schema is that of the first input.
func (u *Union) Schema() stream.Schema { return u.Ins[0].Schema() }

// Input returns the first node below.
func (u *Union) Input() Node { return u.Ins[0] }

// Inputs returns the nodes that feed n.
func Inputs(n Node) []Node {
	if u, ok := n.(*Union); ok {
		return u.Ins
	}
	if in := n.Input(); in != nil {
		return []Node{in}
	}
	return nil
}

// Walk calls f for n and every node below it, what is read before what reads it.
func Walk(n Node, f func(Node)) {
	for _, in := range Inputs(n) {
		Walk(in, f)
	}
	f(n)
}

// Scans returns the scans of a plan, in the order of the text.
func Scans(root Node) []*Scan {
	var out []*Scan
	Walk(root, func(n Node) {
		if s, ok := n.(*Scan); ok {
			out = append(out, s)
		}
	})
	return out
}

// Schema is that of the input, and `$set`.
func (e *Expand) Schema() stream.Schema {
	return append(e.In.Schema(), stream.Field{Name: "$set", Type: types.BigintType})
}

// Input returns the node below.
func (e *Expand) Input() Node { return e.In }

// Field is the column that the stamp appends.
func (s *Stamp) Field() stream.Field { return HiddenW.Field() }

// Schema is that of the input, and `$w`.
func (s *Stamp) Schema() stream.Schema { return append(s.In.Schema(), s.Field()) }

// Input returns the node below.
func (s *Stamp) Input() Node { return s.In }

// Schema is the window's bounds, the keys and the aggregates; where these are rows,
// the columns of the rows.
func (w *WindowFinal) Schema() stream.Schema {
	var out stream.Schema
	if w.Window.Kind != windows.None {
		at := types.DatetimeType(3)
		if !w.Window.Millis() {
			at = types.DatetimeType(6)
		}
		out = append(out, stream.Field{Name: "window_start", Type: at}, stream.Field{Name: "window_end", Type: at})
	}
	for i, t := range w.KeyTypes {
		out = append(out, stream.Field{Name: w.KeyNames[i], Type: t})
	}
	for i, a := range w.Aggs {
		for j, t := range a.Shown() {
			f := stream.Field{Name: w.AggNames[i], Type: t}
			if a.Fn == AggRows {
				f.Name = fmt.Sprintf("%s.%d", f.Name, j+1)
			}
			out = append(out, f)
		}
	}
	return out
}

// Schema is that of the input.
func (f *Fill) Schema() stream.Schema { return f.In.Schema() }

// Input returns the node below.
func (f *Fill) Input() Node { return f.In }

// Schema is that of the input.
func (s *Sort) Schema() stream.Schema { return s.In.Schema() }

// Schema is that of the input.
func (l *Limit) Schema() stream.Schema { return l.In.Schema() }

// Input returns nil: a scan reads a source.
func (s *Scan) Input() Node { return nil }

// Input returns the node below.
func (f *Filter) Input() Node { return f.In }

// Input returns the node below.
func (p *Project) Input() Node { return p.In }

// Input returns the node below.
func (w *WindowRows) Input() Node { return w.In }

// Input returns the node below.
func (w *WindowPartial) Input() Node { return w.In }

// Input returns the node below.
func (e *Exchange) Input() Node { return e.In }

// Input returns the node below.
func (w *WindowFinal) Input() Node { return w.In }

// Input returns the node below.
func (s *Sort) Input() Node { return s.In }

// Input returns the node below.
func (l *Limit) Input() Node { return l.In }

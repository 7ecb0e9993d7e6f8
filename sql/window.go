package sql

import (
	"math/big"

	"weir/sql/ast"
	"weir/sql/diag"
)

// windowUsage says how the families of windows are written in GROUP BY.
var windowUsage = map[string]string{
	"TUMBLE": "TUMBLE(time, INTERVAL size[, INTERVAL offset])",
	"HOP":    "HOP(time, INTERVAL slide, INTERVAL size[, INTERVAL offset])",
}

// windowBounds are the functions that name a bound of the query's window.
var windowBounds = map[string]string{
	"TUMBLE_START": "window_start", "HOP_START": "window_start", "WINDOW_START": "window_start",
	"TUMBLE_END": "window_end", "HOP_END": "window_end", "WINDOW_END": "window_end",
	"TUMBLE_ROWTIME": "window_time", "HOP_ROWTIME": "window_time", "WINDOW_TIME": "window_time",
}

// windowOf turns a call that names a window, or a bound of one, into its node, and
// leaves others as they are.
func (w *walker) windowOf(c *ast.Call) ast.Expr {
	if w.err != nil {
		return c
	}
	if bound, ok := windowBounds[c.Name.Text]; ok {
		return w.windowBound(c, bound)
	}
	if _, ok := windowUsage[c.Name.Text]; !ok {
		return c
	}
	return w.window(c)
}

func (w *walker) windowBound(c *ast.Call, bound string) ast.Expr {
	b := &ast.WindowBound{Node: c.Node, Bound: bound}
	if len(c.Args) == 0 {
		return b
	}
	call := *c
	switch c.Name.Text[0] {
	case 'T':
		call.Name.Text = "TUMBLE"
	case 'H':
		call.Name.Text = "HOP"
	default:
		w.fail(diag.New(diag.WrongArguments, c.At, "%s takes no arguments", c.Name.Text))
		return b
	}
	b.Of = w.window(&call)
	return b
}

// window reads TUMBLE(time, size[, offset]) and HOP(time, slide, size[, offset]).
// The two of a HOP may stand in either order: the larger is the size.
func (w *walker) window(c *ast.Call) *ast.Window {
	name := c.Name.Text
	usage := windowUsage[name]
	out := &ast.Window{Node: c.Node, Kind: ast.Tumble}
	least := 2
	if name == "HOP" {
		out.Kind, least = ast.Hop, 3
	}
	if len(c.Args) < least || len(c.Args) > least+1 {
		w.fail(diag.New(diag.WrongArguments, c.At, "%s takes %d or %d arguments, not %d", name, least, least+1, len(c.Args)).
			WithHint("write %s", usage))
		return out
	}
	out.Time = c.Args[0]
	var lengths [3]*ast.Interval
	for i, arg := range c.Args[1:] {
		iv, ok := arg.(*ast.Interval)
		if !ok {
			w.fail(diag.New(diag.WrongArguments, arg.Span(), "%s needs an INTERVAL here", name).WithHint("write %s", usage))
			return out
		}
		if err := constantInterval(iv); err != nil {
			w.fail(err)
			return out
		}
		lengths[i] = iv
	}
	if out.Kind == ast.Tumble {
		out.Size, out.Offset = lengths[0], lengths[1]
		return out
	}
	out.Slide, out.Size, out.Offset = lengths[0], lengths[1], lengths[2]
	if longer(out.Slide, out.Size) {
		out.Slide, out.Size = out.Size, out.Slide
	}
	return out
}

// longer tells whether a is longer than b; a month counts 30 days.
func longer(a, b *ast.Interval) bool { return length(a).Cmp(length(b)) > 0 }

func length(iv *ast.Interval) *big.Int {
	const monthMicros = 30 * 86_400_000_000
	n := new(big.Int).Mul(big.NewInt(iv.Months), big.NewInt(monthMicros))
	return n.Add(n, big.NewInt(iv.Micros))
}

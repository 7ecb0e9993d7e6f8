package sql

import (
	"slices"
	"strconv"
	"strings"

	"weir/sql/ast"
)

// window prints a window as it stands in GROUP BY.
func (p *printer) window(w *ast.Window) {
	p.windowCall(windowName(w.Kind), w, func(next func()) {
		if w.Time != nil {
			next()
			p.bare(w.Time)
		}
	})
}

// windowTable prints a relation that goes through a window.
func (p *printer) windowTable(t *ast.Table) {
	w := t.Window
	p.put("TABLE(")
	p.windowCall(windowName(w.Kind), w, func(next func()) {
		next()
		if t.Query != nil {
			p.inParens(t.Query)
		} else {
			p.put("TABLE ", tableName(t.Name.Text, t.File))
		}
		if len(w.Partition) > 0 {
			p.partition(w.Partition)
		}
		if w.Time != nil {
			next()
			p.put("DESCRIPTOR(")
			p.bare(w.Time)
			p.put(")")
		}
	})
	p.put(")")
}

// partition prints PARTITION BY. Where an entry does not begin with a name, the list
// stands in parentheses, which tell it from the next argument of the window.
func (p *printer) partition(list []ast.Expr) {
	open, end := " PARTITION BY ", ""
	if slices.ContainsFunc(list, func(e ast.Expr) bool { return !startsWithName(e) }) {
		open, end = " PARTITION BY (", ")"
	}
	p.put(open)
	p.list(len(list), ", ", func(i int) { p.expr(list[i]) })
	p.put(end)
}

// windowCall prints the function of a window. head prints what stands in front of
// the lengths, and calls next before each of its arguments.
func (p *printer) windowCall(name string, w *ast.Window, head func(next func())) {
	p.put(name, "(")
	n := 0
	next := func() {
		p.when(n > 0, ", ")
		n++
	}
	head(next)
	add := func(label string, iv *ast.Interval) {
		if iv != nil {
			next()
			p.put(label, iv.Text)
		}
	}
	switch w.Kind {
	case ast.CountWindow:
		next()
		p.put(strconv.FormatInt(w.Rows, 10))
		if w.Every != w.Rows {
			next()
			p.put(strconv.FormatInt(w.Every, 10))
		}
	case ast.Session:
		gap, size := "", ""
		if w.Size != nil && longer(w.Gap, w.Size) { // without names they would change places
			gap, size = "GAP => ", "MAX => "
		}
		add(gap, w.Gap)
		add(size, w.Size)
	default:
		slide, size, offset := "", "", ""
		if w.Slide != nil && longer(w.Slide, w.Size) {
			slide, size, offset = "SLIDE => ", "SIZE => ", "OFFSET => "
			if w.Kind == ast.Cumulate {
				slide = "STEP => "
			}
		}
		add(slide, w.Slide)
		add(size, w.Size)
		add(offset, w.Offset)
	}
	if w.Zone != nil {
		next()
		p.put(quoteString(w.Zone.Text))
	}
	p.put(")")
}

// bound prints a bound of the query's window: the column, or the function where
// its arguments have to be checked.
func (p *printer) bound(b *ast.WindowBound) {
	if b.Of == nil {
		p.put(b.Bound)
		return
	}
	suffix := map[string]string{"window_start": "_START", "window_end": "_END", "window_time": "_ROWTIME"}[b.Bound]
	var w printer
	w.window(b.Of)
	name, args, _ := strings.Cut(w.b.String(), "(")
	p.put(name, suffix, "(", args)
}

func (p *printer) groupingSets(g *ast.GroupingSets) {
	p.put("GROUPING SETS (")
	p.list(len(g.Sets), ", ", func(i int) {
		set := g.Sets[i]
		p.put("(")
		p.list(len(set), ", ", func(i int) { p.expr(set[i]) })
		p.put(")")
	})
	p.put(")")
}

package planner

import (
	"strings"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// windowTime binds what a window is over: the event time, which is the
// watermark's column on a stream that has one, `_arrival` on a live stream
// without, and any time on a bounded input without. A window that names none is
// over the event time.
func (b *binder) windowTime(s *scope, w *ast.Window) (physical.Expr, error) {
	if w.Time == nil {
		if event := s.eventTime(); event != nil {
			return event, nil
		}
		none := diag.New(diag.NoEventTime, w.At, "the window names no time, and the rows have no event time")
		if s.aggregated {
			return nil, none.WithHint("give the query in FROM a window of its own, or show a time in it and take the window over that")
		}
		return nil, none.WithHint("name the column with the time in front of the lengths, such as TUMBLE(%s, INTERVAL 1 MINUTE)", s.eventName())
	}
	e := w.Time
	x := &exprs{b: b, s: s, clause: "a window"}
	out, err := x.bind(e)
	if err != nil {
		return nil, err
	}
	switch t := out.Type(); t.Kind {
	case types.Datetime:
	case types.Date:
		out = castTo(out, types.DatetimeType(0))
	case types.Bigint:
		return nil, notTime(s, e, t).WithHint("%s: JSON numbers are read as epoch milliseconds, or as time_unit says", declare(s, e))
	default:
		return nil, notTime(s, e, t).WithHint("%s", declare(s, e))
	}
	if s.aggregated {
		return out, nil // see again
	}
	event := s.eventTime()
	if event != nil && physical.Equal(event, out) {
		return out, nil
	}
	if event != nil {
		return nil, notEventTime(s, e)
	}
	reads := false
	physical.Columns(out, func(*physical.Column) { reads = true })
	if !reads {
		return nil, diag.New(diag.WrongType, e.Span(), "a window is over a column, this is a constant")
	}
	return out, nil
}

func notTime(s *scope, e ast.Expr, t types.Type) *diag.Error {
	return diag.New(diag.WrongType, e.Span(), "a window is over a DATETIME, this is a %s", t).WithLabel("not a time")
}

// declare says how to make an event time of a column.
func declare(s *scope, e ast.Expr) string {
	name := nameOf(e)
	switch {
	case s.rel.Kind == physical.SourceFile:
		return "declare " + name + " DATETIME(3) in a CREATE STREAM WITH (connector = 'file', path = …)"
	case s.rel.Watermark == nil && !s.rel.Bounded:
		return "declare " + name + " DATETIME(3) and " + watermarkFor(name) + " in CREATE STREAM " + physical.FormatName(s.rel.Name)
	}
	return "declare " + name + " DATETIME(3) in CREATE STREAM"
}

func watermarkFor(column string) string {
	return "WATERMARK FOR " + column + " AS " + column + " - INTERVAL 5 SECOND"
}

// notEventTime returns the error for a window over another column than the event time.
func notEventTime(s *scope, e ast.Expr) error {
	event := s.eventName()
	if _, ok := unparen(e).(*ast.Column); !ok {
		return diag.New(diag.NoEventTime, e.Span(), "this is not the event time of `%s`", s.rel.Name).
			WithLabel("the event time is %s", event).
			WithHint("take the window over %s; a time that is computed can be the event time: t DATETIME(3) AS (…) in CREATE STREAM, with WATERMARK FOR t", event)
	}
	column := nameOf(e)
	if column == event { // the view that is read computes it, and does not show the event time
		return diag.New(diag.NoEventTime, e.Span(), "%s is not the event time of `%s`", column, s.rel.Name).
			WithHint("put the event time of `%s` into the select list of the view, and take the window over that", s.rel.Name)
	}
	err := diag.New(diag.NoEventTime, e.Span(), "%s is not the event time of `%s`", column, s.rel.Name).
		WithLabel("the event time is %s", event)
	switch {
	case strings.HasPrefix(column, "_"):
		return err.WithHint("take the window over %s", event)
	case s.rel.Watermark == nil:
		return err.WithHint("add %s to the columns of CREATE STREAM %s, or take the window over _arrival", watermarkFor(column), physical.FormatName(s.rel.Name))
	}
	return err.WithHint("take the window over %s, or write %s in CREATE STREAM %s", event, watermarkFor(column), physical.FormatName(s.rel.Name))
}

// nameOf returns the column that e is, for a hint.
func nameOf(e ast.Expr) string {
	if c, ok := unparen(e).(*ast.Column); ok {
		return physical.FormatName(c.Name.Text)
	}
	return "ts"
}

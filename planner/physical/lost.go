package physical

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/operators/stream"
	"weir/sql/types"
	"weir/windows"
)

// Late keeps the rows of a scan that a query with this window counts as late: for
// all windows that they are in. It appends `_watermark`, that of the row's shard
// before it, and `_late_ms`, by how many milliseconds that is past the end of the
// row's last window and the allowed lateness. Behind the end of the stream, where
// every row is late, both are NULL.
type Late struct {
	In       Node
	Window   windows.Spec
	Lateness time.Duration
	Time, W  Expr // the event time and the hidden column `$w`, DATETIME, over the input
	// Shown is set if the query shows each row once for every window of another kind
	// before it comes to this one. Time and W are over what is shown then, and a row
	// is late if it is late wherever it is shown, and shown at all.
	Shown *Shown
}

// Shown are rows that are shown for windows, as by a WindowRows.
type Shown struct {
	Window windows.Spec
	Time   Expr   // DATETIME, over the input
	Where  []Expr // what filters them, over the input and WindowFields
}

// Schema is that of the input, and the bounds of the windows.
func (s *Shown) Schema(input stream.Schema) stream.Schema {
	return append(append(stream.Schema(nil), input...), WindowFields(s.Window)...)
}

// Failed keeps the rows of a scan without event time that a query counts as errors,
// and those of which it could not compute a value. It appends `_reason`.
type Failed struct {
	In Node
	// Event is the query's event time; nil: it needs none. Arrival and Tolerance say
	// when it lies too far ahead; Arrival is nil for a bounded source.
	Event, Arrival Expr
	// Why is why a record did not decode, over In; NULL: it did. Nil: all do.
	Why       Expr
	Tolerance time.Duration
	Steps     []FailedStep // what the query computes of each row, in order
}

// FailedStep is what one operator of a query computes. One that filters passes the
// rows for which its one expression is true.
type FailedStep struct {
	Filters bool
	Exprs   []Expr // over the input of Failed
}

// Fields are the columns that Late appends.
func (l *Late) Fields() stream.Schema {
	return stream.Schema{{Name: "_watermark", Type: types.DatetimeType(6)}, {Name: "_late_ms", Type: types.BigintType}}
}

// Fields are the columns that Failed appends.
func (f *Failed) Fields() stream.Schema {
	return stream.Schema{{Name: "_reason", Type: types.VarcharType}}
}

// Schema is that of the input, and Fields.
func (l *Late) Schema() stream.Schema {
	return append(append(stream.Schema(nil), l.In.Schema()...), l.Fields()...)
}

// Schema is that of the input, and Fields.
func (f *Failed) Schema() stream.Schema {
	return append(append(stream.Schema(nil), f.In.Schema()...), f.Fields()...)
}

// Input returns the node below.
func (l *Late) Input() Node { return l.In }

// Input returns the node below.
func (f *Failed) Input() Node { return f.In }

// Describe is the node on one line.
func (l *Late) Describe() string {
	out := "Late for " + FormatWindow(l.Window) + " on " + Format(l.Time)
	if l.Lateness > 0 {
		out += " lateness " + FormatDuration(l.Lateness)
	}
	if l.Shown == nil {
		return out
	}
	out += ", shown for " + FormatWindow(l.Shown.Window) + " on " + Format(l.Shown.Time)
	for i, e := range l.Shown.Where {
		word := " and "
		if i == 0 {
			word = " where "
		}
		out += word + Format(e)
	}
	return out
}

// Describe is the node on one line.
func (f *Failed) Describe() string {
	var parts []string
	if f.Event != nil {
		parts = append(parts, "event time "+Format(f.Event))
	}
	if f.Why != nil {
		parts = append(parts, "decoding")
	}
	for _, s := range f.Steps {
		word := "compute "
		if s.Filters {
			word = "filter "
		}
		list := make([]string, len(s.Exprs))
		for i, e := range s.Exprs {
			list[i] = Format(e)
		}
		parts = append(parts, word+strings.Join(list, ", "))
	}
	return "Failed " + strings.Join(parts, "; ")
}

// failedJSON is what a Failed holds beside its expressions.
type failedJSON struct {
	Tolerance time.Duration    `json:"tolerance_ns,omitempty"`
	Event     exprJSON         `json:"event,omitempty"`
	Why       exprJSON         `json:"why,omitempty"`
	Arrival   exprJSON         `json:"arrival,omitempty"`
	Steps     []failedStepJSON `json:"steps,omitempty"`
}

// shownJSON are the rows of windows that a Late judges.
type shownJSON struct {
	Window *windowJSON `json:"window"`
	Time   exprJSON    `json:"time"`
	Where  []exprJSON  `json:"where,omitempty"`
}

type failedStepJSON struct {
	Filters bool       `json:"filters,omitempty"`
	Exprs   []exprJSON `json:"exprs"`
}

func encodeLate(l *Late, out *nodeJSON) (err error) {
	if out.Agg, err = encodeWindow(&WindowAgg{Window: l.Window, Lateness: l.Lateness}); err != nil {
		return err
	}
	if out.Exprs, err = encodeExprs([]Expr{l.Time, l.W}); err != nil || l.Shown == nil {
		return err
	}
	out.Shown = new(shownJSON)
	if out.Shown.Window, err = encodeWindow(&WindowAgg{Window: l.Shown.Window}); err != nil {
		return err
	}
	if out.Shown.Time, err = encodeExpr(l.Shown.Time); err != nil {
		return err
	}
	out.Shown.Where, err = encodeExprs(l.Shown.Where)
	return err
}

func encodeFailed(f *Failed) (out *failedJSON, err error) {
	out = &failedJSON{Tolerance: f.Tolerance}
	if out.Event, err = encodeExpr(f.Event); err != nil {
		return nil, err
	}
	if out.Arrival, err = encodeExpr(f.Arrival); err != nil {
		return nil, err
	}
	if out.Why, err = encodeExpr(f.Why); err != nil {
		return nil, err
	}
	for _, s := range f.Steps {
		list, err := encodeExprs(s.Exprs)
		if err != nil {
			return nil, err
		}
		out.Steps = append(out.Steps, failedStepJSON{s.Filters, list})
	}
	return out, nil
}

func decodeLate(n *nodeJSON, input Node) (*Late, error) {
	agg, err := decodeWindow(n.Agg)
	if err != nil {
		return nil, err
	}
	if len(n.Exprs) != 2 || agg.Window.Kind == windows.None {
		return nil, errors.New("late rows need a window, a time and a watermark")
	}
	l, schema := &Late{In: input, Window: agg.Window, Lateness: agg.Lateness}, input.Schema()
	if n.Shown != nil {
		if l.Shown, err = decodeShown(n.Shown, schema); err != nil {
			return nil, err
		}
		schema = l.Shown.Schema(schema)
	}
	for i, to := range []*Expr{&l.Time, &l.W} {
		if *to, err = decodeExpr(n.Exprs[i], schema); err != nil {
			return nil, err
		}
		if *to == nil || (*to).Type().Kind != types.Datetime {
			return nil, errors.New("late rows need a time and a watermark")
		}
	}
	return l, nil
}

func decodeShown(in *shownJSON, input stream.Schema) (*Shown, error) {
	agg, err := decodeWindow(in.Window)
	if err != nil {
		return nil, err
	}
	s := &Shown{Window: agg.Window}
	if s.Time, err = decodeExpr(in.Time, input); err != nil {
		return nil, err
	}
	if s.Time == nil || s.Time.Type().Kind != types.Datetime || !s.Window.Sliced() {
		return nil, errors.New("rows of windows need a window and a time")
	}
	for _, x := range in.Where {
		e, err := decodeExpr(x, s.Schema(input))
		if err != nil {
			return nil, err
		}
		if e == nil || e.Type().Kind != types.Boolean {
			return nil, errors.New("a filter needs a predicate")
		}
		s.Where = append(s.Where, e)
	}
	return s, nil
}

func decodeFailed(in *failedJSON, input Node) (*Failed, error) {
	if in == nil {
		return nil, errors.New("what failed is missing")
	}
	f, schema := &Failed{In: input, Tolerance: in.Tolerance}, input.Schema()
	var err error
	if f.Event, err = decodeExpr(in.Event, schema); err != nil {
		return nil, err
	}
	if f.Arrival, err = decodeExpr(in.Arrival, schema); err != nil {
		return nil, err
	}
	if f.Why, err = decodeExpr(in.Why, schema); err != nil {
		return nil, err
	}
	if f.Why != nil && f.Why.Type().Kind != types.Varchar {
		return nil, fmt.Errorf("a reason of type %s", f.Why.Type())
	}
	for _, e := range []Expr{f.Event, f.Arrival} {
		if e != nil && e.Type().Kind != types.Datetime {
			return nil, fmt.Errorf("a time of type %s", e.Type())
		}
	}
	for _, s := range in.Steps {
		step := FailedStep{Filters: s.Filters}
		for _, x := range s.Exprs {
			e, err := decodeExpr(x, schema)
			if err == nil && e == nil {
				err = errors.New("an expression is missing")
			}
			if err != nil {
				return nil, err
			}
			step.Exprs = append(step.Exprs, e)
		}
		if step.Filters && (len(step.Exprs) != 1 || step.Exprs[0].Type().Kind != types.Boolean) {
			return nil, errors.New("a filter needs a predicate")
		}
		f.Steps = append(f.Steps, step)
	}
	return f, nil
}

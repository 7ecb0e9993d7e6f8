package planner

import (
	"math"
	"strings"
	"time"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
	"weir/windows"
)

// overlapMax bounds how many windows a row may count in.
const overlapMax = 100_000

// mondays is how far the first Monday is from the Unix epoch, a Thursday.
const mondays = 4 * 24 * time.Hour

// isBound tells whether e names a bound of the query's window.
func isBound(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Column:
		switch strings.ToLower(e.Name.Text) {
		case "window_start", "window_end", "window_time", "windowstart", "windowend":
			return e.Table == nil
		}
	case *ast.WindowBound:
		return true
	}
	return false
}

// isStart tells whether e names where the query's window begins.
func isStart(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Column:
		name := strings.ToLower(e.Name.Text)
		return name == "window_start" || name == "windowstart"
	case *ast.WindowBound:
		return e.Bound == "window_start"
	}
	return false
}

// bound returns the bound of the window that a name means, nil if it means none.
// window_time is the last millisecond in the window.
func (g *grouping) bound(name string) physical.Expr {
	schema := g.agg.Schema()
	at := func(i int) physical.Expr {
		return &physical.Column{Index: i, T: schema[i].Type, Name: schema[i].Name}
	}
	switch strings.ToLower(name) {
	case "window_start", "windowstart":
		switch {
		case g.inner != nil && g.start >= 0:
			return at(g.agg.FirstKey() + g.start)
		case g.inner != nil:
			return nil
		}
		return at(0)
	case "window_end", "windowend":
		return at(1)
	case "window_time", "rowtime":
		return dateAdd(at(1), physical.Span{Micros: -1000})
	}
	return nil
}

// windowBound binds TUMBLE_START(…) and its kin, whose arguments must be the
// query's window if there are any.
func (x *exprs) windowBound(e *ast.WindowBound) (physical.Expr, error) {
	if x.g == nil || !x.g.windowed() {
		return nil, noWindow(e.At, x.s)
	}
	if e.Of != nil {
		var same logical.Aggregate
		if err := x.b.setWindow(&same, x.s, e.Of); err != nil {
			return nil, err
		}
		if same.Window != x.g.agg.Window || !physical.Equal(same.Time, x.g.agg.Time) {
			return nil, diag.New(diag.BadWindow, e.At, "this is not the window of the query: it is %s, GROUP BY has %s",
				physical.FormatWindow(same.Window), physical.FormatWindow(x.g.agg.Window)).
				WithHint("write %s", e.Bound)
		}
	}
	return x.g.bound(e.Bound), nil
}

func noWindow(at diag.Span, s *scope) error {
	return diag.New(diag.BadWindow, at, "the query has no window").
		WithHint("add a window to GROUP BY, for example TUMBLE(%s, INTERVAL 1 MINUTE)", s.eventName())
}

// setWindow binds a window clause.
func (b *binder) setWindow(a *logical.Aggregate, s *scope, w *ast.Window) error {
	spec, err := windowSpec(w)
	if err != nil {
		return err
	}
	if s.ofLost() {
		return diag.New(diag.Unsupported, w.At, "a window over rows that are late, or that have no time").
			WithHint("group them without a window, for example GROUP BY DATE_TRUNC('minute', _arrival)")
	}
	if spec.Kind == windows.Count {
		return b.countRows(a, s, w, spec)
	}
	at, err := b.windowTime(s, w)
	if err != nil {
		return err
	}
	a.Window, a.Time = spec, at
	if spec.Kind == windows.Session {
		b.moving = append(b.moving, movingWindow{a, w})
	}
	if s.aggregated {
		return b.again(a, s, w)
	}
	a.W = s.hidden(physical.HiddenW)
	if !b.live && !s.asRead() && s.eventTime() == nil {
		a.In = hasTime(a.In, at)
	}
	return nil
}

// hasTime drops the rows whose time is NULL, where the scan cannot do it.
func hasTime(in logical.Node, at physical.Expr) logical.Node {
	isNull := &physical.Call{Fn: "is_null", Args: []physical.Expr{at}, T: types.BooleanType}
	return &logical.Filter{In: in, Pred: &physical.Call{Fn: "not", Args: []physical.Expr{isNull}, T: types.BooleanType}}
}

// windowSpec checks the lengths of a window.
func windowSpec(w *ast.Window) (windows.Spec, error) {
	if w.Kind == ast.Session || w.Kind == ast.Stagger {
		return sessionSpec(w)
	}
	if w.Kind == ast.CountWindow {
		return countSpec(w)
	}
	kinds := map[ast.WindowKind]windows.Kind{ast.Tumble: windows.Tumble, ast.Hop: windows.Hop, ast.Cumulate: windows.Cumulate}
	spec := windows.Spec{Kind: kinds[w.Kind]}
	weeks := false
	for _, l := range []struct {
		iv     *ast.Interval
		out    *time.Duration
		months *int64
	}{{w.Size, &spec.Size, &spec.SizeMonths}, {w.Slide, &spec.Slide, &spec.SlideMonths}, {w.Offset, &spec.Offset, &spec.OffsetMonths}} {
		if l.iv == nil {
			continue
		}
		var err error
		if *l.out, *l.months, err = length(l.iv); err != nil {
			return spec, err
		}
		weeks = weeks || l.iv != w.Offset && strings.HasSuffix(l.iv.Text, " WEEK")
	}
	if spec.Kind == windows.Tumble {
		spec.Slide, spec.SlideMonths = spec.Size, spec.SizeMonths
	}
	if err := checkSpec(spec, w); err != nil {
		return spec, err
	}
	if weeks && spec.SizeMonths == 0 {
		spec.Offset = (spec.Offset + mondays) % spec.Size
	}
	if w.Zone != nil {
		if err := inZone(&spec, w); err != nil {
			return spec, err
		}
	}
	g, err := spec.Grid()
	if err != nil {
		return spec, diag.New(diag.BadWindow, w.At, "a window of %s every %s: %s",
			physical.FormatLength(spec.SizeMonths, spec.Size), physical.FormatLength(spec.SlideMonths, spec.Slide), err).
			WithHint("take lengths of which the one is a multiple of the other, both in months, in days or in parts of a day")
	}
	if n := g.Overlap(); n > overlapMax {
		return spec, diag.New(diag.BadWindow, w.At, "a row would count in %d windows of %s every %s, more than %d", n,
			physical.FormatLength(spec.SizeMonths, spec.Size), physical.FormatLength(spec.SlideMonths, spec.Slide), overlapMax).
			WithHint("take a longer slide")
	}
	return spec, nil
}

// countRowsMax is how many rows a window may have, countPanesMax how many parts:
// as many rows as its length and the distance of the windows have in common.
const (
	countRowsMax  = 10_000_000
	countPanesMax = 10_000
)

// countSpec checks a window over a number of rows.
func countSpec(w *ast.Window) (windows.Spec, error) {
	spec := windows.Spec{Kind: windows.Count, Rows: w.Rows, Every: w.Every}
	bad := func(format string, args ...any) *diag.Error { return diag.New(diag.BadWindow, w.At, format, args...) }
	switch {
	case w.Rows <= 0 || w.Every <= 0:
		return spec, bad("a window of %d rows, each %d rows", w.Rows, w.Every)
	case w.Every > w.Rows:
		return spec, bad("windows of %d rows, each %d rows, would leave rows out", w.Rows, w.Every).
			WithHint("write COUNT_WINDOW(%d, %d): the first number is how many rows a window has", w.Every, w.Rows)
	case w.Rows > countRowsMax:
		return spec, bad("a window has at most %d rows", countRowsMax)
	case w.Rows/spec.Pane() > countPanesMax:
		return spec, bad("a window of %d rows, each %d rows, has %d parts, more than %d", w.Rows, w.Every, w.Rows/spec.Pane(), countPanesMax).
			WithHint("take a distance that goes more often into the number of rows")
	}
	return spec, nil
}

// countRows completes a window over a number of rows, which are counted in the order
// of the log. Its bounds are event times.
func (b *binder) countRows(a *logical.Aggregate, s *scope, w *ast.Window, spec windows.Spec) error {
	if s.aggregated {
		return diag.New(diag.Unsupported, w.At, "the rows in FROM are groups already, and these have no order in which they could be counted").
			WithHint("take a window over time, or COUNT_WINDOW in the inner query")
	}
	a.Window, a.Time, a.W = spec, s.eventTime(), s.hidden(physical.HiddenW)
	if a.Time == nil {
		a.Time = s.onlyTime()
	}
	if a.Time == nil {
		return diag.New(diag.NoEventTime, w.At, "the bounds of a window are event times, and `%s` has none", s.table).
			WithHint("CREATE STREAM … (…, %s) WITH (connector = 'file', path = …)", watermarkFor(s.eventName()))
	}
	return nil
}

// onlyTime is the one DATETIME of a file that declares no event time, nil where there
// is none or more than one.
func (s *scope) onlyTime() (out physical.Expr) {
	if s.inner != nil || s.branches != nil {
		return nil
	}
	for i, f := range s.columns {
		if f.Type.Kind == types.Datetime {
			if out != nil {
				return nil
			}
			out = s.field(i)
		}
	}
	return out
}

// movingWindow is an aggregation whose windows depend on the rows of its groups, and
// where it stands in the text.
type movingWindow struct {
	agg *logical.Aggregate
	at  *ast.Window
}

// takesNothingBack refuses such windows over rows that are taken back: a row that was
// never there would have to divide what it joined.
func (b *binder) takesNothingBack() error {
	for _, m := range b.moving {
		if m.agg.Retracts {
			return diag.New(diag.Unsupported, m.at.At, "the rows in FROM are replaced as the query goes on, and a session cannot be divided again").
				WithLabel("over rows that are taken back").
				WithHint("write EMIT ON WINDOW CLOSE without ALLOWED LATENESS, so that only rows that are final come here; or take TUMBLE or HOP")
		}
	}
	return nil
}

// sessionSpec checks the lengths of a session; a window that begins with the first
// row of a group and has a size is one whose gap is as long as that.
func sessionSpec(w *ast.Window) (windows.Spec, error) {
	spec := windows.Spec{Kind: windows.Session}
	gap := w.Gap
	if w.Kind == ast.Stagger {
		gap = w.Size
	}
	var err error
	if spec.Gap, err = fixed(gap); err == nil && w.Size != nil {
		spec.Size, err = fixed(w.Size)
	}
	what := "the gap of a session"
	if w.Kind == ast.Stagger {
		what = "the size of a window"
	}
	switch {
	case err != nil:
		return spec, err
	case spec.Gap <= 0:
		return spec, diag.New(diag.BadWindow, w.At, "%s must be positive, this is %s", what, physical.FormatDuration(spec.Gap))
	case w.Size != nil && spec.Size <= 0:
		return spec, diag.New(diag.BadWindow, w.At, "the greatest length of a session must be positive, this is %s", physical.FormatDuration(spec.Size))
	case w.Offset != nil:
		return spec, diag.New(diag.BadWindow, w.Offset.At, "a session begins with a row, so it has no offset")
	case w.Zone != nil:
		return spec, diag.New(diag.BadWindow, w.Zone.At, "a session begins with a row, so it has no time zone")
	}
	return spec, nil
}

// inZone makes a window follow the calendar of its zone. Parts of a day lie as
// they do in UTC, so they must be the same in both.
func inZone(spec *windows.Spec, w *ast.Window) error {
	zone, err := types.Zone(w.Zone.Text)
	if err != nil {
		d := diag.New(diag.BadWindow, w.Zone.At, "there is no time zone `%s`", w.Zone.Text)
		if near := diag.Suggest(w.Zone.Text, types.ZoneNames()); near != "" {
			return d.WithHint("did you mean '%s'?", near)
		}
		return d.WithHint("write a name such as 'Europe/Berlin', or an offset such as '+02:00'")
	}
	const day = 24 * time.Hour
	if spec.SizeMonths == 0 && spec.Size%day != 0 {
		for _, d := range []time.Duration{spec.Slide, spec.Size} {
			if err := windows.Fits(w.Zone.Text, d); err != nil {
				return diag.New(diag.BadWindow, w.At, "windows of a part of a day are fixed, and these begin at other times on the clock of the zone: %s", err).
					WithHint("leave the zone out, and move the windows by an offset, for example INTERVAL 30 MINUTE; or take whole days")
			}
		}
		return nil
	}
	spec.Zone = zone.String()
	return nil
}

// length returns the length of an interval: months, or a duration.
func length(v *ast.Interval) (d time.Duration, months int64, err error) {
	if v.Months != 0 && v.Micros != 0 {
		return 0, 0, diag.New(diag.BadWindow, v.At, "months differ in length, so they cannot be added to days here").
			WithHint("write months or years alone")
	}
	if v.Months > 12*10_000 || v.Months < -12*10_000 {
		return 0, 0, diag.New(diag.BadWindow, v.At, "the interval is longer than 10,000 years")
	}
	d, err = fixed(&ast.Interval{Node: v.Node, Text: v.Text, Micros: v.Micros, Value: v.Value})
	return d, v.Months, err
}

// fixed returns the length of an interval that has the same one everywhere.
func fixed(v *ast.Interval) (time.Duration, error) {
	if v.Value != nil {
		return 0, diag.New(diag.BadWindow, v.At, "the length of a window is a constant").
			WithHint("write INTERVAL 1 MINUTE or the like")
	}
	if v.Months != 0 {
		return 0, diag.New(diag.BadWindow, v.At, "months and years differ in length").
			WithHint("use DAY or WEEK here")
	}
	if v.Micros > math.MaxInt64/1000 || v.Micros < -math.MaxInt64/1000 {
		return 0, diag.New(diag.BadWindow, v.At, "the interval is longer than 292 years")
	}
	return time.Duration(v.Micros) * time.Microsecond, nil
}

func checkSpec(s windows.Spec, w *ast.Window) error {
	bad := func(format string, args ...any) *diag.Error { return diag.New(diag.BadWindow, w.At, format, args...) }
	size, slide, offset := physical.FormatLength(s.SizeMonths, s.Size), physical.FormatLength(s.SlideMonths, s.Slide), physical.FormatLength(s.OffsetMonths, s.Offset)
	step := "slide"
	if s.Kind == windows.Cumulate {
		step = "step"
	}
	months := func(n int64, d time.Duration) time.Duration { // at least as long, to compare
		return time.Duration(n)*28*24*time.Hour + d
	}
	const mostMonths = 120 * 12 // of 28 days: what a duration can tell
	switch {
	case s.SizeMonths <= 0 && s.Size <= 0:
		return bad("the size of a window must be positive, this is %s", size)
	case s.SlideMonths <= 0 && s.Slide <= 0:
		return bad("the %s of a window must be positive, this is %s", step, slide)
	case s.SizeMonths > mostMonths && s.OffsetMonths == 0:
		return nil
	case s.SizeMonths > 0 && s.OffsetMonths != 0 && (s.OffsetMonths >= s.SizeMonths || s.OffsetMonths <= -s.SizeMonths),
		s.SizeMonths == 0 && s.OffsetMonths != 0,
		s.OffsetMonths == 0 && max(s.Offset, -s.Offset) >= months(s.SizeMonths, s.Size):
		return bad("the offset %s is not smaller than the size %s", offset, size).
			WithHint("an offset moves the windows by a part of their size")
	case s.Kind == windows.Cumulate && s.SizeMonths == 0 && s.SlideMonths == 0 && s.Size%s.Slide != 0:
		return bad("the size %s is no multiple of the step %s", size, slide).
			WithHint("a window grows by whole steps up to its size")
	case s.Kind != windows.Cumulate && s.SizeMonths == 0 && s.SlideMonths == 0 && (s.Size-1)/s.Slide+1 > overlapMax:
		return bad("a row would count in %d windows of %s every %s, more than %d", (s.Size-1)/s.Slide+1, size, slide, overlapMax).
			WithHint("take a longer slide")
	}
	return nil
}

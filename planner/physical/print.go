package physical

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/operators/stream"
	"weir/windows"
)

// Print returns the plan as an indented tree for EXPLAIN: one node a line, its
// input below it, then what is known of the result and notes about what it costs.
func Print(p *Plan) string {
	var b strings.Builder
	tree(&b, p.Root, 0)
	b.WriteString("-- " + result(p) + "\n")
	for _, note := range notes(p) {
		b.WriteString("-- note: " + note + "\n")
	}
	return b.String()
}

func tree(b *strings.Builder, n Node, depth int) {
	fmt.Fprintf(b, "%s%s\n", strings.Repeat("  ", depth), strings.TrimRight(Describe(n), " "))
	for _, in := range Inputs(n) {
		tree(b, in, depth+1)
	}
}

// result says what kind of relation the output is.
func result(p *Plan) string {
	schema := p.Root.Schema()
	var parts []string
	if p.Bounded {
		parts = append(parts, "bounded")
	} else {
		parts = append(parts, "continuous")
	}
	switch {
	case p.AppendOnly:
		parts = append(parts, "append-only")
	case p.Emit == EmitUpdates:
		parts = append(parts, "changelog, shown as the last row of each key")
	default:
		parts = append(parts, "changelog")
	}
	if p.Every > 0 {
		parts = append(parts, "leaves every "+FormatDuration(p.Every))
	}
	switch {
	case p.Key == nil:
		parts = append(parts, "no key")
	case len(p.Key) == 0:
		parts = append(parts, "one row")
	default:
		names := make([]string, len(p.Key))
		for i, k := range p.Key {
			names[i] = schema[k].Name
		}
		parts = append(parts, "key ("+strings.Join(names, ", ")+")")
	}
	if p.TimeColumn >= 0 {
		parts = append(parts, "time "+schema[p.TimeColumn].Name)
	}
	return strings.Join(parts, "; ")
}

// notes says what a reader of the plan should know about its state and output.
func notes(p *Plan) []string {
	var nodes []Node
	Walk(p.Root, func(n Node) { nodes = append(nodes, n) })
	slices.Reverse(nodes)
	var out []string
	for _, n := range nodes {
		switch n := n.(type) {
		case *WindowFinal:
			switch {
			case n.Window.Kind == windows.None && n.Updates && len(n.KeyNames) > 0:
				out = append(out, fmt.Sprintf("unbounded state: one row for each (%s), kept for ever; a window in GROUP BY bounds it", strings.Join(n.KeyNames, ", ")))
			case n.Window.Kind == windows.None && len(n.KeyNames) > 0:
				out = append(out, fmt.Sprintf("unbounded state: one entry for each (%s) until the input ends", strings.Join(n.KeyNames, ", ")))
			case n.Window.Kind == windows.Count && len(n.KeyNames) > 0:
				out = append(out, fmt.Sprintf("unbounded state: less than %d rows for each (%s), kept for ever", n.Window.Rows, strings.Join(n.KeyNames, ", ")))
			case n.Window.Sliced():
				if each := overlap(n.Window); each > 1 {
					upTo := ""
					if n.Window.Kind == windows.Cumulate {
						upTo = "up to "
					}
					out = append(out, fmt.Sprintf("each row counts in %s%d windows", upTo, each))
				}
			}
			out = append(out, n.kept()...)
		case *Fill:
			out = append(out, "each group is filled as long as the query runs, so its last row is kept for ever")
		case *Sort:
			if n.Limit < 0 {
				out = append(out, "unbounded state: the sort keeps every row until the input ends")
			}
		}
	}
	return out
}

// kept says which aggregates keep their rows.
func (w *WindowAgg) kept() (out []string) {
	for i, a := range w.Aggs {
		why := "keeps the different rows of each group"
		switch {
		case !a.Bag(w.Retracts):
			continue
		case a.Fn == AggRows:
			out = append(out, "the rows of each session are kept until it closes")
			continue
		case !a.Traits().Rows:
			why = "keeps the rows of each group, because the input takes rows back"
		case a.limited() && !w.Retracts:
			why = "keeps the rows of each group that fill 1 MiB"
		}
		out = append(out, fmt.Sprintf("%s %s", FormatName(w.AggNames[i]), why))
	}
	return out
}

// Describe returns one node on one line, without its input.
func Describe(n Node) string {
	switch n := n.(type) {
	case *Scan:
		return n.describe()
	case *Filter:
		return "Filter " + Format(n.Pred)
	case *Project:
		return "Project " + n.describe()
	case *WindowRows:
		return "WindowRows " + FormatWindow(n.Window) + " on " + Format(n.Time)
	case *Late:
		return n.Describe()
	case *Failed:
		return n.Describe()
	case *WindowPartial:
		return "WindowPartial " + n.describe(n.In.Schema(), n.TimeCol)
	case *Exchange:
		return "Exchange"
	case *Union:
		return "Union"
	case *Expand:
		return n.describe()
	case *Stamp:
		switch {
		case n.Hold == HoldToEnd:
			return "Stamp $w, which waits for the end"
		case n.Hold > 0:
			return "Stamp $w held back " + FormatDuration(n.Hold)
		}
		return "Stamp $w"
	case *WindowFinal:
		return "WindowFinal " + n.describe(nil, -1)
	case *Fill:
		out := "Fill " + fillWords()[n.Mode]
		for i, v := range n.Values {
			out += []string{" ", ", "}[min(i, 1)] + Format(v)
		}
		return out
	case *Sort:
		return n.describe()
	case *Limit:
		return fmt.Sprintf("Limit %d%s", n.Count, offset(n.Offset))
	}
	return fmt.Sprintf("%T", n)
}

func (s *Scan) describe() string {
	var b strings.Builder
	b.WriteString("Scan " + [...]string{"stream ", "file ", "view ", "one row"}[s.Kind] + s.Relation)
	b.WriteString(" [" + strings.Join(s.Schema().Names(), ", ") + "]")
	if s.EventTime != nil {
		b.WriteString(" event time " + Format(s.EventTime))
	}
	if s.Watermark != nil {
		b.WriteString(" watermark " + Format(s.Watermark))
	}
	if s.IdleTimeout > 0 {
		b.WriteString(" idle after " + FormatDuration(s.IdleTimeout))
	}
	if s.FromOldest {
		b.WriteString(" from its oldest record on")
	}
	return b.String()
}

func (e *Expand) describe() string {
	schema := e.In.Schema()
	sets := make([]string, len(e.Sets))
	for i, bits := range e.Sets {
		var names []string
		for j, k := range e.Keys {
			if bits>>j&1 == 1 {
				names = append(names, schema[k].Name)
			}
		}
		sets[i] = "(" + strings.Join(names, ", ") + ")"
	}
	return "Expand " + strings.Join(sets, " ")
}

func (p *Project) describe() string {
	parts := make([]string, len(p.Exprs))
	for i, e := range p.Exprs {
		parts[i] = Format(e)
		if parts[i] != FormatName(p.Names[i]) {
			parts[i] += " AS " + FormatName(p.Names[i])
		}
	}
	return strings.Join(parts, ", ")
}

// describe prints a windowed aggregation; in is what the keys and arguments
// are columns of, nil to print names alone.
func (w *WindowAgg) describe(in stream.Schema, timeCol int) string {
	var b strings.Builder
	b.WriteString(FormatWindow(w.Window))
	if timeCol >= 0 {
		b.WriteString(" on " + in[timeCol].Name)
	}
	if w.Lateness > 0 {
		b.WriteString(" lateness " + FormatDuration(w.Lateness))
	}
	if w.Updates {
		b.WriteString(" updates")
	}
	if w.Retracts {
		b.WriteString(" retracts")
	}
	if len(w.KeyNames) > 0 {
		b.WriteString(" keys (" + strings.Join(w.KeyNames, ", ") + ")")
	}
	if len(w.AggNames) > 0 {
		aggs := make([]string, len(w.Aggs))
		for i, a := range w.Aggs {
			if aggs[i] = w.AggNames[i]; in != nil {
				aggs[i] = a.describe(in)
			}
		}
		b.WriteString(" aggs (" + strings.Join(aggs, ", ") + ")")
	}
	return b.String()
}

func (a Agg) describe(in stream.Schema) string {
	var b strings.Builder
	if a.Fn.Marks() {
		return string(a.Fn)
	}
	inputs := a.Inputs()
	args, order := inputs[:len(inputs)-len(a.Order)], inputs[len(inputs)-len(a.Order):]
	if a.Fn == AggCountStar {
		b.WriteString("count(*")
	} else {
		b.WriteString(string(a.Fn) + "(")
	}
	if a.Distinct {
		b.WriteString("distinct ")
	}
	for i, c := range args {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(in[c].Name)
	}
	if a.Quantile != 0 {
		fmt.Fprintf(&b, ", %v", a.Quantile)
	}
	if a.K != 0 {
		fmt.Fprintf(&b, ", %d", a.K)
	}
	for i, c := range order {
		b.WriteString([]string{" order by ", ", "}[min(i, 1)] + in[c].Name)
		if a.Order[i] {
			b.WriteString(" desc")
		}
	}
	if a.Separator != "" {
		fmt.Fprintf(&b, " separator %q", a.Separator)
	}
	b.WriteString(")")
	if f := a.FilterColumn(); f >= 0 {
		b.WriteString(" filter (" + in[f].Name + ")")
	}
	return b.String()
}

func (s *Sort) describe() string {
	schema := s.In.Schema()
	parts := make([]string, len(s.Keys))
	for i, k := range s.Keys {
		parts[i] = schema[k.Column].Name
		if k.Desc {
			parts[i] += " DESC"
		}
	}
	out := "Sort " + strings.Join(parts, ", ")
	if s.Limit >= 0 {
		out += fmt.Sprintf(" limit %d", s.Limit)
	}
	return out + offset(s.Offset)
}

func offset(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" offset %d", n)
}

// overlap returns in how many windows a row counts.
func overlap(s windows.Spec) int64 {
	g, err := s.Grid()
	if err != nil {
		return 0
	}
	return g.Overlap()
}

// FormatWindow returns a window clause as EXPLAIN prints it.
func FormatWindow(s windows.Spec) string {
	size, slide := FormatLength(s.SizeMonths, s.Size), FormatLength(s.SlideMonths, s.Slide)
	var out string
	switch s.Kind {
	case windows.None:
		return "none"
	case windows.Tumble:
		out = "tumble size " + size
	case windows.Hop:
		out = "hop size " + size + " slide " + slide
	case windows.Cumulate:
		out = "cumulate to " + size + " step " + slide
	case windows.Session:
		out = "session gap " + FormatDuration(s.Gap)
		if s.Size > 0 {
			out += " max " + size
		}
	case windows.Count:
		out = fmt.Sprintf("count %d rows each %d", s.Rows, s.Every)
	}
	if s.Offset != 0 || s.OffsetMonths != 0 {
		out += " offset " + FormatLength(s.OffsetMonths, s.Offset)
	}
	if s.Zone != "" {
		out += " in " + s.Zone
	}
	return out
}

// FormatLength prints a length that may count months: 1 month, 3 months 2h.
func FormatLength(months int64, d time.Duration) string {
	if months == 0 {
		return FormatDuration(d)
	}
	out := fmt.Sprintf("%d months", months)
	if months == 1 || months == -1 {
		out = fmt.Sprintf("%d month", months)
	}
	if d != 0 {
		out += " " + FormatDuration(d)
	}
	return out
}

// FormatDuration prints a duration in days, hours, minutes and seconds without
// parts that are zero: 1d, 1h30m, 500ms.
func FormatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 0 {
		return "-" + FormatDuration(-d)
	}
	if d == 0 {
		return "0"
	}
	var out string
	if d >= day {
		out = fmt.Sprintf("%dd", d/day)
		d %= day
	}
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}} {
		if d >= u.unit {
			out += fmt.Sprintf("%d%s", d/u.unit, u.name)
			d %= u.unit
		}
	}
	if d > 0 {
		out += d.String()
	}
	return out
}

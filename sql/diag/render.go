package diag

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

const (
	// tabCells is how many cells a tab is drawn with.
	tabCells = 4
	// lineCellsMax is how much of a long line is shown, around the caret.
	lineCellsMax = 110
)

// Render draws the error for a terminal: the message, the line of text with a
// caret under every cell of the span, the label behind the carets and the hint.
// The layout is rustc's (RFC 1644). A zero span draws no line.
func Render(e *Error, text string) string { return render(e, text, plainStyle) }

// RenderColor is Render with ANSI colours.
func RenderColor(e *Error, text string) string { return render(e, text, colorStyle) }

// style holds what is written around the parts.
type style struct{ fault, gutter, help, bold, reset string }

var (
	plainStyle = style{}
	colorStyle = style{fault: "\x1b[1;31m", gutter: "\x1b[1;34m", help: "\x1b[1;36m", bold: "\x1b[1m", reset: "\x1b[0m"}
)

func render(e *Error, text string, st style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%serror[%s]%s%s: %s%s\n", st.fault, e.Code, st.reset, st.bold, clean(e.Message), st.reset)
	if !e.Span.IsZero() {
		snippet(&b, e, text, st)
	} else if e.Label != "" {
		fmt.Fprintf(&b, " %snote%s: %s\n", st.help, st.reset, clean(e.Label))
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " %shelp%s: %s\n", st.help, st.reset, clean(e.Hint))
	}
	return b.String()
}

// snippet draws the line in which the span starts, and the carets under it. A
// span that goes on into the next line is marked to the end of this one.
func snippet(b *strings.Builder, e *Error, text string, st style) {
	start := min(max(e.Span.Start, 0), len(text))
	end := min(max(e.Span.End, start), len(text))
	if start == len(text) { // behind the text: point behind its last visible character
		trimmed := strings.TrimRightFunc(text, unicode.IsSpace)
		start, end = len(trimmed), len(trimmed)
	}
	from := strings.LastIndexByte(text[:start], '\n') + 1
	to := len(text)
	if n := strings.IndexByte(text[start:], '\n'); n >= 0 {
		to = start + n
	}
	line := strings.TrimSuffix(text[from:to], "\r")
	v := view(line, start-from, min(end-from, len(line)))
	number := strconv.Itoa(1 + strings.Count(text[:from], "\n"))
	pad := strings.Repeat(" ", len(number))
	fmt.Fprintf(b, "  %s%s |%s %s\n", st.gutter, number, st.reset, v.line)
	fmt.Fprintf(b, "  %s%s |%s %s%s%s", st.gutter, pad, st.reset, strings.Repeat(" ", v.indent), st.fault, strings.Repeat("^", v.carets))
	if e.Label != "" {
		b.WriteString(" " + clean(e.Label))
	}
	b.WriteString(st.reset + "\n")
}

// drawn is a line as it is shown.
type drawn struct {
	line           string
	indent, carets int // cells
}

// view draws a line, and cuts a long one to what is around the span.
func view(line string, start, end int) drawn {
	var d drawn
	var cells []string // what each rune is drawn as
	var widths []int
	first, last, col := -1, -1, 0
	for i, r := range line {
		s, w := cell(r)
		if i >= start && first < 0 {
			first = len(cells)
		}
		if i < end {
			last = len(cells)
		}
		cells, widths = append(cells, s), append(widths, w)
		col += max(w, 1)
	}
	if first < 0 {
		first = len(cells)
	}
	lo, hi := crop(widths, first, col)
	var b strings.Builder
	if lo > 0 {
		b.WriteString("…")
		d.indent = 1
	}
	for i := lo; i < hi; i++ {
		b.WriteString(cells[i])
		switch {
		case i < first:
			d.indent += widths[i]
		case i <= last:
			d.carets += widths[i]
		}
	}
	if hi < len(cells) {
		b.WriteString("…")
	}
	d.line = b.String()
	d.carets = max(d.carets, 1)
	return d
}

// crop returns the runes [lo, hi) of a line that are shown. Rune at is where the
// span starts, total the length of the whole line. Here a rune without a cell of
// its own counts as one, so that a pile of accents is cut, too.
func crop(widths []int, at, total int) (lo, hi int) {
	if total <= lineCellsMax {
		return 0, len(widths)
	}
	lo = at
	for before := 0; lo > 0 && before+max(widths[lo-1], 1) <= lineCellsMax/2; lo-- {
		before += max(widths[lo-1], 1)
	}
	hi = lo
	for shown := 0; hi < len(widths) && shown+max(widths[hi], 1) <= lineCellsMax; hi++ {
		shown += max(widths[hi], 1)
	}
	return lo, hi
}

// cell returns how a character is drawn and how many cells it takes. Control
// characters never reach the terminal.
func cell(r rune) (string, int) {
	switch {
	case r == '\t':
		return strings.Repeat(" ", tabCells), tabCells
	case r == utf8.RuneError || unicode.IsControl(r):
		return "\uFFFD", 1
	case unicode.Is(unicode.Cf, r): // invisible; some turn the direction of writing
		return "\u00B7", 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return string(r), 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return string(r), 2
	}
	return string(r), 1
}

// clean draws a message on one line.
func clean(s string) string {
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case odd(r):
			return '\uFFFD'
		}
		return r
	}, s)
}

func odd(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

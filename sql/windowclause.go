package sql

import (
	"strconv"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// ksqlWindow reads WINDOW TUMBLING (…), HOPPING (…) or SESSION (…) behind a table,
// as ksqlDB writes them. The window becomes an entry of GROUP BY.
func (pp *prepass) ksqlWindow() error {
	first := pp.pos
	pp.pos++ // WINDOW
	kind := pp.peek()
	w := &ast.Window{}
	start := pp.pos
	pp.pos += 2 // TUMBLING (
	var err error
	if kind.is("SESSION") {
		w.Kind = ast.Session
		w.Gap, err = pp.positive("the gap")
	} else {
		err = pp.ksqlSize(w, kind)
	}
	if err != nil {
		return err
	}
	for pp.accept(",") {
		if err := pp.ksqlOption(); err != nil {
			return err
		}
	}
	if err := pp.expect(")"); err != nil {
		return err
	}
	w.Node = pp.parser.from(start)
	pp.takeOut(first, w, "the window of ksqlDB is an entry of GROUP BY")
	return nil
}

// takeOut removes the tokens from first on, which say that there is a window.
func (pp *prepass) takeOut(first int, w *ast.Window, why string) {
	at := pp.spanFrom(first)
	pp.note(at, strings.Repeat(" ", at.End-at.Start), why)
	pp.frag.groups = append(pp.frag.groups, w)
	pp.unseen, pp.frag.unseen = true, at.End
}

func (pp *prepass) ksqlSize(w *ast.Window, kind token) error {
	if err := pp.expect("SIZE"); err != nil {
		return err
	}
	var err error
	if w.Size, err = pp.positive("the size"); err != nil || kind.is("TUMBLING") {
		return err
	}
	w.Kind, w.Named = ast.Hop, true
	if err := pp.expect(",", "ADVANCE", "BY"); err != nil {
		return err
	}
	w.Slide, err = pp.positive("the advance")
	return err
}

// ksqlOption reads GRACE PERIOD or RETENTION.
func (pp *prepass) ksqlOption() error {
	first, t := pp.pos, pp.peek()
	switch {
	case pp.accept("GRACE", "PERIOD") && pp.grace == nil:
		var err error
		pp.grace, err = pp.notNegative("the grace period")
		return err
	case pp.accept("RETENTION") && pp.retention == nil:
		iv, err := pp.positive("the retention")
		if err != nil {
			return err
		}
		if iv.Months != 0 {
			return unsupported(iv.At, "write it in days", "a retention of months is not supported")
		}
		pp.retention = &ast.Option{
			Node:  ast.Node{At: pp.spanFrom(first)},
			Name:  ast.Name{Node: ast.Node{At: t.span()}, Text: "retention"},
			Value: ast.Name{Node: iv.Node, Text: duration(iv.Micros)},
		}
		return nil
	}
	pp.pos = first
	return pp.expectedOneOf("GRACE PERIOD", "RETENTION")
}

// duration spells microseconds as options take them: 90s, 24h, 7d.
func duration(micros int64) string {
	for _, u := range [...]struct {
		micros int64
		name   string
	}{{86_400_000_000, "d"}, {3_600_000_000, "h"}, {60_000_000, "m"}, {1_000_000, "s"}, {1_000, "ms"}} {
		if micros%u.micros == 0 {
			return strconv.FormatInt(micros/u.micros, 10) + u.name
		}
	}
	return strconv.FormatInt(micros, 10) + "us"
}

// windowedBy reads WINDOWED BY STAGGER (PARTITION BY k, … RANGE INTERVAL '1' MINUTE),
// which stands in the place of GROUP BY.
func (pp *prepass) windowedBy() error {
	first := pp.pos
	pp.pos += 2
	start := pp.pos
	if err := pp.expect("STAGGER", "("); err != nil {
		return err
	}
	w := &ast.Window{Kind: ast.Stagger}
	var keys []ast.Expr
	if pp.accept("PARTITION", "BY") {
		var err error
		if keys, err = pp.staggerKeys(); err != nil {
			return err
		}
	}
	if err := pp.expect("RANGE"); err != nil {
		return err
	}
	if !pp.startsLength() {
		return pp.expected("INTERVAL").WithHint("write RANGE INTERVAL '1' MINUTE")
	}
	var err error
	if w.Size, err = pp.length(); err != nil {
		return err
	}
	if err := pp.expect(")"); err != nil {
		return err
	}
	w.Node = pp.parser.from(start)
	pp.frag.groups = append(pp.frag.groups, keys...)
	pp.takeOut(first, w, "a stagger window is an entry of GROUP BY, and so are its keys")
	return nil
}

func (pp *prepass) staggerKeys() ([]ast.Expr, error) {
	var keys []ast.Expr
	for {
		end, depth := pp.pos, 0
		for ; end < pp.end; end++ {
			t := pp.at(end)
			if depth == 0 && (t.is(",") || t.is("RANGE") || t.is(")")) {
				break
			}
			switch {
			case t.is("("):
				depth++
			case t.is(")"):
				depth--
			}
		}
		if end == pp.pos {
			return nil, pp.expected("an expression behind PARTITION BY")
		}
		e, err := pp.inner(end)
		if err != nil {
			return nil, err
		}
		keys = append(keys, e)
		if !pp.accept(",") {
			return keys, nil
		}
	}
}

func refusedWindowNames(at diag.Span) error {
	return unsupported(at, "write GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)", "the WINDOW clause with names for OVER is not supported")
}

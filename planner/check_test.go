package planner_test

import (
	"bytes"
	"testing"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// checkPlan fails if a plan breaks the contract with the engine: columns that do
// not exist or have another type, functions that got the wrong kinds, two
// exchanges, hidden columns that nobody asked for.
func checkPlan(t testing.TB, p *physical.Plan) {
	t.Helper()
	checkEncoding(t, p)
	exchanges, windowed, wantsW := 0, false, false
	for n := p.Root; n != nil; n = n.Input() {
		var in stream.Schema
		if n.Input() != nil {
			in = n.Input().Schema()
		}
		switch n := n.(type) {
		case *physical.Scan:
			checkScan(t, n, wantsW)
		case *physical.Filter:
			checkExpr(t, in, n.Pred)
			if n.Pred.Type() != types.BooleanType {
				t.Errorf("a filter's predicate is a %s", n.Pred.Type())
			}
		case *physical.Project:
			for _, e := range n.Exprs {
				checkExpr(t, in, e)
			}
		case *physical.Exchange:
			exchanges++
		case *physical.WindowFinal:
			windowed = true
		case *physical.WindowPartial:
			wantsW = n.Window.Kind != windows.None
			checkPartial(t, n, in)
		case *physical.Sort:
			for _, k := range n.Keys {
				if k.Column < 0 || k.Column >= len(in) {
					t.Errorf("a sort key is column %d of %d", k.Column, len(in))
				}
			}
		}
	}
	if exchanges > 1 || windowed && exchanges != 1 {
		t.Errorf("the plan has %d exchanges", exchanges)
	}
	for _, k := range p.Key {
		if k < 0 || k >= len(p.Root.Schema()) {
			t.Errorf("key column %d of %d", k, len(p.Root.Schema()))
		}
	}
}

func checkScan(t testing.TB, s *physical.Scan, wantsW bool) {
	t.Helper()
	if len(s.Columns) != len(s.Fields) {
		t.Errorf("a scan of %d columns has %d fields", len(s.Columns), len(s.Fields))
	}
	hasW := false
	for _, h := range s.Hidden {
		hasW = hasW || h == physical.HiddenW
	}
	if hasW != wantsW {
		t.Errorf("the scan delivers $w: %v, somebody reads it: %v", hasW, wantsW)
	}
	for _, e := range []physical.Expr{s.EventTime, s.Watermark} {
		if e != nil {
			checkExpr(t, s.Schema(), e)
			if e.Type().Kind != types.Datetime {
				t.Errorf("a scan's time is a %s", e.Type())
			}
		}
	}
}

func checkPartial(t testing.TB, w *physical.WindowPartial, in stream.Schema) {
	t.Helper()
	if w.Window.Kind != windows.None {
		if in[w.TimeCol].Type.Kind != types.Datetime || in[w.WCol].Type.Kind != types.Datetime {
			t.Errorf("time is a %s, w is a %s", in[w.TimeCol].Type, in[w.WCol].Type)
		}
	}
	for i, k := range w.Keys {
		if in[k].Type != w.KeyTypes[i] {
			t.Errorf("key %s is a %s, not a %s", w.KeyNames[i], in[k].Type, w.KeyTypes[i])
		}
	}
	for i, a := range w.Aggs {
		for j, c := range a.Args {
			if in[c].Type != a.In[j] {
				t.Errorf("argument %d of %s is a %s, not a %s", j, w.AggNames[i], in[c].Type, a.In[j])
			}
		}
	}
}

// checkExpr checks columns and the kinds of arguments.
func checkExpr(t testing.TB, in stream.Schema, e physical.Expr) {
	t.Helper()
	switch e := e.(type) {
	case *physical.Column:
		if e.Index < 0 || e.Index >= len(in) {
			t.Errorf("column %d of %d", e.Index, len(in))
		} else if in[e.Index].Type != e.T || in[e.Index].Name != e.Name && e.Name[0] != '$' {
			t.Errorf("column %s %s is %s %s in the input", e.Name, e.T, in[e.Index].Name, in[e.Index].Type)
		}
	case *physical.Call:
		for _, a := range e.Args {
			checkExpr(t, in, a)
		}
		checkKinds(t, e)
	}
}

// checkKinds checks the functions whose arguments must agree.
func checkKinds(t testing.TB, c *physical.Call) {
	t.Helper()
	same := func(args []physical.Expr) {
		for _, a := range args {
			if a.Type().Kind != args[0].Type().Kind {
				t.Errorf("%s has arguments of kinds %s and %s", physical.Format(c), args[0].Type(), a.Type())
			}
		}
	}
	boolean := func(args ...physical.Expr) {
		for _, a := range args {
			if a.Type().Kind != types.Boolean {
				t.Errorf("%s has a %s for a condition", physical.Format(c), a.Type())
			}
		}
	}
	switch c.Fn {
	case "+", "-", "*", "/", "div", "%":
		for _, a := range c.Args {
			if !a.Type().IsInteger() || !c.Args[0].Type().IsInteger() { // BIGINT goes with BIGINT UNSIGNED
				same(c.Args)
			}
		}
	case "=", "<>", "<", "<=", ">", ">=", "<=>", "in", "coalesce", "greatest", "least", "nullif":
		same(c.Args)
	case "and", "or", "xor", "not", "is_true", "is_false":
		boolean(c.Args...)
	case "if":
		boolean(c.Args[0])
		same(c.Args[1:])
	case "case":
		var values []physical.Expr
		for i := 0; i+1 < len(c.Args); i += 2 {
			boolean(c.Args[i])
			values = append(values, c.Args[i+1])
		}
		same(append(values, c.Args[len(c.Args)-1]))
	}
}

// checkEncoding fails if a plan is not the same after it was stored.
func checkEncoding(t testing.TB, p *physical.Plan) {
	t.Helper()
	text, err := physical.Encode(p)
	if err != nil {
		t.Errorf("encode: %v", err)
		return
	}
	back, err := physical.Decode(text)
	if err != nil {
		t.Errorf("%v in\n%s", err, text)
		return
	}
	if again, err := physical.Encode(back); err != nil || !bytes.Equal(again, text) {
		t.Errorf("error %v; a stored plan is\n%s\nnot\n%s", err, again, text)
	}
	if (p.Key == nil) != (back.Key == nil) {
		t.Error("a stored plan has a key where there was none, or the reverse")
	}
}

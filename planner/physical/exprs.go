package physical

// Equal tells whether two expressions compute the same from the same input.
// Names of columns, which are for printing only, do not count.
func Equal(a, b Expr) bool {
	switch a := a.(type) {
	case *Column:
		b, ok := b.(*Column)
		return ok && a.Index == b.Index && a.T == b.T
	case *Literal:
		b, ok := b.(*Literal)
		return ok && a.T == b.T && a.Value == b.Value
	case *Call:
		b, ok := b.(*Call)
		if !ok || a.Fn != b.Fn || a.T != b.T || len(a.Args) != len(b.Args) {
			return false
		}
		for i := range a.Args {
			if !Equal(a.Args[i], b.Args[i]) {
				return false
			}
		}
		return true
	}
	return a == nil && b == nil
}

// Columns calls f for each column that e reads, as often as it reads it.
func Columns(e Expr, f func(*Column)) {
	switch e := e.(type) {
	case *Column:
		f(e)
	case *Call:
		for _, a := range e.Args {
			Columns(a, f)
		}
	}
}

// Replace returns e with every column replaced by what f returns for it. It
// shares what does not change and never writes to e.
func Replace(e Expr, f func(*Column) Expr) Expr {
	switch e := e.(type) {
	case *Column:
		return f(e)
	case *Call:
		var args []Expr
		for i, a := range e.Args {
			r := Replace(a, f)
			if r != a && args == nil {
				args = append(make([]Expr, 0, len(e.Args)), e.Args[:i]...)
			}
			if args != nil {
				args = append(args, r)
			}
		}
		if args != nil {
			return &Call{Fn: e.Fn, Args: args, T: e.T}
		}
	}
	return e
}

// Conjuncts returns the terms of a chain of ANDs, from left to right.
func Conjuncts(e Expr) []Expr { return appendConjuncts(nil, e) }

func appendConjuncts(out []Expr, e Expr) []Expr {
	c, ok := e.(*Call)
	if !ok || c.Fn != "and" {
		return append(out, e)
	}
	for _, a := range c.Args {
		out = appendConjuncts(out, a)
	}
	return out
}

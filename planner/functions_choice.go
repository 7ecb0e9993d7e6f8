package planner

import (
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// choiceFunctions registers what chooses among its arguments.
func choiceFunctions(m map[string]function) {
	m["COALESCE"] = function{fn: "coalesce", usage: "(a, …)", doc: "The first argument that is not NULL.", min: 1, max: -1, bind: oneOf}
	m["IFNULL"] = function{fn: "coalesce", usage: "(a, b)", doc: "a, or b where a is NULL.", min: 2, max: 2, bind: oneOf}
	m["ISNULL"] = function{fn: "is_null", usage: "(x)", doc: "Whether x is NULL.", min: 1, max: 1, bind: isNull}
	m["INTERVAL"] = function{fn: "interval", usage: "(n, a, b, …)", doc: "How many of the numbers a ≤ b ≤ … are not above n; -1 if n is NULL.", min: 2, max: -1, bind: interval}
	m["NULLIF"] = function{fn: "nullif", usage: "(a, b)", doc: "a, or NULL where a = b.", min: 2, max: 2, bind: nullIf}
	m["IF"] = function{fn: "if", usage: "(condition, a, b)", doc: "a where the condition is true, else b.", min: 3, max: 3, bind: ifElse}
	m["GREATEST"] = function{fn: "greatest", usage: "(a, b, …)", doc: "The greatest argument; NULL if one is NULL.", min: 2, max: -1, bind: extreme}
	m["LEAST"] = function{fn: "least", usage: "(a, b, …)", doc: "The least argument; NULL if one is NULL.", min: 2, max: -1, bind: extreme}
	alias(m, "NVL", "IFNULL")
}

// oneOf binds COALESCE and IFNULL.
func oneOf(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	merged, t, err := merge(c.Name.Text, args)
	if err != nil {
		return nil, err
	}
	if t.Kind == types.Null {
		return merged[0], nil
	}
	return &physical.Call{Fn: f.fn, Args: merged, T: t}, nil
}

// nullIf keeps the type of its first argument, also where the comparison needs another.
func nullIf(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	both, _, err := unify(c.Name.Text, args)
	if err != nil {
		return nil, err
	}
	a := args[0].e
	if physical.Equal(both[0], a) {
		return &physical.Call{Fn: f.fn, Args: both, T: a.Type()}, nil
	}
	same := &physical.Call{Fn: "=", Args: both, T: types.BooleanType}
	return &physical.Call{Fn: "case", Args: []physical.Expr{same, &physical.Literal{T: a.Type()}, a}, T: a.Type()}, nil
}

func ifElse(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	cond, err := truth(args[0])
	if err != nil {
		return nil, err
	}
	merged, t, err := merge(c.Name.Text, args[1:])
	if err != nil {
		return nil, err
	}
	if t.Kind == types.Null {
		return merged[0], nil
	}
	return &physical.Call{Fn: f.fn, Args: append([]physical.Expr{cond}, merged...), T: t}, nil
}

// extreme binds GREATEST and LEAST, which compare and so convert as comparisons do.
func extreme(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	same, t, err := sameType(c.Name.Text, args)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: same, T: t}, nil
}

// sameType brings arguments to the one type in which they are compared.
func sameType(name string, args []operand) ([]physical.Expr, types.Type, error) {
	_, t, err := unify(name, args)
	if err != nil {
		return nil, t, err
	}
	out := make([]physical.Expr, len(args))
	for i, a := range args {
		m, err := meant(a, anchor(args))
		if err != nil {
			return nil, t, err
		}
		out[i] = castTo(m.e, t)
	}
	return out, t, nil
}

func isNull(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if args[0].kind() == types.Interval {
		return nil, diag.New(diag.WrongType, args[0].at, "an INTERVAL is never NULL")
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{args[0].e}, T: types.BooleanType}, nil
}

// interval takes numbers; NULL among the bounds is passed over.
func interval(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	for i, a := range args {
		n, err := number(a, c.Name.Text)
		if err != nil {
			return nil, err
		}
		args[i].e = n
	}
	same, _, err := sameType(c.Name.Text, args)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: same, T: types.BigintType}, nil
}

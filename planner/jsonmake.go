package planner

import (
	"strings"
	"unicode/utf8"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// jsonElement makes JSON of a value that goes into JSON: text is a string there,
// NULL is null.
func jsonElement(o operand, name string) (physical.Expr, error) {
	null := &physical.Literal{T: types.JSONType, Value: "null"}
	e := o.e
	switch o.kind() {
	case types.Interval:
		return nil, diag.New(diag.WrongType, o.at, "%s does not take an INTERVAL", name)
	case types.Null:
		return null, nil
	case types.JSON:
	default:
		e = &physical.Call{Fn: "to_json", Args: []physical.Expr{e}, T: types.JSONType}
	}
	if l, ok := o.e.(*physical.Literal); ok && l.Value != nil {
		return e, nil
	}
	return &physical.Call{Fn: "coalesce", Args: []physical.Expr{e, null}, T: types.JSONType}, nil
}

func jsonArray(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	call := &physical.Call{Fn: f.fn, T: types.JSONType}
	for _, a := range args {
		e, err := jsonElement(a, c.Name.Text)
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, e)
	}
	return call, nil
}

func jsonObject(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if len(args)%2 != 0 {
		return nil, diag.New(diag.WrongArguments, c.At, "JSON_OBJECT takes names and values by turns, this is %d arguments", len(args)).
			WithHint("write JSON_OBJECT('name', value, …)")
	}
	call := &physical.Call{Fn: f.fn, T: types.JSONType}
	for i := 0; i < len(args); i += 2 {
		if args[i].kind() == types.Null {
			return nil, diag.New(diag.WrongType, args[i].at, "the name of a member cannot be NULL")
		}
		name, err := args[i].as(types.Varchar, c.Name.Text)
		if err != nil {
			return nil, err
		}
		v, err := jsonElement(args[i+1], c.Name.Text)
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, name, v)
	}
	return call, nil
}

// jsonAll binds a function whose arguments are JSON, all of them.
func jsonAll(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	call := &physical.Call{Fn: f.fn, T: types.JSONType}
	if f.fn == "json_overlaps" {
		call.T = types.BooleanType
	}
	for _, a := range args {
		e, err := jsonCandidate(a, c.Name.Text)
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, e)
	}
	return call, nil
}

// jsonCandidate makes JSON of a value that is compared with JSON: text is read as
// JSON, numbers and truth values are what they are there.
func jsonCandidate(o operand, name string) (physical.Expr, error) {
	if t := o.e.Type(); t.IsNumeric() || t.Kind == types.Boolean {
		return &physical.Call{Fn: "to_json", Args: []physical.Expr{o.e}, T: types.JSONType}, nil
	}
	return jsonArgument(o, name)
}

// memberOf binds value MEMBER OF (json): the array has an element in common with
// the array of the value alone. NULL is a member of nothing known.
func memberOf(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	doc, err := jsonArgument(args[1], "MEMBER OF")
	if err != nil {
		return nil, err
	}
	e := args[0].e
	switch args[0].kind() {
	case types.Interval:
		return nil, diag.New(diag.WrongType, args[0].at, "MEMBER OF does not take an INTERVAL")
	case types.Null:
		return &physical.Literal{T: types.BooleanType}, nil
	case types.JSON:
	default:
		e = &physical.Call{Fn: "to_json", Args: []physical.Expr{e}, T: types.JSONType}
	}
	list := &physical.Call{Fn: "concat", Args: []physical.Expr{text("["), castTo(e, types.VarcharType), text("]")}, T: types.VarcharType}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{doc, castTo(list, types.JSONType)}, T: types.BooleanType}, nil
}

// jsonContains binds JSON_CONTAINS(json, candidate[, path]).
func jsonContains(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	doc, err := jsonArgument(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	candidate, err := jsonCandidate(args[1], c.Name.Text)
	if err != nil {
		return nil, err
	}
	if len(args) == 3 {
		if _, err := pathArgument(c, 2, args[2], types.ParseJSONPath); err != nil {
			return nil, err
		}
		doc = &physical.Call{Fn: "json_extract", Args: []physical.Expr{doc, args[2].e}, T: types.JSONType}
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{doc, candidate}, T: types.BooleanType}, nil
}

// oneOrAll reads the second argument of JSON_CONTAINS_PATH and JSON_SEARCH.
func oneOrAll(c *ast.Call, o operand) (physical.Expr, error) {
	word, ok := constantText(o.e)
	if word = strings.ToLower(word); !ok || word != "one" && word != "all" {
		return nil, diag.New(diag.WrongArguments, o.at, "%s needs 'one' or 'all' here", c.Name.Text)
	}
	return text(word), nil
}

func jsonContainsPath(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	doc, err := jsonArgument(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	mode, err := oneOrAll(c, args[1])
	if err != nil {
		return nil, err
	}
	call := &physical.Call{Fn: f.fn, Args: []physical.Expr{doc, mode}, T: types.BooleanType}
	for i, a := range args[2:] {
		if _, err := pathArgument(c, i+2, a, types.ParseJSONPaths); err != nil {
			return nil, err
		}
		call.Args = append(call.Args, a.e)
	}
	return call, nil
}

func jsonSearch(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	doc, err := jsonArgument(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	mode, err := oneOrAll(c, args[1])
	if err != nil {
		return nil, err
	}
	if _, ok := constantText(args[2].e); !ok {
		return nil, diag.New(diag.WrongArguments, args[2].at, "the pattern must be written out").
			WithHint("for example JSON_SEARCH(%s, 'all', 'a%%')", nameOf(c.Args[0]))
	}
	escape := physical.Expr(text(""))
	if len(args) == 4 && args[3].kind() != types.Null {
		s, ok := constantText(args[3].e)
		if !ok || utf8.RuneCountInString(s) > 1 {
			return nil, diag.New(diag.WrongArguments, args[3].at, "the escape of a pattern is one character, written out")
		}
		escape = args[3].e
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{doc, mode, args[2].e, escape}, T: types.JSONType}, nil
}

// jsonEdit binds JSON_SET and its kin: a value, then paths each with what goes there.
func jsonEdit(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if len(args)%2 != 1 {
		return nil, diag.New(diag.WrongArguments, c.At, "%s takes JSON, then paths and values by turns", c.Name.Text).
			WithHint("write %s%s", c.Name.Text, f.usage)
	}
	doc, err := jsonArgument(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	call := &physical.Call{Fn: f.fn, Args: []physical.Expr{doc}, T: types.JSONType}
	for i := 1; i < len(args); i += 2 {
		p, err := pathArgument(c, i, args[i], types.ParseJSONPath)
		if err != nil {
			return nil, err
		}
		if f.fn == "json_array_insert" && !p.Element() {
			return nil, diag.New(diag.BadLiteral, args[i].at, "the path of JSON_ARRAY_INSERT ends in an element").
				WithHint("for example '$[0]' or '$.list[2]'")
		}
		v, err := jsonElement(args[i+1], c.Name.Text)
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, args[i].e, v)
	}
	return call, nil
}

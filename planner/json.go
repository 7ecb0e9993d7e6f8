package planner

import (
	"errors"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// jsonPathsMax bounds the paths of a JSON_EXTRACT.
const jsonPathsMax = 32

// jsonArgument makes JSON of an argument: text is read as JSON, and what is none
// is NULL.
func jsonArgument(o operand, name string) (physical.Expr, error) {
	switch o.kind() {
	case types.JSON:
		return o.e, nil
	case types.Varchar, types.Null:
		if text, ok := constantText(o.e); ok {
			if _, valid := types.CompactJSON(nil, []byte(text)); !valid {
				return nil, diag.New(diag.BadLiteral, o.at, "'%s' is not JSON", shorten(text)).
					WithHint("a name of a member goes into the path: %s(column, '$.name')", name)
			}
		}
		return castTo(o.e, types.JSONType), nil
	}
	return nil, notJSON(o, name)
}

func notJSON(o operand, name string) *diag.Error {
	e := diag.New(diag.WrongType, o.at, "%s takes JSON, this is a %s", name, o.e.Type())
	if o.kind() == types.Varbinary {
		return e.WithHint("write CAST(… AS VARCHAR) for bytes that are text; a stream WITH (raw = '…', format = 'json') has the members as columns")
	}
	return e
}

// jsonPaths binds a function of JSON and paths, which are read here: a wrong one
// is an error of the statement.
func jsonPaths(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	doc, err := jsonArgument(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	out := []physical.Expr{doc}
	for i, a := range args[1:] {
		read := types.ParseJSONPath
		if f.fn == "json_extract" {
			read = types.ParseJSONPaths
		}
		p, err := pathArgument(c, i+1, a, read)
		if err != nil {
			return nil, err
		}
		if f.fn == "json_remove" && p.Root() {
			return nil, diag.New(diag.BadLiteral, a.at, "$ is the whole value, which cannot be removed")
		}
		out = append(out, a.e)
	}
	t := types.JSONType
	switch f.fn {
	case "json_value":
		t = types.VarcharType
	case "json_length":
		t = types.BigintType
	}
	return &physical.Call{Fn: f.fn, Args: out, T: t}, nil
}

// pathArgument reads the path that argument i of c is.
func pathArgument(c *ast.Call, i int, a operand, read func(string) (types.JSONPath, error)) (types.JSONPath, error) {
	path, ok := constantText(a.e)
	if !ok {
		return types.JSONPath{}, diag.New(diag.WrongArguments, a.at, "the path must be written out").
			WithHint("for example %s(%s, '$.name')", c.Name.Text, nameOf(c.Args[0]))
	}
	p, err := read(path)
	if err != nil {
		return p, badPath(c.Args[i], path, err)
	}
	return p, nil
}

// badPath points into the literal, where it was written without escapes.
func badPath(e ast.Expr, path string, err error) error {
	at := e.Span()
	var p *types.JSONPathError
	if !errors.As(err, &p) {
		return diag.New(diag.BadLiteral, at, "%s", err)
	}
	if at.End-at.Start == len(path)+2 {
		at.Start, at.End = at.Start+1+p.Start, at.Start+1+max(p.End, p.Start+1)
	}
	out := diag.New(diag.BadLiteral, at, "%s", p.Message)
	if p.Hint != "" {
		out = out.WithHint("%s", p.Hint)
	}
	return out
}

func jsonOf(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	doc, err := jsonArgument(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	t := types.VarcharType
	if f.fn == "json_depth" {
		t = types.BigintType
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{doc}, T: t}, nil
}

// jsonUnquote binds JSON_UNQUOTE. Of a text it takes off the quotes only if there
// are any, as MySQL does.
func jsonUnquote(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if k := args[0].kind(); k != types.JSON && k != types.Varchar && k != types.Null {
		return nil, notJSON(args[0], c.Name.Text)
	}
	return unquoted(args[0].e), nil
}

// unquoted returns JSON_UNQUOTE(e).
func unquoted(e physical.Expr) physical.Expr {
	return &physical.Call{Fn: "json_unquote", Args: []physical.Expr{e}, T: types.VarcharType}
}

func jsonValid(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	switch args[0].kind() {
	case types.JSON, types.Varchar:
		return &physical.Call{Fn: f.fn, Args: []physical.Expr{args[0].e}, T: types.BooleanType}, nil
	case types.Null:
		return &physical.Literal{T: types.BooleanType}, nil
	case types.Interval:
		return nil, diag.New(diag.WrongType, args[0].at, "%s does not take an INTERVAL", c.Name.Text)
	}
	return nil, diag.New(diag.WrongType, args[0].at, "%s takes text, this is a %s", c.Name.Text, args[0].e.Type())
}

// noJSON refuses JSON where values are compared as wholes: it is text that can be
// written in many ways.
func noJSON(e physical.Expr, at diag.Span, what string) error {
	if e.Type().Kind != types.JSON {
		return nil
	}
	return diag.New(diag.WrongType, at, "%s JSON is not supported", what).
		WithLabel("JSON").
		WithHint("take a value out of it: json->>'$.name' is text, and CAST(… AS BIGINT) makes a number of that")
}

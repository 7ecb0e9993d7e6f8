package sql

import (
	"strconv"

	"weir/sql/diag"
	"weir/sql/types"
)

const typesHint = "the types are BIGINT, DOUBLE, DECIMAL(p,s), VARCHAR[(n)], BOOLEAN, DATETIME[(0-6)], DATE, JSON"

var typeNames = []string{"BIGINT", "INT", "INTEGER", "DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMERIC", "VARCHAR", "TEXT", "STRING", "BOOLEAN", "BOOL", "DATETIME", "TIMESTAMP", "DATE", "JSON"}

// dataType reads a type. inCast takes the names that only CAST knows, too.
func (p *parser) dataType(inCast bool) (types.Type, error) {
	t := p.peek()
	if t.kind != tokWord {
		return types.Type{}, p.expected("a type").WithHint(typesHint)
	}
	p.pos++
	switch t.word {
	case "BIGINT", "INT", "INTEGER", "INT8", "INT4":
		return types.BigintType, p.noArgument(t, "UNSIGNED", "SIGNED", "ZEROFILL")
	case "SIGNED":
		if inCast {
			p.accept("INTEGER")
			return types.BigintType, p.noArgument(t)
		}
	case "DOUBLE":
		p.accept("PRECISION")
		return types.DoubleType, p.noArgument(t, "UNSIGNED")
	case "FLOAT", "REAL", "FLOAT8":
		return types.DoubleType, p.noArgument(t, "UNSIGNED")
	case "TEXT", "STRING":
		return types.VarcharType, p.noArgument(t)
	case "VARCHAR":
		return p.varchar()
	case "CHAR":
		if inCast {
			return p.varchar()
		}
	case "BOOLEAN", "BOOL":
		return types.BooleanType, p.noArgument(t)
	case "DATE":
		return types.DateType, p.noArgument(t)
	case "JSON":
		return types.JSONType, p.noArgument(t)
	case "DATETIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_LTZ":
		return p.datetime(t)
	case "DECIMAL", "NUMERIC", "DEC":
		return p.decimalType()
	}
	return types.Type{}, p.refuseType(t)
}

// refuseType explains a type that weir does not have.
func (p *parser) refuseType(t token) *diag.Error {
	code, message := diag.Unsupported, "the type `%s` is not supported"
	hint := typesHint
	switch t.word {
	case "TINYINT":
		hint = "write BIGINT, or BOOLEAN for TINYINT(1)"
	case "SMALLINT", "MEDIUMINT", "INT2", "SIGNED", "UNSIGNED", "SERIAL":
		hint = "write BIGINT: integers have 64 bits"
	case "CHAR", "NCHAR", "NVARCHAR", "CHARACTER", "ENUM", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT":
		hint = "write VARCHAR or VARCHAR(n)"
	case "JSONB", "ARRAY", "MAP", "ROW", "STRUCT", "MULTISET", "OBJECT":
		hint = "write JSON: it holds objects and arrays"
	case "TIME", "YEAR":
		hint = "write DATETIME, VARCHAR or BIGINT"
	case "BLOB", "BINARY", "VARBINARY", "BYTES", "BYTEA", "BIT":
		hint = "write VARCHAR: values are UTF-8 text"
	default:
		if s := diag.Suggest(t.word, typeNames); s != "" {
			return diag.New(diag.Syntax, t.span(), "unknown type `%s`", p.raw(t)).WithLabel("did you mean %s?", s).WithHint(typesHint)
		}
		code, message = diag.Syntax, "expected a type, found `%s`"
	}
	return diag.New(code, t.span(), message, p.raw(t)).WithHint("%s", hint)
}

// noArgument refuses what stands behind a type that has no parameter.
func (p *parser) noArgument(t token, words ...string) error {
	n := p.peek()
	if n.is("(") {
		return diag.New(diag.Unsupported, n.span(), "%s takes no length", t.word).WithHint("write %s", t.word)
	}
	for _, w := range words {
		if n.is(w) {
			return diag.New(diag.Unsupported, n.span(), "%s is not supported", w).WithHint("write %s: numbers are signed", t.word)
		}
	}
	return nil
}

// argument reads `( n` and returns n and its token.
func (p *parser) argument() (int, token, error) {
	p.pos++
	t := p.peek()
	n, err := strconv.ParseInt(p.raw(t), 10, 32)
	if t.kind != tokNumber || err != nil {
		return 0, t, p.expected("a whole number")
	}
	p.pos++
	return int(n), t, nil
}

func (p *parser) varchar() (types.Type, error) {
	if !p.peek().is("(") {
		return types.VarcharType, nil
	}
	n, t, err := p.argument()
	if err != nil {
		return types.Type{}, err
	}
	if n == 0 {
		return types.Type{}, diag.New(diag.BadLiteral, t.span(), "a VARCHAR of 0 characters holds nothing").WithHint("write VARCHAR for any length")
	}
	return types.VarcharOf(n), p.expect(")")
}

func (p *parser) datetime(t token) (types.Type, error) {
	precision := 0
	if p.peek().is("(") {
		n, at, err := p.argument()
		if err != nil {
			return types.Type{}, err
		}
		if n > 6 {
			return types.Type{}, diag.New(diag.BadLiteral, at.span(), "%s(%d): times have 0 to 6 fractional digits", t.word, n).
				WithHint("write DATETIME(6) for microseconds")
		}
		if err := p.expect(")"); err != nil {
			return types.Type{}, err
		}
		precision = n
	}
	// All times are UTC, so the standard's variants of TIMESTAMP are one.
	if t.is("TIMESTAMP") && !p.accept("WITH", "LOCAL", "TIME", "ZONE") && !p.accept("WITH", "TIME", "ZONE") {
		p.accept("WITHOUT", "TIME", "ZONE")
	}
	return types.DatetimeType(precision), nil
}

func (p *parser) decimalType() (types.Type, error) {
	precision, scale := 10, 0 // as in MySQL
	if p.peek().is("(") {
		n, at, err := p.argument()
		if err != nil {
			return types.Type{}, err
		}
		if n < 1 || n > types.MaxDecimalPrecision {
			return types.Type{}, diag.New(diag.BadLiteral, at.span(), "a DECIMAL has 1 to %d digits, not %d", types.MaxDecimalPrecision, n)
		}
		precision = n
		if p.peek().is(",") {
			s, at, err := p.argument()
			if err != nil {
				return types.Type{}, err
			}
			if s > precision {
				return types.Type{}, diag.New(diag.BadLiteral, at.span(), "a DECIMAL of %d digits cannot have %d behind the point", precision, s)
			}
			scale = s
		}
		if err := p.expect(")"); err != nil {
			return types.Type{}, err
		}
	}
	return types.DecimalType(precision, scale), p.noArgument(token{word: "DECIMAL"}, "UNSIGNED")
}

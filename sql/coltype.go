package sql

import (
	"strconv"

	"weir/sql/diag"
	"weir/sql/types"
)

const typesHint = "the types are TINYINT, SMALLINT, MEDIUMINT, INT and BIGINT (each also UNSIGNED), DECIMAL(p,s), FLOAT, DOUBLE, " +
	"VARCHAR[(n)], VARBINARY[(n)], BOOLEAN, DATE, TIME[(0-6)], DATETIME[(0-6)], JSON"

var typeNames = []string{
	"BIGINT", "INT", "INTEGER", "TINYINT", "SMALLINT", "MEDIUMINT", "DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMERIC",
	"VARCHAR", "CHAR", "TEXT", "STRING", "VARBINARY", "BINARY", "BLOB", "BYTES", "BOOLEAN", "BOOL",
	"DATE", "TIME", "DATETIME", "TIMESTAMP", "JSON",
}

// intBits are the names of the integers. INT8 is PostgreSQL's: 8 bytes.
var intBits = map[string]int{
	"TINYINT": 8, "INT1": 8, "SMALLINT": 16, "INT2": 16, "MEDIUMINT": 24, "INT3": 24,
	"INT": 32, "INTEGER": 32, "INT4": 32, "BIGINT": 64, "INT8": 64,
}

// dataType reads a type. inCast takes the names that only CAST knows, too.
func (p *parser) dataType(inCast bool) (types.Type, error) {
	t := p.peek()
	if t.kind != tokWord {
		return types.Type{}, p.expected("a type").WithHint(typesHint)
	}
	p.pos++
	if bits, ok := intBits[t.word]; ok {
		return p.integer(t, bits)
	}
	switch t.word {
	case "SIGNED", "UNSIGNED":
		if inCast {
			if !p.accept("INTEGER") {
				p.accept("INT")
			}
			return types.IntType(64, t.word == "UNSIGNED"), p.noArgument(t)
		}
	case "DOUBLE":
		p.accept("PRECISION")
		return types.DoubleType, p.real(t)
	case "REAL", "FLOAT8":
		return types.DoubleType, p.real(t)
	case "FLOAT", "FLOAT4":
		return p.float(t)
	case "TEXT", "STRING", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "CLOB":
		return types.VarcharType, p.noArgument(t)
	case "CHARACTER", "NCHAR", "CHAR":
		p.accept("VARYING")
		return p.sized(t, types.VarcharType)
	case "VARCHAR", "NVARCHAR":
		return p.sized(t, types.VarcharType)
	case "VARBINARY", "BINARY":
		return p.sized(t, types.VarbinaryType)
	case "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BYTES", "BYTEA":
		return types.VarbinaryType, p.noArgument(t)
	case "BOOLEAN", "BOOL":
		return types.BooleanType, p.noArgument(t)
	case "DATE":
		return types.DateType, p.noArgument(t)
	case "JSON", "JSONB":
		return types.JSONType, p.noArgument(t)
	case "TIME":
		return p.clock(t)
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
	case "SIGNED", "UNSIGNED":
		hint = "write BIGINT or BIGINT UNSIGNED; CAST(x AS " + t.word + ") is right"
	case "SERIAL":
		hint = "write BIGINT UNSIGNED; records have numbers of their own: _shard and _seq"
	case "ENUM", "SET", "UUID":
		hint = "write VARCHAR or VARCHAR(n)"
	case "ARRAY", "MAP", "ROW", "STRUCT", "MULTISET", "OBJECT", "VARIANT":
		hint = "write JSON: it holds objects and arrays"
	case "YEAR":
		hint = "write SMALLINT UNSIGNED"
	case "BIT":
		hint = "write BOOLEAN, BIGINT UNSIGNED or VARBINARY"
	case "INT16", "INT32", "INT64", "INT128", "UINT8", "UINT16", "UINT32", "UINT64", "HUGEINT":
		hint = "write SMALLINT, INT or BIGINT, with UNSIGNED behind it for no sign"
	default:
		if s := diag.Suggest(t.word, typeNames); s != "" {
			return diag.New(diag.Syntax, t.span(), "unknown type `%s`", p.raw(t)).WithLabel("did you mean %s?", s).WithHint(typesHint)
		}
		code, message = diag.Syntax, "expected a type, found `%s`"
	}
	return diag.New(code, t.span(), message, p.raw(t)).WithHint("%s", hint)
}

// integer reads what may follow the name of an integer type. A display width
// means nothing, as in MySQL: INT(11) is INT.
func (p *parser) integer(t token, bits int) (types.Type, error) {
	if p.peek().is("(") {
		if _, _, err := p.argument(); err != nil {
			return types.Type{}, err
		}
		if err := p.expect(")"); err != nil {
			return types.Type{}, err
		}
	}
	unsigned := p.accept("UNSIGNED")
	if !unsigned {
		p.accept("SIGNED")
	}
	if n := p.peek(); n.is("ZEROFILL") {
		return types.Type{}, diag.New(diag.Unsupported, n.span(), "ZEROFILL is not supported").
			WithHint("write %s UNSIGNED, and LPAD(x, n, '0') where it is shown", t.word)
	}
	return types.IntType(bits, unsigned), nil
}

// real refuses what stands behind the name of a floating point type.
func (p *parser) real(t token) error {
	n := p.peek()
	switch {
	case n.is("("):
		return diag.New(diag.Unsupported, n.span(), "%s takes no digits", t.word).
			WithHint("write %s, or DECIMAL(p,s) for that many digits", t.word)
	case n.is("UNSIGNED"), n.is("ZEROFILL"):
		return diag.New(diag.Unsupported, n.span(), "%s is not supported", n.word).WithHint("write %s: only integers can be UNSIGNED", t.word)
	}
	return nil
}

// float reads FLOAT and FLOAT(p): from 25 bits of precision on it is a DOUBLE.
func (p *parser) float(t token) (types.Type, error) {
	if !p.peek().is("(") {
		return types.FloatType, p.real(t)
	}
	n, at, err := p.argument()
	switch {
	case err != nil:
		return types.Type{}, err
	case p.peek().is(","):
		return types.Type{}, diag.New(diag.Unsupported, at.span(), "FLOAT takes no digits").WithHint("write FLOAT, or DECIMAL(p,s) for that many digits")
	case n > 53:
		return types.Type{}, diag.New(diag.BadLiteral, at.span(), "FLOAT(%d): a FLOAT has at most 53 bits of precision", n).WithHint("write FLOAT or DOUBLE")
	}
	if err := p.expect(")"); err != nil {
		return types.Type{}, err
	}
	if n > 24 {
		return types.DoubleType, p.real(t)
	}
	return types.FloatType, p.real(t)
}

// noArgument refuses a length behind a type that has none.
func (p *parser) noArgument(t token) error {
	if n := p.peek(); n.is("(") {
		return diag.New(diag.Unsupported, n.span(), "%s takes no length", t.word).WithHint("write %s", t.word)
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

// sized reads what may follow a type with a length.
func (p *parser) sized(t token, of types.Type) (types.Type, error) {
	if !p.peek().is("(") {
		return of, nil
	}
	n, at, err := p.argument()
	if err != nil {
		return types.Type{}, err
	}
	if n == 0 {
		unit := "characters"
		if of.Kind == types.Varbinary {
			unit = "bytes"
		}
		return types.Type{}, diag.New(diag.BadLiteral, at.span(), "a %s of 0 %s holds nothing", t.word, unit).WithHint("write %s for any length", t.word)
	}
	of.Length = n
	return of, p.expect(")")
}

// digits reads the fractional digits of a time, 0 if there are none.
func (p *parser) digits(t token, best string) (int, error) {
	if !p.peek().is("(") {
		return 0, nil
	}
	n, at, err := p.argument()
	if err != nil {
		return 0, err
	}
	if n > 6 {
		return 0, diag.New(diag.BadLiteral, at.span(), "%s(%d): times have 0 to 6 fractional digits", t.word, n).
			WithHint("write %s(6) for microseconds", best)
	}
	return n, p.expect(")")
}

// clock reads TIME.
func (p *parser) clock(t token) (types.Type, error) {
	n, err := p.digits(t, "TIME")
	if err != nil {
		return types.Type{}, err
	}
	if at := p.peek(); p.accept("WITH", "TIME", "ZONE") {
		return types.Type{}, diag.New(diag.Unsupported, at.span(), "a TIME has no time zone").WithHint("write TIME or DATETIME")
	}
	p.accept("WITHOUT", "TIME", "ZONE")
	return types.TimeType(n), nil
}

// datetime reads what may follow the name of a type of times. Without a number
// DATETIME and TIMESTAMP have no digits behind the second, as in MySQL; spellings that
// MySQL does not have keep the microseconds that they have where they come from.
func (p *parser) datetime(t token) (types.Type, error) {
	bare := !p.peek().is("(")
	precision, err := p.digits(t, "DATETIME")
	if err != nil {
		return types.Type{}, err
	}
	// All times are UTC, so the standard's variants of TIMESTAMP are one.
	standard := t.is("TIMESTAMPTZ") || t.is("TIMESTAMP_LTZ") ||
		t.is("TIMESTAMP") && (p.accept("WITH", "LOCAL", "TIME", "ZONE") || p.accept("WITH", "TIME", "ZONE") || p.accept("WITHOUT", "TIME", "ZONE"))
	if bare && standard {
		precision = 6
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
	return types.DecimalType(precision, scale), p.real(token{word: "DECIMAL"})
}

package types

import "fmt"

// Kind is a family of SQL types.
type Kind uint8

// The kinds that a column or an expression can have.
const (
	Invalid  Kind = iota
	Null          // the literal NULL before anything gave it a type
	Boolean       // BOOLEAN
	Bigint        // BIGINT: 64-bit signed
	Decimal       // DECIMAL(p,s): exact, up to 38 digits
	Double        // DOUBLE: IEEE 754 binary64
	Varchar       // VARCHAR[(n)]: UTF-8, compared by bytes
	Date          // DATE: days
	Datetime      // DATETIME(p): microseconds since the Unix epoch, UTC
	Interval      // INTERVAL n UNIT: only inside expressions, never a column
	JSON          // JSON: the text of a valid value without blanks between its parts
)

// MaxDecimalPrecision is the number of digits that a DECIMAL holds at most.
const MaxDecimalPrecision = 38

// Type is a SQL type. Types are compared with ==.
type Type struct {
	Kind      Kind
	Precision int // DECIMAL: digits in all, 1..38. DATETIME: fractional digits, 0..6.
	Scale     int // DECIMAL: digits behind the point, 0..Precision.
	Length    int // VARCHAR: characters at most; 0 is unlimited.
}

// The types without a parameter.
var (
	NullType    = Type{Kind: Null}
	BooleanType = Type{Kind: Boolean}
	BigintType  = Type{Kind: Bigint}
	DoubleType  = Type{Kind: Double}
	VarcharType = Type{Kind: Varchar}
	DateType    = Type{Kind: Date}
	JSONType    = Type{Kind: JSON}
)

// DatetimeType returns DATETIME with that many fractional digits, 0 to 6.
func DatetimeType(precision int) Type { return Type{Kind: Datetime, Precision: precision} }

// DecimalType returns DECIMAL(precision, scale).
func DecimalType(precision, scale int) Type {
	return Type{Kind: Decimal, Precision: precision, Scale: scale}
}

// VarcharOf returns VARCHAR(length).
func VarcharOf(length int) Type { return Type{Kind: Varchar, Length: length} }

// IsNumeric tells whether arithmetic applies to the type.
func (t Type) IsNumeric() bool {
	return t.Kind == Bigint || t.Kind == Decimal || t.Kind == Double
}

// IsTime tells whether a value of the type is a point in time.
func (t Type) IsTime() bool { return t.Kind == Date || t.Kind == Datetime }

// String returns the type as it is written in SQL.
func (t Type) String() string {
	switch t.Kind {
	case Null:
		return "NULL"
	case Boolean:
		return "BOOLEAN"
	case Bigint:
		return "BIGINT"
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case Double:
		return "DOUBLE"
	case Varchar:
		if t.Length == 0 {
			return "VARCHAR"
		}
		return fmt.Sprintf("VARCHAR(%d)", t.Length)
	case Date:
		return "DATE"
	case Datetime:
		return fmt.Sprintf("DATETIME(%d)", t.Precision)
	case Interval:
		return "INTERVAL"
	case JSON:
		return "JSON"
	}
	return "INVALID"
}

package types

import (
	"fmt"
	"math"
	"strconv"
)

// Kind is a family of SQL types.
type Kind uint8

// The kinds that a column or an expression can have. Where values of two kinds
// meet, the later numeric kind has the wider range.
const (
	Invalid   Kind = iota
	Null           // the literal NULL before anything gave it a type
	Boolean        // BOOLEAN
	Bigint         // every integer that 64 bits with a sign hold: TINYINT to BIGINT, TINYINT UNSIGNED to INT UNSIGNED
	Ubigint        // BIGINT UNSIGNED: 64 bits without a sign
	Decimal        // DECIMAL(p,s): exact, up to 38 digits
	Double         // DOUBLE: IEEE 754 binary64; FLOAT: the same, rounded to binary32
	Varchar        // VARCHAR[(n)]: UTF-8, compared by bytes
	Varbinary      // VARBINARY[(n)]: bytes
	Date           // DATE: days
	Time           // TIME(p): microseconds, negative too; a clock time or a span
	Datetime       // DATETIME(p): microseconds since the Unix epoch, UTC
	Interval       // INTERVAL n UNIT: only inside expressions, never a column
	JSON           // JSON: the text of a valid value without blanks between its parts
)

// MaxDecimalPrecision is the number of digits that a DECIMAL holds at most.
const MaxDecimalPrecision = 38

// Type is a SQL type. Types are compared with ==.
type Type struct {
	Kind      Kind
	Precision int  // DECIMAL: digits in all, 1..38. TIME, DATETIME: fractional digits, 0..6.
	Scale     int  // DECIMAL: digits behind the point, 0..Precision.
	Length    int  // VARCHAR: characters at most, VARBINARY: bytes; 0 is unlimited.
	Width     int  // Bigint: the bits 8, 16, 24 or 32 of a narrow integer, 0 is 64. Double: 32 is FLOAT, 0 DOUBLE.
	Unsigned  bool // Bigint with a Width: no negative values
}

// The types without a parameter.
var (
	NullType      = Type{Kind: Null}
	BooleanType   = Type{Kind: Boolean}
	BigintType    = Type{Kind: Bigint}
	UbigintType   = Type{Kind: Ubigint}
	DoubleType    = Type{Kind: Double}
	FloatType     = Type{Kind: Double, Width: 32}
	VarcharType   = Type{Kind: Varchar}
	VarbinaryType = Type{Kind: Varbinary}
	DateType      = Type{Kind: Date}
	JSONType      = Type{Kind: JSON}
)

// IntType returns the integer type of that many bits: 8, 16, 24, 32 or 64.
func IntType(bits int, unsigned bool) Type {
	switch {
	case bits < 64:
		return Type{Kind: Bigint, Width: bits, Unsigned: unsigned}
	case unsigned:
		return UbigintType
	}
	return BigintType
}

// TimeType returns TIME with that many fractional digits, 0 to 6.
func TimeType(precision int) Type { return Type{Kind: Time, Precision: precision} }

// VarbinaryOf returns VARBINARY(length).
func VarbinaryOf(length int) Type { return Type{Kind: Varbinary, Length: length} }

// IntRange returns the least and the greatest value of an integer type other
// than BIGINT UNSIGNED.
func (t Type) IntRange() (least, greatest int64) {
	switch {
	case t.Width == 0:
		return math.MinInt64, math.MaxInt64
	case t.Unsigned:
		return 0, 1<<t.Width - 1
	}
	return -1 << (t.Width - 1), 1<<(t.Width-1) - 1
}

// Holds tells whether every value of from, of the same kind, is one of t as it
// lies in memory, and looks the same.
func (t Type) Holds(from Type) bool {
	if t.Kind != from.Kind {
		return false
	}
	switch t.Kind {
	case Bigint:
		least, greatest := t.IntRange()
		a, b := from.IntRange()
		return least <= a && b <= greatest
	case Double:
		return t.Width == from.Width
	case Decimal:
		return t == from
	case Time, Datetime:
		return from.Precision <= t.Precision
	case Varchar, Varbinary:
		return t.Length == 0 || 0 < from.Length && from.Length <= t.Length
	}
	return true
}

// Wide returns the type in which numbers of t are computed: BIGINT for narrow
// integers, DOUBLE for FLOAT.
func (t Type) Wide() Type {
	t.Width, t.Unsigned = 0, false
	return t
}

// IntDigits returns how many decimal digits the values of an integer type have.
func (t Type) IntDigits() int {
	switch {
	case t.Kind == Ubigint:
		return 20
	case t.Width == 0:
		return 19
	}
	_, greatest := t.IntRange()
	return len(strconv.FormatInt(greatest, 10))
}

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
	return t.Kind == Bigint || t.Kind == Ubigint || t.Kind == Decimal || t.Kind == Double
}

// IsInteger tells whether the type has whole numbers only.
func (t Type) IsInteger() bool { return t.Kind == Bigint || t.Kind == Ubigint }

// IsBytes tells whether a value is a run of bytes: text, binary or JSON.
func (t Type) IsBytes() bool {
	return t.Kind == Varchar || t.Kind == Varbinary || t.Kind == JSON
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
		name := map[int]string{8: "TINYINT", 16: "SMALLINT", 24: "MEDIUMINT", 32: "INT"}[t.Width]
		switch {
		case name == "":
			return "BIGINT"
		case t.Unsigned:
			return name + " UNSIGNED"
		}
		return name
	case Ubigint:
		return "BIGINT UNSIGNED"
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case Double:
		if t.Width == 32 {
			return "FLOAT"
		}
		return "DOUBLE"
	case Varchar:
		if t.Length == 0 {
			return "VARCHAR"
		}
		return fmt.Sprintf("VARCHAR(%d)", t.Length)
	case Varbinary:
		if t.Length == 0 {
			return "VARBINARY"
		}
		return fmt.Sprintf("VARBINARY(%d)", t.Length)
	case Date:
		return "DATE"
	case Time:
		return fmt.Sprintf("TIME(%d)", t.Precision)
	case Datetime:
		return fmt.Sprintf("DATETIME(%d)", t.Precision)
	case Interval:
		return "INTERVAL"
	case JSON:
		return "JSON"
	}
	return "INVALID"
}

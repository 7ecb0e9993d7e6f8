package stream

import (
	"github.com/apache/arrow-go/v18/arrow"

	"weir/sql/types"
)

// ArrowType returns how values of t lie in memory. Times are microseconds
// without a zone, a TIME is them as an integer. Narrow integers take 64 bits, a
// FLOAT lies as the DOUBLE that equals it, and VARBINARY as a string column, whose
// bytes nobody reads as UTF-8: so few layouts serve all types. A column of the
// NULL type is a string column of NULLs.
func ArrowType(t types.Type) arrow.DataType {
	switch t.Kind {
	case types.Boolean:
		return arrow.FixedWidthTypes.Boolean
	case types.Bigint, types.Time:
		return arrow.PrimitiveTypes.Int64
	case types.Ubigint:
		return arrow.PrimitiveTypes.Uint64
	case types.Decimal:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	case types.Double:
		return arrow.PrimitiveTypes.Float64
	case types.Varchar, types.Varbinary, types.JSON, types.Null:
		return arrow.BinaryTypes.String
	case types.Date:
		return arrow.FixedWidthTypes.Date32
	case types.Datetime:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	}
	panic("no column has type " + t.String())
}

// Arrow returns the schema in Arrow's terms; every column may hold NULLs.
func (s Schema) Arrow() *arrow.Schema {
	fields := make([]arrow.Field, len(s))
	for i, f := range s {
		fields[i] = arrow.Field{Name: f.Name, Type: ArrowType(f.Type), Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// Names returns the columns' names.
func (s Schema) Names() []string {
	names := make([]string, len(s))
	for i, f := range s {
		names[i] = f.Name
	}
	return names
}

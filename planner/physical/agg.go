package physical

import (
	"slices"

	"weir/operators/stream"
	"weir/sql/types"
)

// Agg is one aggregate.
type Agg struct {
	Fn AggFn
	// Args is columns of the input: the arguments, then one for each of Order, then,
	// if Filtered is set, the filter's. COUNT(*) has no arguments.
	Args []int
	In   []types.Type // their types
	Out  types.Type
	// Distinct is set if of rows with the same arguments one counts.
	Distinct bool
	// Filtered is set if only rows count for which the last of Args, a BOOLEAN, is true.
	Filtered bool
	// Order is what the rows are ordered by, one for each of the columns behind the
	// arguments: true is descending. NULL is the least value.
	Order []bool
	// Quantile is which value a percentile takes, from 0, the least, to 1, the greatest.
	Quantile float64
	// K is the parameter of aggregates that have a whole number as one.
	K int64
	// Separator is what stands between the values of AggGroupConcat.
	Separator string
}

// AggFn names an aggregate.
type AggFn string

// The aggregates.
const (
	AggCountStar AggFn = "count_star"
	AggCount     AggFn = "count"
	AggSum       AggFn = "sum" // BIGINT -> DECIMAL(38,0), DECIMAL(p,s) -> DECIMAL(38,s), DOUBLE -> DOUBLE
	AggAvg       AggFn = "avg" // BIGINT, DOUBLE -> DOUBLE, DECIMAL(p,s) -> DECIMAL(38,s+4)
	AggMin       AggFn = "min"
	AggMax       AggFn = "max"
	// AggPercentile is the value at Agg.Quantile, within 1 %. DOUBLE -> DOUBLE
	AggPercentile AggFn = "approx_percentile"
)

// AggTraits is what may be done with the states of an aggregate.
type AggTraits struct {
	// Mergeable is set if states of parts of the input make that of the whole. The
	// engine relies on it: lanes and slices of a window are parts.
	Mergeable bool
	// Subtractable is set if a row can be taken out of a state, and the state is then
	// what it would be had the row never come.
	Subtractable bool
}

// Traits returns what may be done with the states of a.
func (a Agg) Traits() AggTraits {
	exact := len(a.In) > 0 && (a.In[0].IsInteger() || a.In[0].Kind == types.Decimal)
	t := AggTraits{Mergeable: true}
	switch a.Fn {
	case AggCountStar, AggCount:
		t.Subtractable = true
	case AggSum, AggAvg: // a DOUBLE sum depends on the order of what was added
		t.Subtractable = exact
	}
	return t
}

// Known tells whether there is an aggregate of the name.
func (f AggFn) Known() bool {
	switch f {
	case AggCountStar, AggCount, AggSum, AggAvg, AggMin, AggMax, AggPercentile:
		return true
	}
	return false
}

// Same tells whether a and b are the same but for their columns.
func (a Agg) Same(b Agg) bool {
	return a.Fn == b.Fn && a.Out == b.Out && a.Distinct == b.Distinct && a.Filtered == b.Filtered &&
		slices.Equal(a.Order, b.Order) && a.Quantile == b.Quantile && a.K == b.K && a.Separator == b.Separator
}

// Inputs returns the columns of the arguments and of the order.
func (a Agg) Inputs() []int {
	if a.Filtered {
		return a.Args[:len(a.Args)-1]
	}
	return a.Args
}

// InputTypes returns the types of the arguments and of the order.
func (a Agg) InputTypes() []types.Type {
	if a.Filtered {
		return a.In[:len(a.In)-1]
	}
	return a.In
}

// FilterColumn returns the column of the filter, -1 if there is none.
func (a Agg) FilterColumn() int {
	if a.Filtered {
		return a.Args[len(a.Args)-1]
	}
	return -1
}

// Bag tells whether the state of a is the multiset of the rows' arguments: where
// the input takes rows back that a cannot be subtracted from, and where equal
// rows count once.
func (a Agg) Bag(retracts bool) bool {
	return a.Distinct || retracts && !a.Traits().Subtractable
}

// State is the columns that a partial aggregate needs: `n` counts the values
// that were not NULL, `sum` adds them, `value` is the least or greatest,
// `sketch` counts them by size, `rows` is the multiset of them.
// Sums of BIGINT and DECIMAL are exact in 128 bits.
func (a Agg) State(retracts bool) stream.Schema {
	n := stream.Field{Name: "n", Type: types.BigintType}
	if a.Bag(retracts) { // bytes, which only the aggregate can read
		return stream.Schema{{Name: "rows", Type: types.VarcharType}}
	}
	switch a.Fn {
	case AggCountStar, AggCount:
		return stream.Schema{n}
	case AggSum, AggAvg:
		sum := types.DoubleType
		switch a.In[0].Kind {
		case types.Bigint, types.Ubigint:
			sum = types.DecimalType(types.MaxDecimalPrecision, 0)
		case types.Decimal:
			sum = types.DecimalType(types.MaxDecimalPrecision, a.In[0].Scale)
		}
		return stream.Schema{{Name: "sum", Type: sum}, n}
	case AggMin, AggMax:
		return stream.Schema{{Name: "value", Type: a.In[0]}}
	case AggPercentile: // bytes, too
		return stream.Schema{{Name: "sketch", Type: types.VarcharType}}
	}
	panic("unknown aggregate " + string(a.Fn))
}

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
	// AggPercentileCont is AggPercentile, but between two values where the rank is.
	AggPercentileCont AggFn = "percentile_cont"
	// AggPercentileDisc is the first value that is not below Agg.Quantile of the rows.
	AggPercentileDisc AggFn = "percentile_disc"

	AggBitAnd AggFn = "bit_and" // integers -> BIGINT UNSIGNED
	AggBitOr  AggFn = "bit_or"
	AggBitXor AggFn = "bit_xor"

	AggVarPop     AggFn = "var_pop" // integers, DECIMAL, DOUBLE -> DOUBLE
	AggVarSamp    AggFn = "var_samp"
	AggStddevPop  AggFn = "stddev_pop"
	AggStddevSamp AggFn = "stddev_samp"

	AggCorr          AggFn = "corr" // two of DOUBLE -> DOUBLE
	AggCovarPop      AggFn = "covar_pop"
	AggCovarSamp     AggFn = "covar_samp"
	AggRegrSlope     AggFn = "regr_slope" // of y over x
	AggRegrIntercept AggFn = "regr_intercept"

	// AggFirst is the argument of the first row by Order, NULL included; of rows that
	// are the same there the least one.
	AggFirst AggFn = "first"

	AggGroupConcat AggFn = "group_concat"   // VARCHAR -> VARCHAR
	AggJSONArray   AggFn = "json_arrayagg"  // any -> JSON, NULL included
	AggJSONObject  AggFn = "json_objectagg" // VARCHAR, any -> JSON; the first row of a name counts

	// AggApproxCountDistinct is how many different rows there are, within 0.81 %
	// for two of three; exact up to 1,024. -> BIGINT
	AggApproxCountDistinct AggFn = "approx_count_distinct"
	// AggTopK is the Agg.K most frequent values, exactly. -> JSON
	AggTopK AggFn = "top_k"
	// AggHistogram is how often each value comes, or, of DOUBLE with K > 0, how many lie
	// in each of K equal parts. -> JSON
	AggHistogram AggFn = "histogram"

	// AggRows is the rows themselves, by Order: the only aggregate of a WindowFinal
	// over sessions, which then emits one row for each, with the arguments as columns.
	AggRows AggFn = "rows"

	// These are no aggregates of rows: they say of a row that is a result how far it
	// is. AggWindowRev counts how often it has changed since its window fired, BIGINT;
	// AggIsFinal is true once no row may come for it; AggIsComplete where no row in
	// front of the query's start may belong to it, BOOLEAN.
	AggWindowRev  AggFn = "window_rev"
	AggIsFinal    AggFn = "is_final"
	AggIsComplete AggFn = "is_complete"
)

// Marks tells whether f says something of the row that it is in, and has no arguments.
func (f AggFn) Marks() bool {
	return f == AggWindowRev || f == AggIsFinal || f == AggIsComplete
}

// fns returns every aggregate, and what may be done with its states.
func fns() map[AggFn]AggTraits {
	whole := AggTraits{Mergeable: true, Subtractable: true}
	merged := AggTraits{Mergeable: true}
	rows := AggTraits{Mergeable: true, Subtractable: true, Rows: true}
	return map[AggFn]AggTraits{
		AggCountStar: whole, AggCount: whole,
		AggSum: whole, AggAvg: whole, // of DOUBLE they are merged
		AggMin: merged, AggMax: merged,
		AggPercentile: merged, AggPercentileCont: merged, AggPercentileDisc: rows,
		AggBitAnd: merged, AggBitOr: merged, AggBitXor: merged,
		AggVarPop: whole, AggVarSamp: whole, AggStddevPop: whole, AggStddevSamp: whole, // as SUM
		AggCorr: merged, AggCovarPop: merged, AggCovarSamp: merged, AggRegrSlope: merged, AggRegrIntercept: merged,
		AggFirst: merged, AggApproxCountDistinct: merged,
		AggGroupConcat: rows, AggJSONArray: rows, AggJSONObject: rows, AggTopK: rows, AggHistogram: rows,
		AggRows: rows, AggWindowRev: whole, AggIsFinal: whole, AggIsComplete: whole,
	}
}

// AggTraits is what may be done with the states of an aggregate.
type AggTraits struct {
	// Mergeable is set if states of parts of the input make that of the whole. The
	// engine relies on it: lanes and slices of a window are parts.
	Mergeable bool
	// Subtractable is set if a row can be taken out of a state, and the state is then
	// what it would be had the row never come.
	Subtractable bool
	// Rows is set if the state is the multiset of the rows, so that it grows with them.
	Rows bool
}

// Traits returns what may be done with the states of a. What adds DOUBLEs cannot
// be subtracted: a sum that was rounded does not tell what it was before.
func (a Agg) Traits() AggTraits {
	t := traits[a.Fn]
	if len(a.In) > 0 && a.In[0].Kind == types.Double && a.Fn != AggCount && !t.Rows {
		t.Subtractable = false
	}
	if a.Distinct {
		t = AggTraits{Mergeable: true, Subtractable: true, Rows: true}
	}
	return t
}

// traits is fns, made once: it is asked for each time that states are made.
var traits = fns()

// Known tells whether there is an aggregate of the name.
func (f AggFn) Known() bool {
	_, ok := traits[f]
	return ok
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

// Shown returns the types of the columns that a shows: its result, or the
// arguments of the rows that it keeps.
func (a Agg) Shown() []types.Type {
	if a.Fn == AggRows {
		return a.In[:len(a.In)-len(a.Order)]
	}
	return []types.Type{a.Out}
}

// Bag tells whether the state of a is the multiset of the rows' arguments: where
// the input takes rows back that a cannot be subtracted from, and where equal
// rows count once.
func (a Agg) Bag(retracts bool) bool {
	t := a.Traits()
	return t.Rows || retracts && !t.Subtractable
}

// limited tells whether the result has a length at most, so that rows behind it
// need not be kept.
func (a Agg) limited() bool {
	return a.Fn == AggGroupConcat || a.Fn == AggJSONArray || a.Fn == AggJSONObject
}

// State is the columns that a partial aggregate needs: `n` counts the values
// that were not NULL, `sum` adds them, `value` is the least or greatest,
// `sketch` counts them roughly, `rows` is the multiset of them, `state` is bytes that
// only the aggregate can read.
// Sums of BIGINT and DECIMAL are exact in 128 bits.
func (a Agg) State(retracts bool) stream.Schema {
	n := stream.Field{Name: "n", Type: types.BigintType}
	if a.Bag(retracts) { // bytes, which only the aggregate can read
		return stream.Schema{{Name: "rows", Type: types.VarcharType}}
	}
	switch a.Fn {
	case AggWindowRev, AggIsFinal, AggIsComplete:
		return nil
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
	case AggPercentile, AggPercentileCont, AggApproxCountDistinct: // bytes, too
		return stream.Schema{{Name: "sketch", Type: types.VarcharType}}
	}
	if !a.Fn.Known() {
		panic("unknown aggregate " + string(a.Fn))
	}
	return stream.Schema{{Name: "state", Type: types.VarcharType}}
}

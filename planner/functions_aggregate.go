package planner

import "weir/planner/physical"

// aggregate is an entry of the registry of aggregates.
type aggregate struct {
	name     string
	usage    string // the arguments as documented
	doc      string // one sentence
	min, max int    // arguments
	bind     binding
	fn       physical.AggFn
	quantile float64 // of MEDIAN
	desc     bool    // the greatest, the last
}

// binding is how the arguments of an aggregate become columns.
type binding uint8

const (
	bindCount       binding = iota
	bindNumber              // SUM, AVG, variances
	bindExtreme             // MIN, MAX
	bindAny                 // ANY_VALUE
	bindTruth               // BOOL_AND, BOOL_OR
	bindCountIf             // COUNT_IF
	bindBits                // BIT_AND and its kin
	bindPair                // CORR and its kin
	bindFirst               // FIRST_VALUE, LAST_VALUE
	bindFirstValue          // the same without NULLs
	bindBy                  // ARG_MIN, ARG_MAX
	bindList                // GROUP_CONCAT
	bindArray               // JSON_ARRAYAGG
	bindObject              // JSON_OBJECTAGG
	bindApproxCount         // APPROX_COUNT_DISTINCT
	bindQuantile            // (x, q)
	bindWithin              // (q) WITHIN GROUP (ORDER BY x)
	bindMedian              // (x)
	bindTop                 // TOP_K
	bindHistogram           // HISTOGRAM
)

// aggregates is the registry, in the order of the reference.
var aggregates = []aggregate{
	{name: "COUNT", usage: "(*)", min: 1, max: 16, bind: bindCount, fn: physical.AggCount,
		doc: "How many rows there are; COUNT(x): how many where x is not NULL; COUNT(DISTINCT a, b): how many different values. A BIGINT."},
	{name: "COUNT_IF", usage: "(condition)", min: 1, max: 1, bind: bindCountIf, fn: physical.AggCountStar, doc: "How many rows fulfil the condition: COUNT(*) FILTER (WHERE condition)."},
	{name: "SUM", usage: "(x)", min: 1, max: 1, bind: bindNumber, fn: physical.AggSum, doc: "The sum: of integers exact, a DECIMAL(38,0); NULL of no values."},
	{name: "AVG", usage: "(x)", min: 1, max: 1, bind: bindNumber, fn: physical.AggAvg, doc: "The mean: of integers a DOUBLE over an exact sum, of DECIMAL(p,s) a DECIMAL(38,s+4)."},
	{name: "MIN", usage: "(x)", min: 1, max: 1, bind: bindExtreme, fn: physical.AggMin, doc: "The least value; text by its bytes."},
	{name: "MAX", usage: "(x)", min: 1, max: 1, bind: bindExtreme, fn: physical.AggMax, doc: "The greatest value; text by its bytes."},
	{name: "BOOL_AND", usage: "(condition)", min: 1, max: 1, bind: bindTruth, fn: physical.AggMin, doc: "Whether the condition is true for each row for which it is not NULL."},
	{name: "EVERY", usage: "(condition)", min: 1, max: 1, bind: bindTruth, fn: physical.AggMin, doc: "The same as BOOL_AND."},
	{name: "BOOL_OR", usage: "(condition)", min: 1, max: 1, bind: bindTruth, fn: physical.AggMax, doc: "Whether the condition is true for any row."},
	{name: "BIT_AND", usage: "(n)", min: 1, max: 1, bind: bindBits, fn: physical.AggBitAnd, doc: "The bits that all integers have, a BIGINT UNSIGNED; all ones of no values."},
	{name: "BIT_OR", usage: "(n)", min: 1, max: 1, bind: bindBits, fn: physical.AggBitOr, doc: "The bits that any integer has, a BIGINT UNSIGNED; 0 of no values."},
	{name: "BIT_XOR", usage: "(n)", min: 1, max: 1, bind: bindBits, fn: physical.AggBitXor, doc: "The bits that an odd number of integers have, a BIGINT UNSIGNED; 0 of no values."},

	{name: "VAR_POP", usage: "(x)", min: 1, max: 1, bind: bindNumber, fn: physical.AggVarPop, doc: "The variance, a DOUBLE: of integers and DECIMAL over exact sums, of DOUBLE by Welford's method."},
	{name: "VARIANCE", usage: "(x)", min: 1, max: 1, bind: bindNumber, fn: physical.AggVarPop, doc: "The same as VAR_POP, as in MySQL."},
	{name: "VAR_SAMP", usage: "(x)", min: 1, max: 1, bind: bindNumber, fn: physical.AggVarSamp, doc: "The variance that a sample shows: divided by one less than the values; NULL of fewer than two."},
	{name: "STDDEV_POP", usage: "(x)", min: 1, max: 1, bind: bindNumber, fn: physical.AggStddevPop, doc: "The standard deviation: the root of VAR_POP."},
	{name: "STDDEV", usage: "(x)", min: 1, max: 1, bind: bindNumber, fn: physical.AggStddevPop, doc: "The same as STDDEV_POP, as in MySQL."},
	{name: "STD", usage: "(x)", min: 1, max: 1, bind: bindNumber, fn: physical.AggStddevPop, doc: "The same as STDDEV_POP."},
	{name: "STDDEV_SAMP", usage: "(x)", min: 1, max: 1, bind: bindNumber, fn: physical.AggStddevSamp, doc: "The root of VAR_SAMP."},
	{name: "CORR", usage: "(y, x)", min: 2, max: 2, bind: bindPair, fn: physical.AggCorr, doc: "The correlation of two numbers, from -1 to 1; NULL where one of them is always the same."},
	{name: "COVAR_POP", usage: "(y, x)", min: 2, max: 2, bind: bindPair, fn: physical.AggCovarPop, doc: "The covariance of two numbers."},
	{name: "COVAR_SAMP", usage: "(y, x)", min: 2, max: 2, bind: bindPair, fn: physical.AggCovarSamp, doc: "The covariance that a sample shows; NULL of fewer than two rows."},
	{name: "REGR_SLOPE", usage: "(y, x)", min: 2, max: 2, bind: bindPair, fn: physical.AggRegrSlope, doc: "How much y grows per x on the line that fits best."},
	{name: "REGR_INTERCEPT", usage: "(y, x)", min: 2, max: 2, bind: bindPair, fn: physical.AggRegrIntercept, doc: "The y of that line at x = 0."},

	{name: "FIRST_VALUE", usage: "(x)", min: 1, max: 1, bind: bindFirst, fn: physical.AggFirst, doc: "x of the first row by event time and position, however late it came; FIRST_VALUE(x ORDER BY y): by y; with IGNORE NULLS the first that is not NULL."},
	{name: "LAST_VALUE", usage: "(x)", min: 1, max: 1, bind: bindFirst, fn: physical.AggFirst, desc: true, doc: "x of the last row, as FIRST_VALUE."},
	{name: "EARLIEST_BY_OFFSET", usage: "(x)", min: 1, max: 1, bind: bindFirstValue, fn: physical.AggFirst, doc: "FIRST_VALUE(x) IGNORE NULLS."},
	{name: "LATEST_BY_OFFSET", usage: "(x)", min: 1, max: 1, bind: bindFirstValue, fn: physical.AggFirst, desc: true, doc: "LAST_VALUE(x) IGNORE NULLS."},
	{name: "ARG_MIN", usage: "(x, y)", min: 2, max: 2, bind: bindBy, fn: physical.AggFirst, doc: "x of the row with the least y; of several the least x."},
	{name: "MIN_BY", usage: "(x, y)", min: 2, max: 2, bind: bindBy, fn: physical.AggFirst, doc: "The same as ARG_MIN."},
	{name: "ARG_MAX", usage: "(x, y)", min: 2, max: 2, bind: bindBy, fn: physical.AggFirst, desc: true, doc: "x of the row with the greatest y; of several the least x."},
	{name: "MAX_BY", usage: "(x, y)", min: 2, max: 2, bind: bindBy, fn: physical.AggFirst, desc: true, doc: "The same as ARG_MAX."},
	{name: "ANY_VALUE", usage: "(x)", min: 1, max: 1, bind: bindAny, fn: physical.AggMin, doc: "One of the values that are not NULL: the least."},

	{name: "APPROX_COUNT_DISTINCT", usage: "(x, …)", min: 1, max: 16, bind: bindApproxCount, fn: physical.AggApproxCountDistinct,
		doc: "How many different values there are, by HyperLogLog in at most 16 KB: exact up to 1,024, then two of three results are at most 0.81 % off."},
	{name: "APPROX_PERCENTILE", usage: "(x, 0.95)", min: 2, max: 2, bind: bindQuantile, fn: physical.AggPercentile, doc: "The value that 95 % of the values do not exceed, at most 1 % off: a DOUBLE."},
	{name: "QUANTILE", usage: "(x, 0.95)", min: 2, max: 2, bind: bindQuantile, fn: physical.AggPercentileCont, doc: "The same as PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY x)."},
	{name: "MEDIAN", usage: "(x)", min: 1, max: 1, bind: bindMedian, fn: physical.AggPercentileCont, quantile: 0.5, doc: "The same as PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x)."},
	{name: "PERCENTILE_CONT", usage: "(0.95) WITHIN GROUP (ORDER BY x)", min: 1, max: 1, bind: bindWithin, fn: physical.AggPercentileCont, doc: "The value at that share of the order, between two of them where it lies between, from a DDSketch: each of the two is at most 1 % off. A DOUBLE."},
	{name: "PERCENTILE_DISC", usage: "(0.95) WITHIN GROUP (ORDER BY x)", min: 1, max: 1, bind: bindWithin, fn: physical.AggPercentileDisc, doc: "The first value that is not below that share of the rows, exactly, of any type; keeps all values."},

	{name: "GROUP_CONCAT", usage: "([DISTINCT] x [ORDER BY y] [SEPARATOR ','])", min: 1, max: 16, bind: bindList, fn: physical.AggGroupConcat, doc: "The texts one after the other, by event time and position unless an order is given; cut at 1 MiB, which is counted as `nulled`."},
	{name: "JSON_ARRAYAGG", usage: "([DISTINCT] x [ORDER BY y])", min: 1, max: 1, bind: bindArray, fn: physical.AggJSONArray, doc: "The values as a JSON array, NULL included, in the order of GROUP_CONCAT and as long."},
	{name: "ARRAY_AGG", usage: "([DISTINCT] x [ORDER BY y])", min: 1, max: 1, bind: bindArray, fn: physical.AggJSONArray, doc: "The same as JSON_ARRAYAGG."},
	{name: "JSON_OBJECTAGG", usage: "(name, x)", min: 2, max: 2, bind: bindObject, fn: physical.AggJSONObject, doc: "A JSON object with a member for each name: its last value by event time and position, or, over rows that have neither, its greatest."},
	{name: "TOP_K", usage: "(x, k)", min: 2, max: 2, bind: bindTop, fn: physical.AggTopK, doc: "The k most frequent values as a JSON array, the most frequent first, exactly; keeps a count of each value."},
	{name: "HISTOGRAM", usage: "(x[, buckets])", min: 1, max: 2, bind: bindHistogram, fn: physical.AggHistogram, doc: "How often each value comes, as a JSON object; with a number of buckets, how many numbers lie in each of as many equal parts, as a JSON array."},
}

// aggregateNamed returns the entry of a name in upper case, nil if there is none.
func aggregateNamed(name string) *aggregate {
	if i, ok := aggregatePlaces[name]; ok {
		return &aggregates[i]
	}
	return nil
}

// aggregatePlaces is where each name stands in the registry.
var aggregatePlaces = func() map[string]int {
	m := make(map[string]int, len(aggregates))
	for i, a := range aggregates {
		m[a.name] = i
	}
	return m
}()

// Aggregates returns every aggregate, for help and completion.
func Aggregates() []Function {
	out := make([]Function, 0, len(aggregates)+1)
	for _, a := range aggregates {
		out = append(out, Function{Name: a.name, Usage: a.name + a.usage, Doc: a.doc})
	}
	return append(out, Function{Name: "GROUPING", Usage: "GROUPING(a, …)", Doc: "Of grouping sets: 1 where the row's set leaves the key out, else 0; of several keys one bit each."})
}

package windowagg

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"

	"weir/planner/physical"
	"weir/sql/types"
)

// agg is an aggregate of columns of the tests.
func agg(fn physical.AggFn, out types.Type, cols ...int) physical.Agg {
	a := physical.Agg{Fn: fn, Args: cols, Out: out}
	for _, c := range cols {
		a.In = append(a.In, colTypes[c])
	}
	return a
}

// orderedBy makes the last columns of an aggregate its order.
func orderedBy(a physical.Agg, desc ...bool) physical.Agg {
	a.Order = desc
	return a
}

// moreAggs is the aggregates that keep more than a number.
func moreAggs() []physical.Agg {
	u, d, s, j := types.UbigintType, types.DoubleType, types.VarcharType, types.JSONType
	concat := orderedBy(agg(physical.AggGroupConcat, s, colS, colV, colS), true, false)
	concat.Separator = "; "
	different := agg(physical.AggGroupConcat, s, colS)
	different.Distinct = true
	disc := agg(physical.AggPercentileDisc, types.BigintType, colV)
	disc.Quantile = 0.5
	top := orderedBy(agg(physical.AggTopK, j, colS, colS), false)
	top.K = 2
	return []physical.Agg{
		agg(physical.AggBitAnd, u, colV), agg(physical.AggBitOr, u, colV), agg(physical.AggBitXor, u, colV),
		agg(physical.AggVarPop, d, colV), agg(physical.AggVarSamp, d, colD),
		agg(physical.AggStddevPop, d, colD), agg(physical.AggStddevSamp, d, colV),
		orderedBy(agg(physical.AggFirst, s, colS, colTime, colV), false, true),
		orderedBy(agg(physical.AggFirst, types.BigintType, colV, colTime), true),
		orderedBy(agg(physical.AggFirst, d, colX, colS), false),
		concat, different,
		orderedBy(agg(physical.AggJSONArray, j, colX, colTime), false),
		orderedBy(agg(physical.AggJSONArray, j, colB, colTime), true),
		orderedBy(agg(physical.AggJSONObject, j, colS, colV, colTime), false),
		agg(physical.AggApproxCountDistinct, types.BigintType, colS, colK1),
		disc, top,
		agg(physical.AggHistogram, j, colS),
	}
}

// naive computes one of moreAggs; ok is false if a is none of these.
func naive(a physical.Agg, rows []row) (out string, ok bool) {
	in := a.Inputs()
	args, order := in[:len(in)-len(a.Order)], in[len(in)-len(a.Order):]
	rows = slices.Clone(rows)
	sort.SliceStable(rows, func(i, j int) bool {
		for n, c := range order {
			if x := compareColumn(rows[i], rows[j], c); x != 0 {
				return (x < 0) != a.Order[n]
			}
		}
		for _, c := range args {
			if x := compareColumn(rows[i], rows[j], c); x != 0 {
				return x < 0
			}
		}
		return false
	})
	switch a.Fn {
	case physical.AggFirst:
		if len(rows) == 0 {
			return "NULL", true
		}
		return textOf(rows[0], args[0]), true
	case physical.AggBitAnd, physical.AggBitOr, physical.AggBitXor:
		return naiveBits(a.Fn, present(rows, func(r row) *int64 { return r.v })), true
	case physical.AggVarPop, physical.AggVarSamp, physical.AggStddevPop, physical.AggStddevSamp:
		if args[0] == colD {
			return naiveSpread(a.Fn, present(rows, func(r row) *int64 { return r.d }), 100), true
		}
		return naiveSpread(a.Fn, present(rows, func(r row) *int64 { return r.v }), 1), true
	case physical.AggGroupConcat:
		var parts []string
		for _, r := range rows {
			if r.s != nil {
				parts = append(parts, *r.s)
			}
		}
		if parts == nil {
			return "NULL", true
		}
		return strconv.Quote(strings.Join(parts, a.Separator)), true
	case physical.AggApproxCountDistinct:
		return fmt.Sprint(len(different(rows, args))), true
	}
	return naiveJSON(a, args, rows)
}

func naiveBits(fn physical.AggFn, vals []int64) string {
	out := uint64(0)
	if fn == physical.AggBitAnd {
		out = math.MaxUint64
	}
	for _, v := range vals {
		switch fn {
		case physical.AggBitAnd:
			out &= uint64(v)
		case physical.AggBitOr:
			out |= uint64(v)
		default:
			out ^= uint64(v)
		}
	}
	return fmt.Sprint(out)
}

// naiveSpread is the mean squared difference from the mean, in fractions.
func naiveSpread(fn physical.AggFn, vals []int64, unit int64) string {
	n := int64(len(vals))
	divisor := n
	if fn == physical.AggVarSamp || fn == physical.AggStddevSamp {
		divisor--
	}
	if n == 0 || divisor == 0 {
		return "NULL"
	}
	mean := new(big.Rat)
	for _, v := range vals {
		mean.Add(mean, big.NewRat(v, unit))
	}
	mean.Mul(mean, big.NewRat(1, n))
	sum := new(big.Rat)
	for _, v := range vals {
		d := new(big.Rat).Sub(big.NewRat(v, unit), mean)
		sum.Add(sum, d.Mul(d, d))
	}
	v, _ := sum.Mul(sum, big.NewRat(1, divisor)).Float64()
	if fn == physical.AggStddevPop || fn == physical.AggStddevSamp {
		v = math.Sqrt(v)
	}
	return text(&v)
}

func naiveJSON(a physical.Agg, args []int, rows []row) (out string, ok bool) {
	element := func(r row, col int) string {
		if v := textOf(r, col); v != "NULL" {
			return v
		}
		return "null"
	}
	counts, lasts := map[string]int{}, map[string]string{}
	var names, parts []string
	for _, r := range rows {
		if a.Fn == physical.AggJSONArray {
			parts = append(parts, element(r, args[0]))
			continue
		}
		if r.s == nil {
			continue
		}
		if counts[*r.s]++; counts[*r.s] == 1 {
			names = append(names, *r.s)
		}
		lasts[*r.s] = element(r, args[len(args)-1])
	}
	quoted := func(s string) string { return strings.ReplaceAll(strconv.Quote(s), `\x00`, `\u0000`) }
	open, closing := "{", "}"
	switch a.Fn {
	case physical.AggJSONArray:
		open, closing = "[", "]"
	case physical.AggJSONObject:
		slices.Sort(names)
		for _, n := range names {
			parts = append(parts, quoted(n)+":"+lasts[n])
		}
	case physical.AggHistogram:
		for _, n := range names {
			parts = append(parts, fmt.Sprintf("%s:%d", quoted(n), counts[n]))
		}
	case physical.AggTopK:
		open, closing = "[", "]"
		slices.SortStableFunc(names, func(x, y string) int { return cmp.Compare(counts[y], counts[x]) })
		for _, n := range names[:min(len(names), int(a.K))] {
			parts = append(parts, quoted(n))
		}
	case physical.AggPercentileDisc:
		vals := present(rows, func(r row) *int64 { return r.v })
		if len(vals) == 0 {
			return "NULL", true
		}
		for i, v := range vals {
			if float64(i+1)/float64(len(vals)) >= a.Quantile {
				return fmt.Sprint(v), true
			}
		}
	default:
		return "", false
	}
	if parts == nil {
		return "NULL", true
	}
	return strconv.Quote(open + strings.Join(parts, ",") + closing), true
}

// compareColumn compares two rows by a column; NULL is the least value.
func compareColumn(a, b row, col int) int {
	switch col {
	case colTime:
		return cmp.Compare(a.ts, b.ts)
	case colV:
		return compareNull(a.v, b.v)
	case colX:
		return compareNull(a.x, b.x)
	case colD:
		return compareNull(a.d, b.d)
	case colS:
		return compareNull(a.s, b.s)
	case colK1:
		return compareNull(a.k1, b.k1)
	case colB:
		n := func(p *bool) *int {
			if p == nil {
				return nil
			}
			v := b2i(*p)
			return &v
		}
		return compareNull(n(a.b), n(b.b))
	}
	panic("no such column")
}

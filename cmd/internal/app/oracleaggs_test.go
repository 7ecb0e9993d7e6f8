package app

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// What the model of aggregates in oracle_test.go is made of.

func keyOf(e event) string {
	if e.K == nil {
		return ""
	}
	return "+" + *e.K
}

func numberOf(e event) string {
	if e.N == nil {
		return ""
	}
	return fmt.Sprint(*e.N)
}

func xOf(e event) any {
	if e.X == nil {
		return nil
	}
	return *e.X
}

// different returns the first row of each name that is not empty.
func different(rows []event, name func(event) string) (out []event) {
	seen := map[string]bool{"": true}
	for _, e := range rows {
		if n := name(e); !seen[n] {
			seen[n] = true
			out = append(out, e)
		}
	}
	return out
}

func positive(rows []event) (out []event) {
	for _, e := range rows {
		if e.N != nil && *e.N > 0 {
			out = append(out, e)
		}
	}
	return out
}

// byTime orders rows by event time, and those of one time as they are in the file.
func byTime(rows []event) []event {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b event) int { return cmp.Compare(*a.TS, *b.TS) })
	return rows
}

func join(rows []event, separator string) any {
	var out []string
	for _, e := range rows {
		if e.K != nil {
			out = append(out, *e.K)
		}
	}
	if out == nil {
		return nil
	}
	return strings.Join(out, separator)
}

// variance is the mean square less the square of the mean, in fractions.
func variance(vals []int64) any {
	if len(vals) == 0 {
		return nil
	}
	n, sum, squares := big.NewRat(int64(len(vals)), 1), new(big.Rat), new(big.Rat)
	for _, v := range vals {
		x := new(big.Rat).SetInt64(v)
		sum.Add(sum, x)
		squares.Add(squares, x.Mul(x, x))
	}
	mean := sum.Quo(sum, n)
	v, _ := squares.Quo(squares, n).Sub(squares, mean.Mul(mean, mean)).Float64()
	return v
}

// double returns a number of JSON as a float64, anything else as it is.
func double(t *testing.T, v any) any {
	n, ok := v.(json.Number)
	if !ok {
		return v
	}
	f, err := n.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

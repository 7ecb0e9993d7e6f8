package physical

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/sql/types"
)

// decodeExpr returns nil for nil. schema is what the expression reads.
func decodeExpr(in exprJSON, schema stream.Schema) (Expr, error) {
	var stack []Expr
	for i := range in {
		e, left, err := decodeTerm(&in[i], stack, len(schema))
		if err != nil {
			return nil, err
		}
		stack = left
		stack = append(stack, e)
	}
	switch {
	case len(stack) == 1:
		return stack[0], nil
	case in == nil:
		return nil, nil
	}
	return nil, fmt.Errorf("an expression of %d terms leaves %d values", len(in), len(stack))
}

// decodeTerm returns a term and what it leaves of the values before it.
func decodeTerm(in *termJSON, stack []Expr, width int) (Expr, []Expr, error) {
	switch {
	case in.Column != nil && in.Literal == nil && in.Call == nil:
		t, err := decodeType(in.Column.Type)
		if err == nil {
			err = columnsWithin([]int{in.Column.Index}, width)
		}
		return &Column{Index: in.Column.Index, T: t, Name: string(in.Column.Name)}, stack, err
	case in.Literal != nil && in.Column == nil && in.Call == nil:
		l, err := decodeLiteral(in.Literal)
		return l, stack, err
	case in.Call != nil && in.Column == nil && in.Literal == nil:
		t, err := decodeType(in.Call.Type)
		if err != nil {
			return nil, nil, err
		}
		from := len(stack) - in.Call.Args
		if in.Call.Args < 0 || from < 0 {
			return nil, nil, fmt.Errorf("the function %q has %d arguments, and %d values stand before it", in.Call.Fn, in.Call.Args, len(stack))
		}
		out := &Call{Fn: in.Call.Fn, Args: append([]Expr(nil), stack[from:]...), T: t}
		err = out.check()
		return out, stack[:from], err
	}
	return nil, nil, errors.New("a term is a column, a literal or a call")
}

// check refuses special forms without what they need.
func (c *Call) check() error {
	least := map[string]int{"case": 1, "in": 1, "cast": 1, "try_cast": 1, "date_add": 2, "neg": 1, "not": 1, "is_null": 1, "is_true": 1, "is_false": 1, "like": 2}
	if c.Fn == "" || len(c.Args) < least[c.Fn] {
		return fmt.Errorf("the function %q has %d arguments", c.Fn, len(c.Args))
	}
	return nil
}

func decodeLiteral(in *literalJSON) (*Literal, error) {
	t, err := decodeType(in.Type)
	if err != nil {
		return nil, err
	}
	out, n := &Literal{T: t}, 0
	is := func(there bool, value func() any) {
		if there {
			n++
			out.Value = value()
		}
	}
	is(in.Bool != nil, func() any { return *in.Bool })
	is(in.Int != nil, func() any { return *in.Int })
	is(in.Uint != nil, func() any { return *in.Uint })
	is(in.Text != nil, func() any { return string(*in.Text) })
	is(in.Span != nil, func() any { return Span{in.Span.Months, in.Span.Micros} })
	is(in.Float != "", func() any {
		var v float64
		v, err = strconv.ParseFloat(in.Float, 64)
		return v
	})
	is(in.Decimal != "", func() any {
		v, ok := new(big.Int).SetString(in.Decimal, 10)
		if !ok || v.BitLen() > 127 {
			err = fmt.Errorf("the DECIMAL literal %.50q", in.Decimal)
			return nil
		}
		return decimal128.FromBigInt(v)
	})
	if err == nil && (n > 1 || !fits(t.Kind, out.Value)) {
		err = fmt.Errorf("a literal of type %s cannot be %T", t, out.Value)
	}
	return out, err
}

// fits tells whether a value is one of a kind, as Literal says.
func fits(kind types.Kind, value any) bool {
	var ok bool
	switch kind {
	case types.Boolean:
		_, ok = value.(bool)
	case types.Bigint, types.Date, types.Time, types.Datetime:
		_, ok = value.(int64)
	case types.Ubigint:
		_, ok = value.(uint64)
	case types.Double:
		_, ok = value.(float64)
	case types.Varchar, types.Varbinary, types.JSON:
		_, ok = value.(string)
	case types.Decimal:
		_, ok = value.(decimal128.Num)
	case types.Interval:
		_, ok = value.(Span)
	}
	return ok || value == nil
}

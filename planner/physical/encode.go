package physical

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/sql/types"
)

// Encode returns a plan as bytes that Decode reads, in this version and, as long
// as it knows Version, in later ones. The same plan gives the same bytes. An error
// means that the plan holds something that no planner makes.
func Encode(p *Plan) ([]byte, error) {
	out := planJSON{Version: p.Version, AppendOnly: p.AppendOnly, Every: p.Every, Bounded: p.Bounded, TimeColumn: p.TimeColumn, EventTime: p.EventTime}
	if p.Key != nil {
		key := append([]int{}, p.Key...)
		out.Key = &key
	}
	var err error
	if out.Emit, err = word(p.Emit, emitWords()); err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	Walk(p.Root, func(n Node) {
		node, failed := encodeNode(n)
		out.Nodes, err = append(out.Nodes, node), errors.Join(err, failed)
	})
	if err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return json.Marshal(out)
}

// ID names what a plan computes: the first 16 hexadecimal digits of SHA-256 over
// Version and the plan's encoding. State that was kept for one plan is of no use
// to a plan with another id.
func ID(p *Plan) string {
	text, err := Encode(p)
	if err != nil {
		panic(err) // a plan that the planner made, or Decode, has an encoding
	}
	sum := sha256.Sum256(append([]byte(strconv.Itoa(Version)+" "), text...))
	return hex.EncodeToString(sum[:8])
}

func encodeNode(n Node) (out nodeJSON, err error) {
	switch n := n.(type) {
	case *Scan:
		out.Op = "scan"
		out.Scan, err = encodeScan(n)
	case *Filter:
		out.Op = "filter"
		out.Pred, err = encodeExpr(n.Pred)
	case *Project:
		out.Op, out.Names = "project", texts(n.Names)
		out.Exprs, err = encodeExprs(n.Exprs)
	case *WindowRows:
		out.Op = "window_rows"
		if out.Agg, err = encodeWindow(&WindowAgg{Window: n.Window}); err == nil {
			out.Pred, err = encodeExpr(n.Time)
		}
	case *Late:
		out.Op = "late"
		err = encodeLate(n, &out)
	case *Failed:
		out.Op = "failed"
		out.Failed, err = encodeFailed(n)
	case *WindowPartial:
		out.Op, out.TimeCol, out.WCol = "window_partial", n.TimeCol, n.WCol
		out.Agg, err = encodeWindow(&n.WindowAgg)
	case *Exchange:
		out.Op = "exchange"
	case *Expand:
		out.Op, out.ExpandKeys = "expand", n.Keys
		for _, bits := range n.Sets {
			out.Sets = append(out.Sets, strconv.FormatUint(bits, 2))
		}
	case *Union:
		out.Op, out.Inputs = "union", len(n.Ins)
	case *Stamp:
		out.Op, out.Hold = "stamp", n.Hold
	case *WindowFinal:
		out.Op = "window_final"
		out.Agg, err = encodeWindow(&n.WindowAgg)
	case *Fill:
		out.Op, out.FillKeys = "fill", n.Keys
		if out.Fill, err = word(n.Mode, fillWords()); err != nil {
			break
		}
		if out.Agg, err = encodeWindow(&WindowAgg{Window: n.Window}); err == nil {
			out.Exprs, err = encodeExprs(n.Values)
		}
	case *Sort:
		out.Op, out.Limit, out.Offset = "sort", n.Limit, n.Offset
		for _, k := range n.Keys {
			out.Keys = append(out.Keys, sortJSON(k))
		}
	case *Limit:
		out.Op, out.Limit, out.Offset = "limit", n.Count, n.Offset
	default:
		err = fmt.Errorf("unknown node %T", n)
	}
	return out, err
}

func encodeScan(s *Scan) (*scanJSON, error) {
	out := &scanJSON{
		Relation: textJSON(s.Relation), Columns: s.Columns,
		IdleTimeout: s.IdleTimeout, IdleAdvance: s.IdleAdvance, FutureTolerance: s.FutureTolerance, FromOldest: s.FromOldest,
	}
	var err error
	if out.Kind, err = word(s.Kind, sourceWords()); err != nil {
		return nil, err
	}
	for _, f := range s.Fields {
		t, err := encodeType(f.Type)
		if err != nil {
			return nil, err
		}
		out.Fields = append(out.Fields, fieldJSON{textJSON(f.Name), t})
	}
	for _, h := range s.Hidden {
		w, err := word(h, hiddenWords())
		if err != nil {
			return nil, err
		}
		out.Hidden = append(out.Hidden, w)
	}
	if out.EventTime, err = encodeExpr(s.EventTime); err != nil {
		return nil, err
	}
	out.Watermark, err = encodeExpr(s.Watermark)
	return out, err
}

func encodeWindow(w *WindowAgg) (*windowJSON, error) {
	out := &windowJSON{
		Size: w.Window.Size, Slide: w.Window.Slide, Offset: w.Window.Offset,
		SizeMonths: w.Window.SizeMonths, SlideMonths: w.Window.SlideMonths, OffsetMonths: w.Window.OffsetMonths,
		Zone: textJSON(w.Window.Zone), Gap: w.Window.Gap, Rows: w.Window.Rows, Every: w.Window.Every,
		Lateness: w.Lateness, Updates: w.Updates, Retracts: w.Retracts,
		Keys: w.Keys, KeyNames: texts(w.KeyNames), AggNames: texts(w.AggNames),
	}
	var err error
	if out.Kind, err = word(w.Window.Kind, windowWords()); err != nil {
		return nil, err
	}
	for _, t := range w.KeyTypes {
		et, err := encodeType(t)
		if err != nil {
			return nil, err
		}
		out.KeyTypes = append(out.KeyTypes, et)
	}
	for _, a := range w.Aggs {
		agg, err := encodeAgg(a)
		if err != nil {
			return nil, err
		}
		out.Aggs = append(out.Aggs, agg)
	}
	return out, nil
}

func encodeAgg(a Agg) (out aggJSON, err error) {
	out = aggJSON{
		Fn: string(a.Fn), Args: a.Args, Distinct: a.Distinct, Filtered: a.Filtered, Order: a.Order,
		K: a.K, Separator: textJSON(a.Separator),
	}
	for _, t := range a.In {
		in, err := encodeType(t)
		if err != nil {
			return out, err
		}
		out.In = append(out.In, in)
	}
	if a.Quantile != 0 {
		out.Quantile = strconv.FormatFloat(a.Quantile, 'g', -1, 64)
	}
	out.Out, err = encodeType(a.Out)
	return out, err
}

func encodeType(t types.Type) (typeJSON, error) {
	kind, err := word(t.Kind, kindWords())
	return typeJSON{kind, t.Precision, t.Scale, t.Length, t.Width, t.Unsigned}, err
}

func encodeExprs(list []Expr) ([]exprJSON, error) {
	var out []exprJSON
	for _, e := range list {
		x, err := encodeExpr(e)
		if err != nil {
			return nil, err
		}
		if x == nil {
			return nil, errors.New("an expression is missing")
		}
		out = append(out, x)
	}
	return out, nil
}

// encodeExpr returns nil for nil.
func encodeExpr(e Expr) (exprJSON, error) {
	if e == nil {
		return nil, nil
	}
	return appendExpr(nil, e)
}

func appendExpr(out exprJSON, e Expr) (exprJSON, error) {
	if e == nil {
		return nil, errors.New("an argument is missing")
	}
	t, err := encodeType(e.Type())
	if err != nil {
		return nil, err
	}
	switch e := e.(type) {
	case *Column:
		return append(out, termJSON{Column: &columnJSON{e.Index, textJSON(e.Name), t}}), nil
	case *Literal:
		l, err := encodeLiteral(e, t)
		return append(out, termJSON{Literal: l}), err
	case *Call:
		for _, a := range e.Args {
			if out, err = appendExpr(out, a); err != nil {
				return nil, err
			}
		}
		return append(out, termJSON{Call: &callJSON{e.Fn, len(e.Args), t}}), nil
	}
	return nil, fmt.Errorf("unknown expression %T", e)
}

func encodeLiteral(l *Literal, t typeJSON) (*literalJSON, error) {
	out := &literalJSON{Type: t}
	switch v := l.Value.(type) {
	case nil:
	case bool:
		out.Bool = &v
	case int64:
		out.Int = &v
	case uint64:
		out.Uint = &v
	case float64:
		out.Float = strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		text := textJSON(v)
		out.Text = &text
	case decimal128.Num:
		out.Decimal = v.BigInt().String()
	case Span:
		out.Span = &spanJSON{v.Months, v.Micros}
	default:
		return nil, fmt.Errorf("unknown literal %T", v)
	}
	return out, nil
}

func texts(in []string) []textJSON {
	var out []textJSON
	for _, s := range in {
		out = append(out, textJSON(s))
	}
	return out
}

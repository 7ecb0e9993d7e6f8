package physical

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"weir/operators/stream"
	"weir/sql/types"
	"weir/windows"
)

// ErrVersion is returned by Decode for a plan of a version that it does not know:
// what such a plan means has changed, or is not known yet.
var ErrVersion = errors.New("the plan is of another version")

// Decode reads what Encode wrote. It refuses other versions (ErrVersion), nodes,
// fields and words that it does not know, and plans that do not hold together:
// what it returns can be printed and has a schema.
func Decode(b []byte) (*Plan, error) {
	p, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	return p, nil
}

func decode(b []byte) (*Plan, error) {
	var in planJSON
	if err := strict(b, &in); err != nil {
		if v, ok := versionOf(b); ok && v != Version {
			return nil, fmt.Errorf("%w: %d, and this weir runs version %d", ErrVersion, v, Version)
		}
		return nil, err
	}
	if in.Version != Version {
		return nil, fmt.Errorf("%w: %d, and this weir runs version %d", ErrVersion, in.Version, Version)
	}
	p := &Plan{Version: in.Version, AppendOnly: in.AppendOnly, Every: in.Every, Bounded: in.Bounded, TimeColumn: in.TimeColumn, EventTime: in.EventTime}
	if in.Key != nil {
		p.Key = append([]int{}, *in.Key...)
	}
	var err error
	if p.Emit, err = meaning[EmitMode](in.Emit, emitWords()); err != nil {
		return nil, err
	}
	if p.Every < 0 || p.Every > 0 && p.Every < time.Microsecond {
		return nil, fmt.Errorf("results leave every %s", p.Every)
	}
	var stack []Node // what nothing reads yet
	for i := range in.Nodes {
		if stack, err = decodeNext(&in.Nodes[i], stack); err != nil {
			return nil, fmt.Errorf("node %d (%s): %w", i, in.Nodes[i].Op, err)
		}
	}
	if len(stack) != 1 {
		return nil, fmt.Errorf("%d nodes are read by none", len(stack))
	}
	p.Root = stack[0]
	width := len(p.Root.Schema())
	if p.TimeColumn < -1 || p.TimeColumn >= width {
		return nil, fmt.Errorf("time column %d of %d", p.TimeColumn, width)
	}
	if p.EventTime < -1 || p.EventTime >= width {
		return nil, fmt.Errorf("event time in column %d of %d", p.EventTime, width)
	}
	return p, columnsWithin(p.Key, width)
}

// unionMax bounds the inputs of a union.
const unionMax = 1000

// decodeNext puts a node in the place of those that it reads.
func decodeNext(n *nodeJSON, stack []Node) ([]Node, error) {
	takes := 1
	switch n.Op {
	case "scan":
		takes = 0
	case "union":
		if takes = n.Inputs; takes < 1 || takes > unionMax {
			return nil, fmt.Errorf("it reads %d nodes", takes)
		}
	}
	from := len(stack) - takes
	if from < 0 {
		return nil, fmt.Errorf("it reads %d nodes, and %d stand before it", takes, len(stack))
	}
	var made Node
	var err error
	switch takes {
	case 0:
		made, err = decodeNode(n, nil)
	case 1:
		made, err = decodeNode(n, stack[from])
	}
	if n.Op == "union" {
		made, err = decodeUnion(n, stack[from:])
	}
	return append(stack[:from:from], made), err
}

func decodeUnion(n *nodeJSON, ins []Node) (Node, error) {
	u := &Union{Ins: append([]Node(nil), ins...)}
	for _, in := range u.Ins {
		if len(in.Schema()) != len(u.Schema()) {
			return nil, errors.New("its inputs differ in the number of columns")
		}
		for i, f := range in.Schema() {
			if f.Type != u.Schema()[i].Type {
				return nil, fmt.Errorf("column %d is a %s and a %s", i, u.Schema()[i].Type, f.Type)
			}
		}
	}
	return u, n.onlyItsOwn(u)
}

func decodeNode(n *nodeJSON, input Node) (Node, error) {
	if input == nil && n.Op != "scan" {
		return nil, errors.New("it reads nothing")
	}
	var out Node
	var err error
	switch n.Op {
	case "scan":
		out, err = decodeScan(n.Scan)
	case "filter":
		var pred Expr
		if pred, err = decodeExpr(n.Pred, input.Schema()); err == nil && pred == nil {
			err = errors.New("a filter needs a predicate")
		}
		out = &Filter{In: input, Pred: pred}
	case "project":
		out, err = decodeProject(n, input)
	case "window_rows":
		out, err = decodeWindowRows(n, input)
	case "late":
		out, err = decodeLate(n, input)
	case "failed":
		out, err = decodeFailed(n.Failed, input)
	case "window_partial":
		p := &WindowPartial{In: input, TimeCol: n.TimeCol, WCol: n.WCol}
		if p.WindowAgg, err = decodeWindow(n.Agg); err == nil {
			err = p.check(len(input.Schema()))
		}
		out = p
	case "exchange":
		out = &Exchange{In: input}
	case "expand":
		out, err = decodeExpand(n, input)
	case "stamp":
		if n.Hold < HoldToEnd {
			err = fmt.Errorf("a watermark held back %s", n.Hold)
		}
		out = &Stamp{In: input, Hold: n.Hold}
	case "window_final":
		f := &WindowFinal{In: input}
		f.WindowAgg, err = decodeWindow(n.Agg)
		out = f
	case "fill":
		out, err = decodeFill(n, input)
	case "sort":
		s := &Sort{In: input, Limit: n.Limit, Offset: n.Offset}
		for _, k := range n.Keys {
			s.Keys = append(s.Keys, SortKey(k))
			err = errors.Join(err, columnsWithin([]int{k.Column}, len(input.Schema())))
		}
		out = s
	case "limit":
		out = &Limit{In: input, Count: n.Limit, Offset: n.Offset}
	default:
		return nil, errors.New("unknown node")
	}
	if err != nil {
		return nil, err
	}
	return out, n.onlyItsOwn(out)
}

// onlyItsOwn refuses fields that belong to another node.
func (n *nodeJSON) onlyItsOwn(made Node) error {
	again, err := encodeNode(made)
	if err != nil {
		return err
	}
	same := (n.Scan == nil) == (again.Scan == nil) && (n.Pred == nil) == (again.Pred == nil) && (n.Agg == nil) == (again.Agg == nil) && (n.Failed == nil) == (again.Failed == nil) &&
		len(n.Exprs) == len(again.Exprs) && len(n.Names) == len(again.Names) && len(n.Keys) == len(again.Keys) &&
		n.TimeCol == again.TimeCol && n.WCol == again.WCol && n.Limit == again.Limit && n.Offset == again.Offset && n.Hold == again.Hold && n.Inputs == again.Inputs &&
		n.Fill == again.Fill && n.FillKeys == again.FillKeys &&
		len(n.ExpandKeys) == len(again.ExpandKeys) && len(n.Sets) == len(again.Sets)
	if !same {
		return errors.New("it has a field of another node")
	}
	return nil
}

func decodeScan(in *scanJSON) (*Scan, error) {
	if in == nil {
		return nil, errors.New("what is scanned is missing")
	}
	s := &Scan{
		Relation: string(in.Relation), Columns: in.Columns,
		IdleTimeout: in.IdleTimeout, IdleAdvance: in.IdleAdvance, FutureTolerance: in.FutureTolerance, FromOldest: in.FromOldest,
	}
	var err error
	if s.Kind, err = meaning[SourceKind](in.Kind, sourceWords()); err != nil {
		return nil, err
	}
	for _, f := range in.Fields {
		t, err := decodeType(f.Type)
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, stream.Field{Name: string(f.Name), Type: t})
	}
	if len(s.Fields) != len(s.Columns) {
		return nil, fmt.Errorf("%d columns have %d names", len(s.Columns), len(s.Fields))
	}
	for _, c := range s.Columns {
		if c < 0 {
			return nil, fmt.Errorf("column %d of the relation", c)
		}
	}
	for _, w := range in.Hidden {
		h, err := meaning[Hidden](w, hiddenWords())
		if err != nil {
			return nil, err
		}
		s.Hidden = append(s.Hidden, h)
	}
	if s.EventTime, err = decodeExpr(in.EventTime, s.Schema()); err != nil {
		return nil, err
	}
	s.Watermark, err = decodeExpr(in.Watermark, s.Schema())
	return s, err
}

func decodeExpand(n *nodeJSON, input Node) (Node, error) {
	e := &Expand{In: input, Keys: n.ExpandKeys}
	if len(e.Keys) > 63 || len(n.Sets) == 0 || len(n.Sets) > 64 {
		return nil, fmt.Errorf("%d sets of %d keys", len(n.Sets), len(e.Keys))
	}
	for _, text := range n.Sets {
		bits, err := strconv.ParseUint(text, 2, 64)
		if err != nil {
			return nil, fmt.Errorf("the set %.80q", text)
		}
		e.Sets = append(e.Sets, bits)
	}
	return e, columnsWithin(e.Keys, len(input.Schema()))
}

func decodeProject(n *nodeJSON, input Node) (*Project, error) {
	p := &Project{In: input, Names: plain(n.Names)}
	if len(n.Exprs) != len(n.Names) {
		return nil, fmt.Errorf("%d expressions have %d names", len(n.Exprs), len(n.Names))
	}
	schema := input.Schema()
	for i := range n.Exprs {
		e, err := decodeExpr(n.Exprs[i], schema)
		if err == nil && e == nil {
			err = errors.New("an expression is missing")
		}
		if err != nil {
			return nil, err
		}
		p.Exprs = append(p.Exprs, e)
	}
	return p, nil
}

func decodeAgg(a aggJSON) (out Agg, err error) {
	out = Agg{
		Fn: AggFn(a.Fn), Args: a.Args, Distinct: a.Distinct, Filtered: a.Filtered, Order: a.Order,
		K: a.K, Separator: string(a.Separator),
	}
	if !out.Fn.Known() {
		return out, fmt.Errorf("unknown aggregate %q", a.Fn)
	}
	if a.Quantile != "" {
		if out.Quantile, err = strconv.ParseFloat(a.Quantile, 64); err != nil || !(out.Quantile >= 0 && out.Quantile <= 1) {
			return out, fmt.Errorf("the quantile %.50q", a.Quantile)
		}
	}
	for _, t := range a.In {
		in, err := decodeType(t)
		if err != nil {
			return out, err
		}
		out.In = append(out.In, in)
	}
	if out.Out, err = decodeType(a.Out); err != nil {
		return out, err
	}
	return out, out.check()
}

// check tells whether an aggregate has the columns that it says it has.
func (a Agg) check() error {
	behind := len(a.Order)
	if a.Filtered {
		behind++
		if n := len(a.In); n > 0 && a.In[n-1].Kind != types.Boolean {
			return fmt.Errorf("the filter of %s is a %s", a.Fn, a.In[n-1])
		}
	}
	args := len(a.Args) - behind
	if len(a.Args) != len(a.In) || args < 0 || (args == 0) != (a.Fn == AggCountStar || a.Fn.Marks()) && a.Fn != AggRows {
		return fmt.Errorf("%s of %d columns, %d types", a.Fn, len(a.Args), len(a.In))
	}
	return nil
}

// check tells whether the columns of an aggregation are columns of its input.
func (p *WindowPartial) check(width int) error {
	columns := append([]int(nil), p.Keys...)
	for _, a := range p.Aggs {
		columns = append(columns, a.Args...)
	}
	if p.Window.Kind != windows.None {
		columns = append(columns, p.TimeCol, p.WCol)
	}
	return columnsWithin(columns, width)
}

func columnsWithin(columns []int, width int) error {
	for _, c := range columns {
		if c < 0 || c >= width {
			return fmt.Errorf("column %d of %d", c, width)
		}
	}
	return nil
}

func decodeType(in typeJSON) (types.Type, error) {
	kind, err := meaning[types.Kind](in.Kind, kindWords())
	out := types.Type{Kind: kind, Precision: in.Precision, Scale: in.Scale, Length: in.Length, Width: in.Width, Unsigned: in.Unsigned}
	most := types.MaxDecimalPrecision
	if err == nil && (out.Precision < 0 || out.Precision > most || out.Scale < 0 || out.Scale > most || out.Length < 0 || !validWidth(out)) {
		err = fmt.Errorf("the type %s", out)
	}
	return out, err
}

// validWidth tells whether the width of a number is one that there is.
func validWidth(t types.Type) bool {
	switch {
	case t.Kind == types.Bigint && t.Width > 0:
		return t.Width%8 == 0 && t.Width <= 32
	case t.Kind == types.Double && t.Width == 32:
		return !t.Unsigned
	}
	return t.Width == 0 && !t.Unsigned
}

func plain(in []textJSON) []string {
	var out []string
	for _, t := range in {
		out = append(out, string(t))
	}
	return out
}

package planner

import (
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// viewsMax bounds how deep plain views may stand on each other.
const viewsMax = 32

// from binds the FROM of a query, and what a window there says.
func (b *binder) from(q *ast.Select) (*scope, error) {
	s, err := b.relation(q)
	if err != nil || q.From == nil || q.From.Window == nil {
		return s, err
	}
	return b.windowed(q, s)
}

// relation binds what FROM names.
func (b *binder) relation(q *ast.Select) (*scope, error) {
	if q.From == nil {
		return b.scan(&Relation{Kind: physical.SourceOne, Bounded: true})
	}
	if q.From.Query != nil {
		s, err := b.inFrom(q.From.Query, q.From.At)
		if err == nil && q.From.Alias != nil {
			s.table = q.From.Alias.Text
		}
		return s, err
	}
	if w := b.named(q.From); w != nil {
		return b.common(q.From, w)
	}
	rel, err := b.cfg.Relations.Relation(q.From)
	if err != nil {
		return nil, diag.From(err)
	}
	var s *scope
	switch {
	case rel.Lost != nil:
		s, err = b.lostRows(q.From, rel)
	case rel.Inline != nil:
		s, err = b.view(q.From, rel)
	default:
		s, err = b.scan(rel)
		if err != nil {
			err = elsewhere(err, q.From, rel.Name)
		}
	}
	if err != nil {
		return nil, err
	}
	s.table = q.From.Name.Text
	if q.From.Alias != nil {
		s.table = q.From.Alias.Text
	}
	return s, nil
}

// scan makes the scan of a relation, with its event time and watermark.
func (b *binder) scan(rel *Relation) (*scope, error) {
	if b.reads++; b.reads > readsMax {
		return nil, diag.New(diag.TooLarge, diag.Span{}, "a query reads at most %d relations, counting those in views and in WITH", readsMax)
	}
	b.live = !rel.Bounded
	scan := &logical.Scan{
		Kind: rel.Kind, Relation: rel.Name, Columns: rel.Columns, Bounded: rel.Bounded, Key: rel.Key,
		Hidden: []physical.Hidden{physical.HiddenArrival, physical.HiddenShard, physical.HiddenSeq, physical.HiddenSub, physical.HiddenW},
	}
	switch {
	case rel.Kind == physical.SourceView || rel.Kind == physical.SourceOne:
		scan.Hidden = scan.Hidden[4:]
	case rel.Bounded:
		scan.Hidden = scan.Hidden[1:]
	default:
		scan.IdleTimeout, scan.IdleAdvance, scan.FutureTolerance = rel.IdleTimeout, rel.IdleAdvance, rel.FutureTolerance
	}
	s := &scope{node: scan, columns: rel.Columns, table: rel.Name, rel: rel}
	if rel.Generated != nil {
		if err := b.generate(s, scan); err != nil {
			return nil, err
		}
	}
	switch {
	case rel.Watermark != nil:
		w := rel.Watermark
		x := &exprs{b: b, s: s, clause: "WATERMARK"}
		event, err := x.timeOf(&ast.Column{Node: w.Column.Node, Name: w.Column}, "the watermark's column")
		if err != nil {
			return nil, err
		}
		mark, err := x.timeOf(w.Expr, "the watermark")
		if err != nil {
			return nil, err
		}
		scan.EventTime, scan.Watermark = event, mark
	case !rel.Bounded:
		scan.EventTime = s.hidden(physical.HiddenArrival)
		scan.Watermark = scan.EventTime
	}
	return s, nil
}

// timeOf binds an expression that must be a DATETIME; a DATE becomes its midnight.
func (x *exprs) timeOf(e ast.Expr, what string) (physical.Expr, error) {
	out, err := x.bind(e)
	if err != nil {
		return nil, err
	}
	switch t := out.Type(); t.Kind {
	case types.Datetime:
		return out, nil
	case types.Date:
		return castTo(out, types.DatetimeType(0)), nil
	default:
		return nil, diag.New(diag.WrongType, e.Span(), "%s is a %s, not a DATETIME", what, t)
	}
}

// view plans a plain view in place.
func (b *binder) view(t *ast.Table, rel *Relation) (*scope, error) {
	for _, open := range b.views {
		if open == rel.Name {
			return nil, diag.New(diag.Unsupported, t.Span(), "the view `%s` reads itself", rel.Name)
		}
	}
	if len(b.views) == viewsMax {
		return nil, diag.New(diag.TooLarge, t.Span(), "more than %d views stand on each other", viewsMax)
	}
	b.views = append(b.views, rel.Name)
	outer := b.with
	b.with = nil // a view sees the catalog alone
	defer func() { b.views, b.with = b.views[:len(b.views)-1], outer }()
	if len(rel.Inline.OrderBy) > 0 || rel.Inline.Limit != nil {
		return nil, diag.New(diag.Unsupported, t.Span(), "the view `%s` has an ORDER BY or a LIMIT", rel.Name).
			WithHint("write them in the SELECT that reads the view")
	}
	if rel.Materialized {
		mode, every := b.mode, b.every
		b.mode = ast.EmitDefault
		defer func() {
			b.mode = mode
			if mode != ast.EmitDefault { // else what reads the view leaves as it does
				b.every = every
			}
		}()
	}
	in, err := b.body(rel.Inline)
	if err != nil {
		return nil, elsewhere(err, t, rel.Name)
	}
	return in.readable(in.list), nil
}

// readable returns the scope of a query that reads the rows of r; node is r's
// select list, arranged.
func (r *bound) readable(node logical.Node) *scope {
	sealed := r.group != nil || r.distinct != nil
	return &scope{
		node: node, columns: r.list.Schema()[:r.width], rel: r.scope.rel,
		inner: r.scope, list: r.list, group: r.group, sealed: sealed,
		aggregated: sealed || r.scope.aggregated,
		windowed:   r.windowed() && r.distinct == nil,
	}
}

// elsewhere moves an error that was found in another statement's text to where
// this one names the relation.
func elsewhere(err error, t *ast.Table, name string) error {
	e := *diag.From(err)
	e.Message = "in `" + name + "`: " + e.Message
	e.Span, e.Label = t.Span(), ""
	return &e
}

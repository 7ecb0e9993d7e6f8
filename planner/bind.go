package planner

import (
	"strconv"
	"strings"
	"time"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
	"weir/windows"
)

// binder binds one statement.
type binder struct {
	cfg       Config
	functions map[string]function
	live      bool          // the input never ends; known once FROM is bound
	mode      ast.EmitMode  // of the outermost query that has one
	every     time.Duration // of EMIT EVERY, where that is the mode
	seeds     int           // how many RAND() and UUID() were bound
	views     []string      // plain views that are being planned, outermost first
	with      *with         // the entries of WITH that can be named
	depth     int           // queries in FROM and in WITH that are being bound
	reads     int           // relations that were read
	moving    []movingWindow
}

func newBinder(cfg Config) *binder { return &binder{cfg: cfg, functions: functions()} }

// bound is a SELECT up to its select list; ORDER BY and LIMIT are not in it.
type bound struct {
	scope *scope
	group *grouping // nil: no aggregation
	list  *logical.Project
	names *namer // of list
	width int    // columns of list that the query shows
	// distinct is the select list of a SELECT DISTINCT, below the grouping of its
	// rows; list shows the groups. nil: no such grouping.
	distinct *logical.Project
}

// windowed tells whether the rows are the results of windows.
func (r *bound) windowed() bool {
	if r.group != nil {
		return r.group.agg.Window.Kind != windows.None
	}
	return r.scope.windowed
}

// query binds a whole query.
func (b *binder) query(q *ast.Select) (logical.Node, error) {
	r, err := b.body(q)
	if err != nil {
		return nil, err
	}
	root, err := b.arrange(q, r)
	if err != nil {
		return nil, err
	}
	if len(r.list.Exprs) > r.width {
		root = firstColumns(root, r.width)
	}
	return root, b.setEmit(q, root)
}

// body binds a query up to its ORDER BY: WITH, then the SELECT.
func (b *binder) body(q *ast.Select) (*bound, error) {
	if q.Emit != nil && b.mode == ast.EmitDefault { // what stands outside is bound first
		b.mode = q.Emit.Mode
		if err := b.setEvery(q.Emit); err != nil {
			return nil, err
		}
	}
	outer := b.with
	defer func() { b.with = outer }()
	for i := range q.CTEs {
		if err := b.declare(&q.CTEs[i], outer); err != nil {
			return nil, err
		}
	}
	if q.Set != nil {
		return b.union(q)
	}
	return b.selectList(q)
}

// arrange puts ORDER BY and LIMIT on a select list, which may have columns behind
// those that are shown.
func (b *binder) arrange(q *ast.Select, r *bound) (logical.Node, error) {
	keys, err := b.orderBy(q, r)
	if err != nil {
		return nil, err
	}
	count, skip, err := b.limit(q)
	if err != nil {
		return nil, err
	}
	switch {
	case len(keys) > 0:
		return &logical.Sort{In: r.list, Keys: keys, Limit: count, Offset: skip}, nil
	case count >= 0:
		return &logical.Limit{In: r.list, Count: count, Offset: skip}, nil
	}
	return r.list, nil
}

// firstColumns drops the columns that were only there to sort by.
func firstColumns(n logical.Node, width int) logical.Node {
	p := &logical.Project{In: n}
	for i, f := range n.Schema()[:width] {
		p.Exprs = append(p.Exprs, &physical.Column{Index: i, T: f.Type, Name: f.Name})
		p.Names = append(p.Names, f.Name)
	}
	return p
}

// selectList binds everything but ORDER BY and LIMIT.
func (b *binder) selectList(q *ast.Select) (*bound, error) {
	s, err := b.from(q)
	if err != nil {
		return nil, err
	}
	if q.Where != nil {
		pred, err := (&exprs{b: b, s: s, clause: "WHERE", aliases: aliasesOf(q)}).condition(q.Where)
		if err != nil {
			return nil, err
		}
		s.node = &logical.Filter{In: s.node, Pred: pred}
	}
	r := &bound{scope: s}
	if r.group, err = b.group(q, s); err != nil {
		return nil, err
	}
	if err := b.emit(q, r); err != nil {
		return nil, err
	}
	if err := b.items(q, r); err != nil {
		return nil, err
	}
	if err := b.fill(q, r); err != nil {
		return nil, err
	}
	if err := b.having(q, r); err != nil {
		return nil, err
	}
	if q.Distinct {
		return r, b.distinct(q, r)
	}
	return r, nil
}

// distinct groups the rows by everything that they show, unless their key is part
// of that: then no two are equal.
func (b *binder) distinct(q *ast.Select, r *bound) error {
	if keyOf(r.list) != nil {
		return nil
	}
	agg := &logical.Aggregate{In: r.list}
	out := &logical.Project{In: agg, Names: r.list.Names}
	for i, e := range r.list.Exprs {
		if err := noJSON(e, q.At, "telling rows apart by"); err != nil {
			return err
		}
		if e.Type().Kind == types.Null {
			r.list.Exprs[i] = castTo(e, types.VarcharType)
		}
		c := &physical.Column{Index: i, T: r.list.Exprs[i].Type(), Name: r.list.Names[i]}
		agg.Keys, agg.KeyNames = append(agg.Keys, c), append(agg.KeyNames, c.Name)
		out.Exprs = append(out.Exprs, c)
	}
	r.distinct, r.list = r.list, out
	return nil
}

// items binds the select list.
func (b *binder) items(q *ast.Select, r *bound) error {
	r.list = &logical.Project{In: r.scope.node}
	if r.group != nil {
		r.list.In = r.group.agg
	}
	x := &exprs{b: b, s: r.scope, g: r.group, clause: "SELECT"}
	r.names = newNamer()
	for i := range q.Items {
		it := &q.Items[i]
		if err := tooMany(len(r.list.Exprs)+1, "columns", it.At); err != nil {
			return err
		}
		if it.Star {
			if q.From == nil {
				return diag.New(diag.Syntax, it.At, "`*` means the columns of a relation, and there is no FROM").
					WithHint("name a stream, a view or a file: SELECT * FROM 'data.jsonl'")
			}
			if err := b.star(it, r); err != nil {
				return err
			}
			continue
		}
		e, err := x.bind(it.Expr)
		if err != nil {
			return err
		}
		if e.Type().Kind == types.Interval {
			return diag.New(diag.WrongType, it.Expr.Span(), "a column cannot hold an INTERVAL")
		}
		r.list.Exprs = append(r.list.Exprs, e)
		r.list.Names = append(r.list.Names, r.names.unique(itemName(it)))
	}
	r.width = len(r.list.Exprs)
	return nil
}

// columnsMax bounds the columns, keys and aggregates of a query; `*` may stand in
// it many times.
const columnsMax = 4096

func tooMany(n int, what string, at diag.Span) error {
	if n <= columnsMax {
		return nil
	}
	return diag.New(diag.TooLarge, at, "a query has at most %d %s", columnsMax, what)
}

// star expands `*`.
func (b *binder) star(it *ast.Item, r *bound) error {
	if it.Table != nil && !strings.EqualFold(it.Table.Text, r.scope.table) {
		return r.scope.noTable(it.Table)
	}
	if r.group != nil {
		return diag.New(diag.GroupMisuse, it.At, "`*` means nothing in a query that groups").
			WithHint("list the group keys and aggregates")
	}
	if err := tooMany(len(r.list.Exprs)+len(r.scope.columns), "columns", it.At); err != nil {
		return err
	}
	for i, f := range r.scope.columns {
		r.list.Exprs = append(r.list.Exprs, r.scope.field(i))
		r.list.Names = append(r.list.Names, r.names.unique(f.Name))
	}
	return nil
}

// itemName is the alias, the column's own name, or the text as it was written.
func itemName(it *ast.Item) string {
	if it.Alias != nil {
		return it.Alias.Text
	}
	if c, ok := unparen(it.Expr).(*ast.Column); ok {
		return c.Name.Text
	}
	return it.Text
}

func aliasesOf(q *ast.Select) []string {
	var out []string
	for _, it := range q.Items {
		if it.Alias != nil {
			out = append(out, it.Alias.Text)
		}
	}
	return out
}

// having binds HAVING and puts it between the aggregation and the select list.
func (b *binder) having(q *ast.Select, r *bound) error {
	if q.Having == nil {
		return nil
	}
	x := &exprs{b: b, s: r.scope, g: r.group, clause: "HAVING", list: r.list}
	pred, err := x.condition(q.Having)
	if err != nil {
		return err
	}
	// Without groups, as in MySQL, it is a WHERE that sees the select list.
	r.list.In = &logical.Filter{In: r.list.In, Pred: pred}
	return nil
}

// orderBy returns what to sort by; it appends to the select list what is not in it.
func (b *binder) orderBy(q *ast.Select, r *bound) ([]physical.SortKey, error) {
	if len(q.OrderBy) > 0 && b.live {
		return nil, diag.New(diag.Unsupported, orderSpan(q), "a live stream has no end, so its rows cannot be sorted").
			WithLabel("on a live stream").
			WithHint("CREATE MATERIALIZED VIEW v AS this query without ORDER BY, then SELECT * FROM v ORDER BY …")
	}
	var keys []physical.SortKey
	for _, o := range q.OrderBy {
		at, err := b.orderKey(o, r)
		if err != nil {
			return nil, err
		}
		if err := noJSON(r.list.Exprs[at], o.At, "sorting by"); err != nil {
			return nil, err
		}
		keys = append(keys, physical.SortKey{Column: at, Desc: o.Desc})
	}
	return keys, nil
}

func (b *binder) orderKey(o ast.Order, r *bound) (int, error) {
	switch e := unparen(o.Expr).(type) {
	case *ast.Literal:
		if e.Kind == ast.IntLiteral {
			n, err := strconv.Atoi(e.Text)
			if err != nil || n < 1 || n > r.width {
				return 0, diag.New(diag.UnknownColumn, e.At, "ORDER BY position %s is not in the select list", e.Text).
					WithHint("the select list has %d columns", r.width)
			}
			return n - 1, nil
		}
	case *ast.Column:
		if at := outputNamed(e, r.list.Names[:r.width]); at >= 0 {
			return at, nil
		}
	}
	x := &exprs{b: b, s: r.scope, g: r.group, clause: "ORDER BY", list: r.list}
	e, err := x.bind(o.Expr)
	if err != nil {
		return 0, err
	}
	if r.distinct != nil {
		if at := indexOf(r.distinct.Exprs, e); at >= 0 {
			return at, nil
		}
		return 0, diag.New(diag.GroupMisuse, o.At, "ORDER BY of a SELECT DISTINCT takes what is in the select list").
			WithLabel("of which of the equal rows?").
			WithHint("add it to the select list, or leave DISTINCT out")
	}
	if at := indexOf(r.list.Exprs, e); at >= 0 {
		return at, nil
	}
	if e.Type().Kind == types.Interval {
		return 0, diag.New(diag.WrongType, o.At, "rows cannot be sorted by an INTERVAL")
	}
	r.list.Exprs = append(r.list.Exprs, e)
	r.list.Names = append(r.list.Names, r.names.unique("$sort"))
	return len(r.list.Exprs) - 1, nil
}

// outputNamed returns the output column that an unqualified name means, -1 if none.
func outputNamed(c *ast.Column, names []string) int {
	if c.Table != nil {
		return -1
	}
	found := -1
	for i, n := range names {
		if n == c.Name.Text {
			return i
		}
		if found < 0 && strings.EqualFold(n, c.Name.Text) {
			found = i
		}
	}
	return found
}

// limit returns LIMIT and OFFSET; count is -1 if all rows are wanted.
func (b *binder) limit(q *ast.Select) (count, skip int64, err error) {
	if q.Limit == nil {
		return -1, 0, nil
	}
	if q.Limit.Offset > 0 && b.live {
		return 0, 0, diag.New(diag.Unsupported, q.Limit.At, "OFFSET on a live stream skips rows that nobody can name").
			WithHint("LIMIT alone is fine; OFFSET works on a materialized view")
	}
	return q.Limit.Count, q.Limit.Offset, nil
}

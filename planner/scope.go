package planner

import (
	"slices"
	"strings"

	"weir/operators/stream"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
	"weir/windows"
)

// scope is what the expressions of one SELECT can name: the visible columns are
// the first ones of node's schema.
type scope struct {
	node    logical.Node
	columns stream.Schema
	// computed is what generated columns stand for, over node's schema, and for
	// the others where they stand there; nil: columns are its first ones.
	computed []physical.Expr
	table    string // how columns may be qualified: the alias, else the name
	rel      *Relation

	// For a plain view that is planned in place: the scope that its own query
	// reads, and its select list, to which the binder appends what must pass
	// through unseen (`$w`, the event time, the arrival time).
	inner *scope
	list  *logical.Project
	// branches are those of a UNION, for which node is the union itself.
	branches []*branch
	// group is the aggregation of that query, sealed is set if its rows are groups:
	// then nothing of the rows below passes through.
	group  *grouping
	sealed bool
	// through is the window in FROM that GROUP BY means by its bounds; shows is the
	// one whose bounds are the last three columns.
	through *ast.Window
	shows   *windows.Spec
	// aggregated is set if the rows are the result of a GROUP BY inside a view.
	aggregated bool
	windowed   bool
	// lost is set if the rows are those that queries lose: what is known of them is
	// in their columns, and they have no event time to count windows by.
	lost bool
	// bare is set if hidden columns are out of sight.
	bare bool
}

// field returns the column at a position of the visible ones.
func (s *scope) field(i int) physical.Expr {
	if s.computed != nil {
		return s.computed[i]
	}
	return &physical.Column{Index: i, T: s.columns[i].Type, Name: s.columns[i].Name}
}

// generated returns the generated column that e names, -1 if it names none.
func (s *scope) generated(e ast.Expr) int {
	c, ok := unparen(e).(*ast.Column)
	if !ok || s.computed == nil {
		return -1
	}
	folded := -1
	for i, f := range s.columns {
		switch {
		case f.Name == c.Name.Text:
			return i
		case strings.EqualFold(f.Name, c.Name.Text):
			folded = i
		}
	}
	return folded
}

// lookup finds a column by name: as it is written, else without regard to case,
// else a hidden one. It returns nil without an error if there is none.
func (s *scope) lookup(c *ast.Column) (physical.Expr, error) {
	if c.Table != nil && !strings.EqualFold(c.Table.Text, s.table) {
		return nil, s.noTable(c.Table)
	}
	name := c.Name.Text
	found := -1
	for i, f := range s.columns {
		if f.Name == name {
			return s.field(i), nil
		}
		if strings.EqualFold(f.Name, name) {
			if found >= 0 {
				return nil, diag.New(diag.AmbiguousColumn, c.At, "`%s` is `%s` or `%s`", name, s.columns[found].Name, f.Name).
					WithHint("write the column as it is spelled")
			}
			found = i
		}
	}
	if found >= 0 {
		return s.field(found), nil
	}
	return s.lookupHidden(strings.ToLower(name)), nil
}

// noTable returns the error for a column of a table that the query does not have.
func (s *scope) noTable(name *ast.Name) *diag.Error {
	err := diag.New(diag.UnknownColumn, name.At, "there is no table `%s` in this query", name.Text)
	for _, f := range s.columns {
		if f.Type.Kind == types.JSON && strings.EqualFold(f.Name, name.Text) {
			return err.WithHint("`%s` is a column; what is in its JSON is written %s->>'$.name'", f.Name, physical.FormatName(f.Name))
		}
	}
	if s.table == "" {
		return err.WithHint("give the query in FROM a name: FROM (SELECT …) AS %s", physical.FormatName(name.Text))
	}
	return err.WithHint("the table is called `%s` here", s.table)
}

func (s *scope) lookupHidden(name string) physical.Expr {
	if s.bare {
		return nil
	}
	if s.lost {
		return nil
	}
	switch name {
	case "rowtime":
		return s.eventTime()
	case "_key":
		return s.key()
	}
	if s.inner != nil || s.branches != nil {
		return nil
	}
	for _, h := range []physical.Hidden{physical.HiddenArrival, physical.HiddenShard, physical.HiddenSeq, physical.HiddenSub} {
		if h.Field().Name == name {
			return s.hidden(h)
		}
	}
	return nil
}

// hidden returns a hidden column, nil if the relation has none of the kind.
func (s *scope) hidden(h physical.Hidden) physical.Expr {
	switch {
	case s.lost:
		return s.named(h.Field().Name)
	case s.inner != nil:
		return s.pass(s.inner.hidden(h), h.Field().Name)
	case s.branches != nil:
		return s.both(h.Field().Name, func(in *scope) physical.Expr { return in.hidden(h) })
	}
	scan := logical.ScanOf(s.node)
	for i, have := range scan.Hidden {
		if have == h {
			return &physical.Column{Index: len(scan.Columns) + i, T: h.Field().Type, Name: h.Field().Name}
		}
	}
	return nil
}

// key returns `_key`, the partition key as text.
func (s *scope) key() physical.Expr {
	if s.inner != nil || s.branches != nil || s.rel.Kind == physical.SourceView || s.rel.Kind == physical.SourceOne {
		return nil
	}
	for i, f := range s.columns {
		if s.rel.PartitionKey != "" && strings.EqualFold(f.Name, s.rel.PartitionKey) {
			return &physical.Call{Fn: "cast", Args: []physical.Expr{s.field(i)}, T: types.VarcharType}
		}
	}
	return &physical.Literal{T: types.VarcharType}
}

// eventTime returns the event time of the rows: of a window's result window_time.
// It is nil if there is none: the rows are groups without a window, or come from a
// bounded source that declares none.
func (s *scope) eventTime() physical.Expr {
	switch {
	case s.lost:
		return nil
	case s.branches != nil:
		return s.both("$time", (*scope).eventTime)
	case s.inner == nil:
		return logical.ScanOf(s.node).EventTime
	case s.sealed && s.windowed:
		return s.show(s.group.bound("window_time"), "$time")
	}
	return s.pass(s.inner.eventTime(), "$time")
}

// asRead tells whether the rows are those of one scan, each by itself: not those of
// a UNION, nor what a LIMIT left.
func (s *scope) asRead() bool {
	for ; s.inner != nil; s = s.inner {
		if s.node != logical.Node(s.list) {
			return false
		}
	}
	return s.branches == nil
}

// pass makes an expression over the rows that the inner query reads readable
// outside; nil where these rows are not the inner query's.
func (s *scope) pass(e physical.Expr, name string) physical.Expr {
	if s.sealed {
		return nil
	}
	return s.show(e, name)
}

// show makes an expression of the inner query's select list readable outside.
func (s *scope) show(e physical.Expr, name string) physical.Expr {
	if e == nil {
		return nil
	}
	at := indexOf(s.list.Exprs, e)
	if at < 0 {
		at = len(s.list.Exprs)
		s.list.Exprs = append(s.list.Exprs, e)
		s.list.Names = append(s.list.Names, name)
	}
	return &physical.Column{Index: at, T: e.Type(), Name: s.list.Names[at]}
}

// unknown returns the error for a name that nothing in the scope has.
func (s *scope) unknown(c *ast.Column, aliases []string) *diag.Error {
	name := c.Name.Text
	err := diag.New(diag.UnknownColumn, c.At, "there is no column `%s` in `%s`", name, s.table)
	switch {
	case s.branches != nil && s.table == "":
		err = diag.New(diag.UnknownColumn, c.At, "there is no column `%s` in the UNION", name)
	case s.table == "" && s.inner == nil && s.rel != nil && s.rel.Kind == physical.SourceOne:
		return diag.New(diag.UnknownColumn, c.At, "there is no column `%s` in a query without FROM", name).
			WithHint("name what it reads: FROM a stream, a view or a file; a text stands in single quotes")
	case s.table == "":
		err = diag.New(diag.UnknownColumn, c.At, "there is no column `%s` in the query in FROM", name)
	}
	switch strings.ToLower(name) {
	case "window_start", "window_end", "window_time", "window_rev", "is_final", "is_complete":
		return err.WithHint("add a window to GROUP BY, for example TUMBLE(%s, INTERVAL 1 MINUTE)", s.eventName())
	case "_arrival", "_shard", "_seq", "_sub", "_key", "rowtime":
		if s.bare {
			return err.WithHint("a generated column is computed from what was sent; name %s in the query", name)
		}
		if s.rel.Bounded {
			return err.WithHint("rows of a file or of a view do not have it")
		}
		return err.WithHint("a view shows the columns of its select list only")
	}
	if hint := s.kinesisName(name); hint != "" {
		return err.WithHint("%s", hint)
	}
	candidates := append(s.columns.Names(), aliases...)
	if near := diag.Suggest(name, candidates); near != "" {
		return err.WithHint("did you mean `%s`?", near)
	}
	return err.WithHint("the columns are %s", listNames(s.columns.Names()))
}

// kinesisName knows what Kinesis and its SQL call what each row has, and where the
// members of a raw stream's records are.
func (s *scope) kinesisName(name string) string {
	if s.rel == nil || s.inner != nil || s.bare || s.rel.Bounded {
		return ""
	}
	own := map[string]string{"approximate_arrival_time": "_arrival", "current_row_timestamp": "_arrival", "sequence_number": "_seq", "shard_id": "_shard", "partition_key": "_key"}
	if column := own[strings.ToLower(name)]; column != "" {
		return "each row of a stream has it as `" + column + "`"
	}
	if names := s.columns.Names(); slices.Contains(names, "data") && slices.Contains(names, "approximate_arrival_time") {
		return "a raw stream has " + listNames(names) + "; CREATE STREAM x (" + physical.FormatName(name) + " …) WITH (raw = '" + s.table + "', format = 'json') reads what is in data"
	}
	return ""
}

// eventName returns the column to write into a window.
func (s *scope) eventName() string {
	if c, ok := s.eventTime().(*physical.Column); ok && !strings.HasPrefix(c.Name, "$") {
		return physical.FormatName(c.Name)
	}
	if s.inner == nil && s.rel.Watermark != nil {
		return physical.FormatName(s.rel.Watermark.Column.Text)
	}
	for _, f := range s.columns {
		if f.Type.IsTime() {
			return physical.FormatName(f.Name)
		}
	}
	if s.rel.Bounded {
		return "ts"
	}
	return "_arrival"
}

// listNames prints some names for a hint.
func listNames(names []string) string {
	const most = 12
	var quoted []string
	for i, n := range names {
		if i == most {
			quoted = append(quoted, "…")
			break
		}
		quoted = append(quoted, "`"+n+"`")
	}
	return strings.Join(quoted, ", ")
}

// indexOf returns where e stands in list, -1 if it does not.
func indexOf(list []physical.Expr, e physical.Expr) int {
	for i, have := range list {
		if physical.Equal(have, e) {
			return i
		}
	}
	return -1
}

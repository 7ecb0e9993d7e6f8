package app

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/engine"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
	"weir/sql/types"
)

// cells is a result of text and, where no value is text, BIGINT or DOUBLE columns.
func (db *database) cells(names []string, rows [][]any) *result {
	schema := make(stream.Schema, len(names))
	for c, n := range names {
		schema[c] = stream.Field{Name: n, Type: types.VarcharType}
		text := func(r []any) bool { _, is := r[c].(string); return is }
		real := func(r []any) bool { _, is := r[c].(float64); return is }
		switch {
		case len(rows) == 0 || slices.ContainsFunc(rows, text):
		case slices.ContainsFunc(rows, real):
			schema[c].Type = types.DoubleType
		default:
			schema[c].Type = types.BigintType
		}
	}
	b := array.NewRecordBuilder(db.alloc, schema.Arrow())
	defer b.Release()
	for _, row := range rows {
		for c, v := range row {
			switch v := v.(type) {
			case string:
				b.Field(c).(*array.StringBuilder).Append(v)
			case int64:
				b.Field(c).(*array.Int64Builder).Append(v)
			case float64:
				b.Field(c).(*array.Float64Builder).Append(v)
			default:
				b.Field(c).AppendNull()
			}
		}
	}
	return fixedResult(schema, []stream.Batch{{RecordBatch: b.NewRecordBatch()}})
}

func (db *database) show(s *ast.Show) (*result, error) {
	var names []string
	var rows [][]any
	switch s.Kind {
	case ast.StreamObject:
		names = []string{"name", "shards", "partition_key", "watermark", "idle_timeout", "source", "retention", "oldest", "bytes"}
		for _, st := range db.catalog.Streams() {
			rows = append(rows, append(db.showStream(st), db.showRetained(st)...))
		}
	case ast.ViewObject, ast.MaterializedView:
		names = []string{"name", "kind", "rows", "watermark"}
		for _, v := range db.shownViews() {
			rows = append(rows, db.showView(v))
		}
	case ast.QueryObject:
		names = queryColumns()
		for _, m := range db.running() {
			rows = append(rows, showQuery(m.def.Name, m.describeState(), m.progress(), m.plan)...)
		}
		for _, w := range db.live.all() {
			rows = append(rows, w.showQuery()...)
		}
	case ast.ProcessList:
		names = processColumns()
		for _, w := range db.live.all() {
			rows = append(rows, w.showProcess())
		}
	case ast.PumpObject:
		names = pumpColumns()
		for _, m := range db.pumps() {
			rows = append(rows, m.showPump())
		}
	case ast.SinkObject:
		names = sinkColumns()
		for _, d := range db.deliveries() {
			rows = append(rows, d.show())
		}
	default:
		return nil, diag.New(diag.Unsupported, s.Span(), "SHOW %sS", s.Kind).
			WithHint("there are SHOW STREAMS, SHOW VIEWS, SHOW QUERIES, SHOW PUMPS, SHOW SINKS and SHOW PROCESSLIST")
	}
	if s.Like != nil {
		var err error
		if rows, err = likeRows(rows, *s.Like); err != nil {
			return nil, err
		}
	}
	return db.cells(names, rows), nil
}

func (db *database) showStream(s *catalog.Stream) []any {
	watermark, source := "_arrival", "log"
	if s.Watermark != nil {
		watermark = sql.PrintExpr(s.Watermark.Expr)
	}
	if s.Connector == "file" {
		source = s.Path
	}
	if s.Raw != "" {
		source = s.Raw
	}
	idle := "never"
	if s.IdleTimeout > 0 {
		idle = s.IdleTimeout.String()
	}
	return []any{s.Name, int64(db.shards(s)), s.PartitionKey, watermark, idle, source}
}

// shownViews are the views that somebody made, not those that keep the rows of a
// sink or are the query of a pump.
func (db *database) shownViews() []*catalog.View {
	return slices.DeleteFunc(db.catalog.Views(), func(v *catalog.View) bool { return v.Sink != "" || v.Into != "" })
}

func (db *database) showView(v *catalog.View) []any {
	if !v.Materialized {
		return []any{v.Name, "view", nil, nil}
	}
	m := db.runningView(v.ID)
	if m == nil {
		return []any{v.Name, "materialized view", nil, nil}
	}
	st := m.view.State()
	return []any{v.Name, "materialized view", int64(st.Rows), showTime(st.W)}
}

func queryColumns() []string {
	return []string{"name", "reads", "state", "in", "used", "filtered", "late", "error", "partly_late", "nulled", "watermark", "commit", "waiting_for"}
}

// showQuery is a row for each scan of a query, whose accounts close by themselves.
func showQuery(name, state string, p engine.Progress, plan *physical.Plan) [][]any {
	var rows [][]any
	for i, scan := range physical.Scans(plan.Root) {
		in := engine.InputProgress{W: stream.MinTime}
		if i < len(p.Inputs) { // else it has not begun
			in = p.Inputs[i]
		}
		row := []any{name, scan.Relation, state}
		l := in.Ledger
		for _, n := range []int64{l.In, l.Used, l.Filtered, l.Late, l.Errors, l.PartlyLate, l.Nulled} {
			row = append(row, n)
		}
		rows = append(rows, append(row, showTime(in.W), int64(p.Commit), waitingFor(p, plan)))
	}
	return rows
}

// showTime prints a watermark.
func showTime(t stream.Time) string {
	switch t {
	case stream.MinTime:
		return "none yet"
	case stream.MaxTime:
		return "ended"
	}
	return string(types.AppendDatetime(nil, int64(t), 3))
}

// likeRows keeps the rows whose first column matches a LIKE pattern, as in WHERE.
func likeRows(rows [][]any, pattern string) ([][]any, error) {
	text := func(s string) *physical.Literal { return &physical.Literal{T: types.VarcharType, Value: s} }
	var out [][]any
	for _, r := range rows {
		like := &physical.Call{Fn: "like", T: types.BooleanType, Args: []physical.Expr{text(r[0].(string)), text(pattern)}}
		e, err := expr.Fold(like)
		if err != nil {
			return nil, fmt.Errorf("match %s LIKE %s: %w", r[0], pattern, err)
		}
		if l, ok := e.(*physical.Literal); ok && l.Value == true {
			out = append(out, r)
		}
	}
	return out, nil
}

func (db *database) showCreate(s *ast.ShowCreate) (*result, error) {
	text := ""
	if st, ok := db.catalog.Stream(s.Name.Text); ok {
		text = st.Text
	} else if v, ok := db.catalog.View(s.Name.Text); ok {
		text = v.Text
	} else if k, ok := db.catalog.Sink(s.Name.Text); ok {
		text = k.Create
	} else {
		e := diag.From((&relations{db: db}).unknown(s.Name))
		e.Message = fmt.Sprintf("there is no stream, view, sink or query `%s`", s.Name.Text)
		return nil, e
	}
	return db.cells([]string{"name", "create"}, [][]any{{s.Name.Text, text}}), nil
}

// showCreateFile shows the stream that a file would be, with the columns that were
// found in its first rows. Names are quoted: whoever wrote the file chose them.
func (db *database) showCreateFile(s *ast.ShowCreate, rel *relations) (*result, error) {
	r, err := rel.file(&ast.Table{Node: s.Node, Name: s.Name, File: true})
	if err != nil {
		return nil, err
	}
	quoted := func(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
	text := func(t string) string { return sql.PrintExpr(&ast.Literal{Kind: ast.StringLiteral, Text: t}) }
	columns := make([]string, len(r.Columns))
	for i, f := range r.Columns {
		columns[i] = quoted(f.Name) + " " + f.Type.String()
	}
	path := s.Name.Text
	name := strings.TrimRight(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), ".")
	if name == "" {
		name = "rows"
	}
	format := rel.found[len(rel.found)-1].info.format
	create := fmt.Sprintf("CREATE STREAM %s (%s) WITH (connector = 'file', path = %s, format = %s)",
		quoted(name), strings.Join(columns, ", "), text(path), text(format))
	return db.cells([]string{"name", "create"}, [][]any{{name, create}}), nil
}

func (db *database) describe(s *ast.Describe, rel *relations) (*result, error) {
	if k, ok := db.catalog.Sink(s.Name.Text); ok && !s.File {
		return db.describeSink(k), nil
	}
	if v, ok := db.catalog.View(s.Name.Text); ok && v.Into != "" && !s.File {
		return db.describePump(v), nil
	}
	t := &ast.Table{Node: s.Node, Name: s.Name, File: s.File}
	r, err := rel.Relation(t)
	if err != nil {
		return nil, err
	}
	columns := r.Columns
	if r.Lost != nil {
		p, err := db.plan(&ast.Select{Node: s.Node, Items: []ast.Item{{Node: s.Node, Star: true}}, From: t}, &relations{db: db, notes: rel.notes})
		if err != nil {
			return nil, err
		}
		columns = p.Root.Schema()
	}
	if r.Inline != nil {
		v, _ := db.catalog.View(s.Name.Text)
		columns = v.Schema
	}
	rows := make([][]any, len(columns))
	for i, f := range columns {
		role := columnRole(r.Watermark, r.PartitionKey, r.Key, i, f.Name)
		if r.Generated != nil && r.Generated[i] != nil {
			role = strings.TrimSuffix("generated, "+role, ", ")
		}
		rows[i] = []any{f.Name, f.Type.String(), role}
	}
	return db.cells([]string{"column", "type", "role"}, rows), nil
}

// columnRole says what a column is for, beside holding data.
func columnRole(w *ast.Watermark, partition string, key []int, i int, name string) string {
	var roles []string
	if w != nil && strings.EqualFold(w.Column.Text, name) {
		roles = append(roles, "event time")
	}
	if partition != "" && strings.EqualFold(partition, name) {
		roles = append(roles, "partition key")
	}
	for _, k := range key {
		if k == i {
			roles = append(roles, "key")
		}
	}
	return strings.Join(roles, ", ")
}

func (db *database) explain(ctx context.Context, s *ast.Explain, rel *relations) (*result, error) {
	if s.Mode == ast.ExplainRewrite {
		rows := make([][]any, len(s.Rewrites))
		for i, r := range s.Rewrites {
			rows[i] = []any{fmt.Sprintf("%d-%d", r.At.Start, r.At.End), r.From, r.To, r.Why}
		}
		return db.cells([]string{"bytes", "from", "to", "why"}, rows), nil
	}
	switch s.Mode {
	case ast.ExplainAnalyze:
		return db.explainAnalyze(ctx, s, rel)
	case ast.ExplainWatermark:
		return db.explainWatermark(s)
	}
	var p *physical.Plan
	var err error
	switch st := s.Statement.(type) {
	case *ast.Select:
		p, err = db.plan(st, rel)
	case *ast.CreateView:
		p, err = db.planView(st, rel)
	default:
		return nil, diag.New(diag.Unsupported, s.Statement.Span(), "only a query has a plan").
			WithHint("EXPLAIN SELECT …, or EXPLAIN CREATE MATERIALIZED VIEW …")
	}
	if err != nil {
		return nil, err
	}
	var rows [][]any
	for line := range strings.Lines(physical.Print(p) + db.knownFrom(p, rel)) {
		rows = append(rows, []any{strings.TrimRight(line, "\n")})
	}
	return db.cells([]string{"plan"}, rows), nil
}

// knownFrom says in a line for each stream whose late rows a plan reads from which
// commit on these are known, if records in front of it are kept no more.
func (db *database) knownFrom(p *physical.Plan, rel *relations) string {
	var b strings.Builder
	scans := physical.Scans(p.Root)
	for i, s := range scans {
		if !s.FromOldest || db.log == nil {
			continue
		}
		def := rel.of(scans, i).stream
		from := db.log.Horizon(def.ID)
		if !db.log.HadRecords(def.ID, from.After) {
			continue
		}
		fmt.Fprintf(&b, "-- late rows of %s are known behind commit %d: its records up to there are not kept, and a row behind them that is late by one of theirs is not shown\n",
			physical.FormatName(def.Name), from.After)
	}
	return b.String()
}

// tickWindow is how long after the last record a silent log still has to tick:
// until every shard of every stream has become idle and its watermark has moved
// with the clock as far as it may.
func tickWindow(streams []*catalog.Stream) time.Duration {
	var most time.Duration
	for _, s := range streams {
		if s.Connector == "" && s.IdleTimeout > 0 {
			most = max(most, s.IdleTimeout+2*s.IdleAdvance+2*time.Second)
		}
	}
	return most
}

// forEach reads a result to its end.
func (r *result) forEach(ctx context.Context, f func(stream.Batch) error) error {
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return err
		}
		err = f(b)
		b.Release()
		if err != nil {
			return err
		}
	}
}

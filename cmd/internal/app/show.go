package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
	"weir/sql/types"
)

// textRows is a result of text columns.
func (db *database) textRows(names []string, rows [][]string) *result {
	schema := make(stream.Schema, len(names))
	for i, n := range names {
		schema[i] = stream.Field{Name: n, Type: types.VarcharType}
	}
	b := array.NewRecordBuilder(db.alloc, schema.Arrow())
	defer b.Release()
	for _, row := range rows {
		for i, v := range row {
			b.Field(i).(*array.StringBuilder).Append(v)
		}
	}
	return fixedResult(schema, []stream.Batch{{RecordBatch: b.NewRecordBatch()}})
}

func (db *database) show(s *ast.Show) (*result, error) {
	var names []string
	var rows [][]string
	switch s.Kind {
	case ast.StreamObject:
		names = []string{"name", "shards", "partition_key", "watermark", "idle_timeout", "source"}
		for _, st := range db.catalog.Streams() {
			rows = append(rows, showStream(st))
		}
	case ast.ViewObject, ast.MaterializedView:
		names = []string{"name", "kind", "rows", "watermark"}
		for _, v := range db.catalog.Views() {
			rows = append(rows, db.showView(v))
		}
	case ast.QueryObject:
		names = []string{"name", "state", "in", "used", "filtered", "late", "error", "partly_late", "nulled", "watermark", "commit"}
		for _, m := range db.running() {
			rows = append(rows, showQuery(m))
		}
	default:
		return nil, diag.New(diag.Unsupported, s.Span(), "SHOW %sS", s.Kind).
			WithHint("there are SHOW STREAMS, SHOW VIEWS and SHOW QUERIES")
	}
	if s.Like != nil {
		rows = likeRows(rows, *s.Like)
	}
	return db.textRows(names, rows), nil
}

func showStream(s *catalog.Stream) []string {
	watermark, source := "_arrival", "log"
	if s.Watermark != nil {
		watermark = sql.PrintExpr(s.Watermark.Expr)
	}
	if s.Connector == "file" {
		source = s.Path
	}
	idle := "never"
	if s.IdleTimeout > 0 {
		idle = s.IdleTimeout.String()
	}
	return []string{s.Name, fmt.Sprint(s.Shards), s.PartitionKey, watermark, idle, source}
}

func (db *database) showView(v *catalog.View) []string {
	if !v.Materialized {
		return []string{v.Name, "view", "", ""}
	}
	db.mu.Lock()
	m := db.views[v.ID]
	db.mu.Unlock()
	if m == nil {
		return []string{v.Name, "materialized view", "", ""}
	}
	st := m.view.State()
	return []string{v.Name, "materialized view", fmt.Sprint(st.Rows), showTime(st.W)}
}

func showQuery(m *materialized) []string {
	p := m.query.Progress()
	l := p.Ledger
	out := []string{m.def.Name, m.describeState()}
	for _, n := range []int64{l.In, l.Used, l.Filtered, l.Late, l.Errors, l.PartlyLate, l.Nulled} {
		out = append(out, fmt.Sprint(n))
	}
	return append(out, showTime(p.W), fmt.Sprint(p.Commit))
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

// likeRows keeps the rows whose first column matches a LIKE pattern.
func likeRows(rows [][]string, pattern string) [][]string {
	var out [][]string
	for _, r := range rows {
		if like(r[0], pattern) {
			out = append(out, r)
		}
	}
	return out
}

// like matches a name, in which % stands for anything and _ for one character.
func like(s, pattern string) bool {
	if pattern == "" {
		return s == ""
	}
	if pattern[0] == '%' {
		for i := 0; i <= len(s); i++ {
			if like(s[i:], pattern[1:]) {
				return true
			}
		}
		return false
	}
	return s != "" && (pattern[0] == '_' || pattern[0] == s[0]) && like(s[1:], pattern[1:])
}

func (db *database) showCreate(s *ast.ShowCreate) (*result, error) {
	text := ""
	if st, ok := db.catalog.Stream(s.Name.Text); ok {
		text = st.Text
	} else if v, ok := db.catalog.View(s.Name.Text); ok {
		text = v.Text
	} else {
		return nil, relations{db: db}.unknown(s.Name)
	}
	return db.textRows([]string{"name", "create"}, [][]string{{s.Name.Text, text}}), nil
}

func (db *database) describe(s *ast.Describe, rel relations) (*result, error) {
	t := &ast.Table{Node: s.Node, Name: s.Name, File: s.File}
	r, err := rel.Relation(t)
	if err != nil {
		return nil, err
	}
	columns := r.Columns
	if r.Inline != nil {
		v, _ := db.catalog.View(s.Name.Text)
		columns = v.Schema
	}
	rows := make([][]string, len(columns))
	for i, f := range columns {
		rows[i] = []string{f.Name, f.Type.String(), columnRole(r.Watermark, r.PartitionKey, r.Key, i, f.Name)}
	}
	return db.textRows([]string{"column", "type", "role"}, rows), nil
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

func (db *database) explain(s *ast.Explain, rel relations) (*result, error) {
	if s.Mode == ast.ExplainRewrite {
		rows := make([][]string, len(s.Rewrites))
		for i, r := range s.Rewrites {
			rows[i] = []string{fmt.Sprintf("%d-%d", r.At.Start, r.At.End), r.From, r.To, r.Why}
		}
		return db.textRows([]string{"bytes", "from", "to", "why"}, rows), nil
	}
	var q *ast.Select
	switch st := s.Statement.(type) {
	case *ast.Select:
		q = st
	case *ast.CreateView:
		q = st.Query
	default:
		return nil, diag.New(diag.Unsupported, s.Statement.Span(), "only a query has a plan").
			WithHint("EXPLAIN SELECT …, or EXPLAIN CREATE MATERIALIZED VIEW …")
	}
	p, err := db.plan(q, rel)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for line := range strings.Lines(physical.Print(p)) {
		rows = append(rows, []string{strings.TrimRight(line, "\n")})
	}
	return db.textRows([]string{"plan"}, rows), nil
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

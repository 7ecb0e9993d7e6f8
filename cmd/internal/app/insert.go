package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/ingest/assign"
	"weir/ingest/decode"
	"weir/ingest/httpapi"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// door is where rows go into streams, whoever brings them.
type door struct {
	target  target
	records *httpapi.Handler
}

// into finds the stream that an INSERT writes to, and which of its columns.
func (db *database) into(s *ast.Insert) (def *catalog.Stream, columns []int, err error) {
	def, ok := db.catalog.Stream(s.Into.Text)
	switch {
	case db.log == nil:
		return nil, nil, diag.New(diag.Unsupported, s.Span(), "an INSERT needs a server: `weir query` keeps nothing").
			WithHint("start `weir serve`, and send the statement with `weir sql`")
	case !ok:
		return nil, nil, db.noStream(s.Into)
	case def.Connector != "":
		return nil, nil, diag.New(diag.WrongObject, s.Into.At, "the stream `%s` is a file, and weir does not write into it", def.Name).
			WithHint("make a stream without a connector, and INSERT INTO that; CREATE SINK writes files")
	}
	if message, hint := noRows(def); message != "" {
		return nil, nil, diag.New(diag.WrongObject, s.Into.At, "%s", message).WithHint("%s", hint)
	}
	columns, err = def.InsertColumns(s.Columns)
	return def, columns, err
}

// noRows says why rows cannot be sent to a stream: its records are what clients of
// Kinesis put. It is empty if they can.
func noRows(def *catalog.Stream) (message, hint string) {
	switch {
	case def.Raw != "":
		return fmt.Sprintf("the stream `%s` shows the records of `%s`, and has none of its own", def.Name, def.Raw),
			fmt.Sprintf("put them into `%s` with a client of Kinesis; a stream without `raw` takes rows, and records of these clients too", def.Raw)
	case def.Format == "raw":
		return fmt.Sprintf("a record of the raw stream `%s` is a partition key and bytes, not a row", def.Name),
			"put it with a client of Kinesis, such as `aws kinesis put-record`; a stream with columns takes rows, and records of these clients too"
	}
	return "", ""
}

// noStream says that a name is none of a stream.
func (db *database) noStream(name ast.Name) error {
	if _, ok := db.catalog.View(name.Text); ok {
		return diag.New(diag.WrongObject, name.At, "`%s` is a view: its rows are computed", name.Text).
			WithHint("INSERT INTO a stream that the view reads")
	}
	e := diag.From((&relations{db: db}).unknown(name))
	e.Message = "there is no stream `" + name.Text + "`"
	return e
}

// insertRows appends the rows of INSERT … VALUES: all of them, or, where one is
// refused, none.
func (db *database) insertRows(ctx context.Context, s *ast.Insert, rel *relations) (*result, error) {
	def, columns, err := db.into(s)
	if err != nil {
		return nil, err
	}
	for i, row := range s.Rows {
		if len(row) != len(columns) {
			return nil, diag.New(diag.WrongArguments, rowSpan(row), "row %d has %d values, and `%s` takes %d", i+1, len(row), def.Name, len(columns)).
				WithHint("the columns are %s; name those that you have: INSERT INTO %s (…) VALUES (…)", def.InsertNames(columns), def.Name)
		}
	}
	text, err := db.recordsOf(ctx, s, def, columns, rel)
	if err != nil {
		return nil, err
	}
	to, ok := db.door.target.Lookup(def.Name)
	if !ok || to.ID != def.ID {
		return nil, dropped(def.Name)
	}
	// A row that is being written is written, whatever becomes of the client.
	done, err := db.door.records.Insert(context.WithoutCancel(ctx), httpapi.Insertion{
		Stream: to, Rows: text, Latest: to.LatestAt(stream.FromGo(db.now())), Whole: true,
	})
	if err != nil {
		message, hint := httpapi.Explain(err)
		return nil, diag.New(diag.External, diag.Span{}, "%s", message).WithHint("%s", hint)
	}
	if done.Refused > 0 {
		return nil, refusedRow(s, def, columns, done)
	}
	return db.cells([]string{"inserted", "commit"}, [][]any{{int64(done.Accepted), int64(done.Commit)}}), nil
}

// refusedRow points at the value that the stream does not take.
func refusedRow(s *ast.Insert, def *catalog.Stream, columns []int, done httpapi.Inserted) error {
	first := done.Errors[0]
	row := s.Rows[first.Row-1]
	at := rowSpan(row)
	for i, c := range columns {
		if def.Columns[c].Name == first.Column {
			at = row[i].Span()
		}
	}
	e := diag.New(diag.BadLiteral, at, "%s: %s", first.Code, first.Message)
	if len(s.Rows) > 1 {
		e = e.WithHint("%d of %d rows %s refused, and nothing was inserted", done.Refused, len(s.Rows), plural(int64(done.Refused), "is", "are"))
	}
	return e
}

func rowSpan(row []ast.Expr) diag.Span {
	var at diag.Span
	for _, e := range row {
		at = at.Join(e.Span())
	}
	return at
}

// recordsOf computes the values and returns the rows as JSON, a line each.
func (db *database) recordsOf(ctx context.Context, s *ast.Insert, def *catalog.Stream, columns []int, rel *relations) ([]byte, error) {
	// One SELECT of all values: NOW() is one moment, and no two UUID() are the same.
	q := &ast.Select{Node: s.Node}
	for _, row := range s.Rows {
		for _, e := range row {
			q.Items = append(q.Items, ast.Item{Node: ast.Node{At: e.Span()}, Expr: e, Text: "value"})
		}
	}
	p, err := db.plan(q, rel)
	if err != nil {
		e := diag.From(err)
		if e.Code == diag.UnknownColumn {
			e = e.WithHint("VALUES takes constants; a text stands in single quotes")
		}
		return nil, e
	}
	for n := p.Root; n != nil; n = n.Input() {
		switch n.(type) {
		case *physical.Project, *physical.Scan:
		default:
			return nil, diag.New(diag.GroupMisuse, s.Span(), "VALUES takes constants: there are no rows to aggregate").
				WithHint("write INSERT INTO %s SELECT …", def.Name)
		}
	}
	schema := p.Root.Schema()
	into := make([]decode.Column, len(columns))
	for i, c := range columns {
		into[i] = decode.Column{Name: def.Columns[c].Name, Type: def.Columns[c].Type}
	}
	for i, f := range schema {
		c := into[i%len(into)]
		if why := assign.Why(f.Type, c.Type); why != "" {
			return nil, diag.New(diag.WrongType, q.Items[i].At, "a %s is no value for the %s column `%s`", f.Type, c.Type, c.Name).WithHint("%s", why)
		}
	}
	values, err := db.oneRow(ctx, p, rel)
	if err != nil {
		return nil, err
	}
	defer values.Release()
	var out []byte
	for i := range s.Rows {
		from := i * len(into)
		w := assign.New(schema[from:from+len(into)], into)
		row := array.NewRecordBatch(arrow.NewSchema(values.Schema().Fields()[from:from+len(into)], nil), values.Columns()[from:from+len(into)], 1)
		var refused *assign.Refused
		out, refused = w.Append(out, row, 0)
		row.Release()
		if refused != nil {
			return nil, diag.New(diag.BadLiteral, s.Rows[i][refused.Column].Span(), "%s: %s", refused.Code, refused.Message)
		}
		out = append(out, '\n')
	}
	return out, nil
}

// oneRow runs a plan without FROM.
func (db *database) oneRow(ctx context.Context, p *physical.Plan, rel *relations) (_ arrow.RecordBatch, err error) {
	in, err := db.open(ctx, p, rel, "")
	if err != nil {
		return nil, err
	}
	res, err := startResult(ctx, p, in, db.alloc, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Close()) }()
	b, err := res.Next(ctx)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("a SELECT of constants has no row")
	}
	return b.RecordBatch, err
}

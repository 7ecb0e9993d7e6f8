package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/ingest/assign"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// pumpBegin is behind which commit a query reads one of its scans, for good: a
// restart that has nothing saved begins there again.
type pumpBegin struct {
	After stream.Commit `json:"after"`
	Ended bool          `json:"ended,omitempty"` // the end of the stream lies before
}

// createPump makes the query of INSERT INTO … SELECT, which runs until it is dropped.
func (db *database) createPump(ctx context.Context, s *ast.Insert, rel *relations) (*result, error) {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	to, columns, err := db.into(s)
	if err != nil {
		return nil, err
	}
	if err := noEnd(s.Query); err != nil {
		return nil, err
	}
	name, start, generated, err := db.pumpOptions(s)
	if err != nil {
		return nil, err
	}
	v := &ast.CreateView{Node: s.Node, Materialized: true, Name: name, Query: s.Query}
	made := &object{Kind: "query", Name: name.Text, change: change{Plan: db.redoChange.Plan, From: db.redoChange.From}}
	rel.making = "pump"
	p, why, err := db.viewPlan(v, rel, made)
	if err != nil {
		return nil, err
	}
	made.Kind = "query"
	if !db.replaying {
		if err := checkPump(s, to, columns, p); err != nil {
			return nil, err
		}
	}
	named := *s
	named.Called, named.Replace = &name, false
	def := &catalog.View{
		Name: name.Text, Materialized: true, Query: s.Query, Schema: p.Root.Schema(), Text: sql.Print(&named),
		Into: to.Name, IntoColumns: columns, IntoAt: s.Into.At,
	}
	if !db.replaying && s.Replace && db.runs(def) {
		return db.cells([]string{"query", "into"}, [][]any{{def.Name, def.Into}}), nil
	}
	if !db.replaying {
		release, err := db.beginPump(p, rel, start, made)
		if err != nil {
			return nil, atFrom(err, s.Query)
		}
		defer release()
	}
	def.Begins = commitsOf(made.From)
	before, _ := db.catalog.View(def.Name)
	undo := db.catalog.Undo()
	if _, err := db.catalog.AddView(def, s.Replace, false, name.At); err != nil {
		return nil, err
	}
	made.ID = def.ID
	var gone uint32
	if before != nil {
		gone = before.ID
	}
	text := s.Text
	if generated {
		text = "CREATE PUMP " + sql.QuoteName(name.Text) + " AS " + text
	}
	if err := db.persist(ctx, text, made, gone); err != nil {
		undo()
		return nil, err
	}
	if before != nil {
		delete(db.plans, before.ID)
		db.stopView(before.ID)
	}
	if db.replaying {
		db.plans[def.ID] = bound{p, why}
		return nil, nil
	}
	if err := db.startView(def, p, rel); err != nil {
		return nil, err
	}
	db.tick()
	return db.cells([]string{"query", "into"}, [][]any{{def.Name, def.Into}}), nil
}

// runs tells whether a query runs already that is the same. It reads the same, too: what
// it reads cannot be replaced meanwhile.
func (db *database) runs(def *catalog.View) bool {
	return slices.ContainsFunc(db.running(), func(m *materialized) bool {
		return m.def.Name == def.Name && m.def.Text == def.Text && m.failure() == nil
	})
}

// noEnd refuses what only a query with an end has.
func noEnd(q *ast.Select) error {
	if len(q.OrderBy) > 0 {
		return diag.New(diag.Unsupported, q.OrderBy[0].At, "INSERT INTO … SELECT goes on as rows come, so it cannot sort them").
			WithHint("write ORDER BY in the SELECT that reads a view over the stream")
	}
	if q.Limit != nil {
		return diag.New(diag.Unsupported, q.Limit.At, "INSERT INTO … SELECT goes on as rows come, and is not cut by LIMIT").
			WithHint("write LIMIT in the SELECT that reads the stream; DROP QUERY ends this one")
	}
	return nil
}

// pumpOptions returns what the query is called, and where it starts; generated says
// that the statement does not name it.
func (db *database) pumpOptions(s *ast.Insert) (name ast.Name, start string, generated bool, err error) {
	name, start = ast.Name{Node: ast.Node{At: s.Into.At}}, "earliest"
	if s.Called != nil {
		name = *s.Called
	}
	for _, o := range s.Query.With {
		switch strings.ToLower(o.Name.Text) {
		case "start":
			if _, err := parseStart(o.Value.Text, time.Time{}); err != nil {
				return name, "", false, diag.New(diag.BadOption, o.Value.At, "%s", err)
			}
			start = o.Value.Text
		case "name":
			if o.Value.Text == "" {
				return name, "", false, diag.New(diag.BadOption, o.Value.At, "the name is empty").WithHint("leave the option out, and the query gets a name: insert_1, insert_2 and so on")
			}
			if name.Text != "" && name.Text != o.Value.Text {
				return name, "", false, diag.New(diag.BadOption, o.Name.At, "the query is called `%s` already", name.Text).WithHint("keep one of the names")
			}
			name = ast.Name{Node: o.Value.Node, Text: o.Value.Text}
		case "ttl":
			return name, "", false, catalog.NoTTL(o)
		default:
			return name, "", false, diag.New(diag.BadOption, o.Name.At, "unknown option `%s` of INSERT INTO … SELECT", o.Name.Text).
				WithHint("it takes: name, start")
		}
	}
	if generated = name.Text == ""; generated {
		name.Text = db.catalog.FreeQuery()
	}
	return name, start, generated, nil
}

// checkPump refuses rows that the stream cannot take, and rows that do not stay.
func checkPump(s *ast.Insert, to *catalog.Stream, columns []int, p *physical.Plan) error {
	switch {
	case p.Bounded:
		return diag.New(diag.Unsupported, s.Query.At, "INSERT INTO … SELECT goes on as rows come, and this query reads no stream").
			WithHint("rows that are written out: INSERT INTO %s VALUES (…)", to.Name)
	case !p.AppendOnly:
		return diag.New(diag.Unsupported, s.Query.At, "rows of this query are replaced as it goes on, and a stream only grows").
			WithHint("group by a window, and write EMIT ON WINDOW CLOSE (without ALLOWED LATENESS): a row then leaves once, when it is final")
	}
	schema := p.Root.Schema()
	if len(schema) != len(columns) {
		return diag.New(diag.WrongArguments, s.Query.At, "the query has %d columns, and `%s` takes %d", len(schema), to.Name, len(columns)).
			WithHint("the columns are %s; name those that you have: INSERT INTO %s (…) SELECT …", to.InsertNames(columns), to.Name)
	}
	for i, c := range columns {
		col := to.Columns[c]
		if why := assign.Why(schema[i].Type, col.Type); why != "" {
			at := s.Query.At
			if len(s.Query.Items) == len(columns) && !s.Query.Items[i].Star {
				at = s.Query.Items[i].At
			}
			return diag.New(diag.WrongType, at, "`%s` is a %s, and the column `%s` of `%s` is a %s", schema[i].Name, schema[i].Type, col.Name, to.Name, col.Type).WithHint("%s", why)
		}
	}
	return nil
}

// beginPump fixes where the query begins, and holds the log there until release is
// called.
func (db *database) beginPump(p *physical.Plan, rel *relations, start string, made *object) (release func(), err error) {
	scans := physical.Scans(p.Root)
	for try := 1; ; try++ {
		head, _ := db.log.Head()
		made.From = nil
		least := head
		for i := range scans {
			b, err := db.startCommit(rel.of(scans, i).stream, start, head)
			if err != nil {
				return nil, err
			}
			made.From = append(made.From, pumpBegin{b.after, b.ended})
			least = min(least, b.after)
		}
		const name = "query that is made"
		if err := db.log.Hold(name, least); err == nil {
			return func() { db.log.Release(name) }, nil
		} else if try == startTries {
			return nil, tooSlow(err)
		}
	}
}

func commitsOf(from []pumpBegin) []catalog.Begin {
	var out []catalog.Begin
	for _, b := range from {
		out = append(out, catalog.Begin(b))
	}
	return out
}

// openPump opens what a query reads from its beginning.
func (db *database) openPump(m *materialized, rel *relations) (*input, error) {
	scans := physical.Scans(m.plan.Root)
	if len(scans) != len(m.def.Begins) {
		return nil, fmt.Errorf("the query reads %d streams and knows where %d begin", len(scans), len(m.def.Begins))
	}
	begins := make([]begin, len(scans))
	for i, b := range m.def.Begins {
		begins[i] = begin{after: b.After, ended: b.Ended}
	}
	in, err := db.scanLog(scans, rel, begins)
	if behindRetention(err) != nil {
		return nil, fmt.Errorf("%w: %w", errNoWayBack, err)
	}
	if err != nil {
		return nil, err
	}
	for i := range scans {
		life, err := db.lifeOf(rel.of(scans, i).stream)
		if err != nil {
			return nil, err
		}
		in.lives = append(in.lives, life)
	}
	return in, nil
}

// pumps returns the queries of INSERT INTO … SELECT that run, by name.
func (db *database) pumps() []*materialized {
	var out []*materialized
	for _, m := range db.running() {
		if m.def.Into != "" {
			out = append(out, m)
		}
	}
	return out
}

func pumpColumns() []string {
	return []string{"name", "reads", "into", "state", "written", "refused", "last_refused", "commit"}
}

// showPump is a row of SHOW PUMPS.
func (m *materialized) showPump() []any {
	var st pumped
	if m.pump != nil {
		st = m.pump.stats()
	}
	return []any{
		m.def.Name, strings.Join(relationsOf(m.plan), ", "), m.def.Into, m.describeState(),
		int64(st.written), int64(st.refused), st.refusal, int64(m.view.State().Commit), // which it knows once the rows are there
	}
}

// describePump lists the columns of the query, and where they go.
func (db *database) describePump(def *catalog.View) *result {
	to, _ := db.catalog.Stream(def.Into)
	var rows [][]any
	for i, f := range def.Schema {
		into := def.Into
		if to != nil {
			into += "." + to.Columns[def.IntoColumns[i]].Name
		}
		rows = append(rows, []any{f.Name, f.Type.String(), into})
	}
	return db.cells([]string{"column", "type", "into"}, rows)
}

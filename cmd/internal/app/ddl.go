package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/ingest/httpapi"
	"weir/ingest/kinesis"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/planner"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// change is a change of the catalog as the log keeps it: the statement as it was
// typed, since its text also names columns, and the id that it gave.
type change struct {
	Version int    `json:"v"`
	ID      uint32 `json:"id,omitempty"`
	SQL     string `json:"sql"`
	// Created is when a stream was made.
	Created stream.Time `json:"created,omitempty"`
	// Since is from when on the log has the records of a stream whose retention has
	// become longer.
	Since stream.Time `json:"since,omitempty"`
	// Kinesis is what Kinesis keeps of a stream, where there is something. A change
	// without SQL has only this to say.
	Kinesis *kinesis.Settings `json:"kinesis,omitempty"`
	// Account is what Kinesis keeps of the account, in a change of its own.
	Account *kinesis.Account `json:"account,omitempty"`
	// Plan is what a materialized view runs, bound and optimised: physical.Encode.
	Plan json.RawMessage `json:"plan,omitempty"`
	// From is where the query of INSERT INTO … SELECT begins, for each of its scans.
	From []pumpBegin `json:"from,omitempty"`
}

const changeVersion = 1

// persist writes a change to the log, then to the store. made is the object that it
// makes, gone the number of the one that it ends. Without a log nothing outlives
// the process.
func (db *database) persist(ctx context.Context, text string, made *object, gone uint32) error {
	if db.log == nil {
		return nil
	}
	c := change{Version: changeVersion, SQL: text}
	if made != nil {
		made.Version, made.SQL = changeVersion, text
		made.change.Version = changeVersion
		c = made.change
	}
	commit := db.redoing
	if !db.replaying {
		payload, err := json.Marshal(c)
		if err != nil {
			return err
		}
		// A statement that is being written is finished, whatever becomes of its client.
		if commit, err = db.log.Control(context.WithoutCancel(ctx), wal.Control{Kind: wal.DDL, Payload: payload}); err != nil {
			return notKept(err, len(payload))
		}
	}
	db.mu.Lock()
	if made != nil {
		db.made[made.ID] = commit
	}
	delete(db.made, gone)
	db.mu.Unlock()
	if !db.loading {
		db.saveCatalog(ctx, commit, made, gone)
	}
	return nil
}

// notKept is the error of a change that the log does not take.
func notKept(err error, size int) error {
	switch {
	case errors.Is(err, wal.ErrTooLarge):
		return diag.New(diag.TooLarge, diag.Span{}, "this statement and its plan take %d bytes, more than the log keeps of one", size).
			WithHint("what is constant is computed beforehand: write less of it, as of REPEAT('x', 1000000)")
	case httpapi.Busy(err):
		message, hint := httpapi.Explain(err)
		return diag.New(diag.External, diag.Span{}, "%s", message).WithHint("%s", hint)
	}
	return err
}

// madeAt returns the commit of the statement that made an object, 0 without a log.
func (db *database) madeAt(id uint32) stream.Commit {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.made[id]
}

// restore loads the catalog from the store, and runs the log's changes behind it
// again. Queries are not started.
func (db *database) restore(ctx context.Context) error {
	db.replaying, db.loading = true, true
	defer func() { db.replaying, db.loading = false, false }()
	from, err := db.restoreFrom(ctx)
	if err != nil {
		return fmt.Errorf("restore catalog: %w", err)
	}
	db.loading = false
	return db.log.EachControl(ctx, func(f *wal.Frame) error {
		if f.Commit <= from {
			return nil
		}
		var err error
		switch f.Control.Kind {
		case wal.DDL:
			var c change
			if err = json.Unmarshal(f.Control.Payload, &c); err == nil {
				db.redoAt = f.Arrival
				err = db.redo(ctx, &c, f.Commit)
			}
		case wal.Reshard:
			err = db.redoReshard(ctx, f)
		}
		if err != nil {
			return fmt.Errorf("restore catalog from commit %d: %w", f.Commit, err)
		}
		return nil
	})
}

// redo runs a change again that a commit made.
func (db *database) redo(ctx context.Context, c *change, commit stream.Commit) error {
	if c.Version != changeVersion {
		return fmt.Errorf("catalog change has version %d; this weir knows version %d", c.Version, changeVersion)
	}
	if c.SQL == "" {
		if c.Account != nil {
			db.storeAccount(ctx, commit, c.Account)
			return nil
		}
		if s, ok := db.catalog.StreamByID(c.ID); ok && c.Kinesis != nil {
			db.amendSettings(ctx, commit, s, c.Kinesis)
		}
		return nil
	}
	s, err := sql.ParseOne(c.SQL)
	if err != nil {
		return err
	}
	if c.ID > 0 {
		db.catalog.Reserve(c.ID - 1) // the next object gets the number that it had
	}
	db.redoing, db.redoChange = commit, *c
	defer func() { db.redoing, db.redoChange = 0, change{} }()
	_, err = db.statement(ctx, s, func(string, ...any) {})
	return err
}

func (db *database) createStream(ctx context.Context, s *ast.CreateStream, note func(string, ...any)) error {
	return db.createStreamWith(ctx, s, nil, note)
}

// createStreamWith makes a stream with what Kinesis keeps of it; nil: nothing.
func (db *database) createStreamWith(ctx context.Context, s *ast.CreateStream, settings *kinesis.Settings, note func(string, ...any)) error {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	def, err := catalog.NewStream(s)
	if err != nil {
		return err
	}
	def.Created = stream.FromGo(db.now())
	if db.replaying {
		def.Created, def.Since, settings = db.redoChange.Created, db.redoChange.Since, db.redoChange.Kinesis
	}
	text := s.Text
	if def.Connector == "file" && !db.replaying {
		if text, err = db.declareFile(s, def, note); err != nil {
			return err
		}
	}
	plain := *s
	plain.OrReplace, plain.IfNotExists = false, false
	def.Text = sql.Print(&plain)
	if old, ok := db.catalog.Stream(def.Name); ok && s.OrReplace {
		return sameStream(old, def, s.Name.At)
	}
	if err := planner.CheckStream(def.Name, def.Columns, def.Generated, def.Watermark); err != nil {
		return err
	}
	undo := db.catalog.Undo()
	created, err := db.catalog.AddStream(def, s.IfNotExists, s.Name.At)
	if err != nil || !created {
		return err
	}
	if settings != nil {
		db.kinesis.Store(def.ID, settings)
	}
	if err := db.persist(ctx, text, &object{Kind: "stream", Name: def.Name, change: change{ID: def.ID, Created: def.Created, Kinesis: settings}}, 0); err != nil {
		undo()
		db.kinesis.Delete(def.ID)
		return err
	}
	db.tick()
	return nil
}

// sameStream refuses to replace a stream by another one: its records would be lost.
func sameStream(old, def *catalog.Stream, at diag.Span) error {
	if old.Text == def.Text {
		return nil
	}
	return diag.New(diag.ObjectExists, at, "there is a stream `%s` already, and this statement makes a different one", def.Name).
		WithHint("OR REPLACE leaves a stream as it is where nothing changes. SHOW CREATE STREAM %s says how it was made; DROP STREAM %s removes it with its records",
			sql.QuoteName(def.Name), sql.QuoteName(def.Name))
}

// noOptions refuses WITH (…) behind the query of a view, which has nothing to set.
func noOptions(with []ast.Option) error {
	if len(with) == 0 {
		return nil
	}
	if with[0].Name.Text == "ttl" {
		return catalog.NoTTL(with[0])
	}
	return diag.New(diag.BadOption, with[0].Name.At, "unknown option `%s` of a view's query", with[0].Name.Text).
		WithHint("leave it out; the options of a view stand between its name and AS")
}

func (db *database) createView(ctx context.Context, s *ast.CreateView, rel *relations) error {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	if err := noOptions(s.Query.With); err != nil {
		return err
	}
	def := &catalog.View{Name: s.Name.Text, Materialized: s.Materialized, Query: s.Query, Text: sql.Print(s)}
	made := &object{Kind: "view", Name: def.Name, change: change{Plan: db.redoChange.Plan}}
	p, why, err := db.viewPlan(s, rel, made)
	if err != nil {
		return err
	}
	def.Schema, def.Key = p.Root.Schema(), p.Key
	if def.Retention, err = catalog.ViewRetention(s, p.EventTime >= 0); err != nil {
		return err
	}
	before, _ := db.catalog.View(def.Name)
	undo := db.catalog.Undo()
	created, err := db.catalog.AddView(def, s.OrReplace, s.IfNotExists, s.Name.At)
	if err != nil || !created {
		return err
	}
	made.ID = def.ID
	var gone uint32
	if before != nil {
		gone = before.ID
	}
	if err := db.persist(ctx, s.Text, made, gone); err != nil {
		undo()
		return err
	}
	if before != nil {
		delete(db.plans, before.ID)
		db.stopView(before.ID)
	}
	switch {
	case !s.Materialized:
		return nil
	case db.replaying:
		db.plans[def.ID] = bound{p, why}
		return nil
	}
	if err := db.startView(def, p, rel); err != nil || before == nil {
		return err
	}
	db.sayReplay(def, rel)
	return nil
}

// sayReplay says what a view that takes the place of another one is made from.
func (db *database) sayReplay(def *catalog.View, rel *relations) {
	m := db.runningView(def.ID)
	if m == nil || db.log == nil {
		return
	}
	head, _ := db.log.Head()
	bytes, streams := int64(0), []string{}
	for _, r := range rel.found {
		if r.stream != nil && !slices.Contains(streams, r.stream.Name) {
			n, _ := db.retained(r.stream)
			bytes, streams = bytes+n, append(streams, r.stream.Name)
		}
	}
	rel.notes("`%s` is made again from what is kept of %s: %d commits, %d bytes of records; SHOW VIEWS says how many rows it has",
		def.Name, strings.Join(streams, ", "), head-min(head, m.from), bytes)
}

// viewPlan plans a view, or takes the plan that a materialized view was stored
// with; why says that this one cannot be run. The plan goes into made.
func (db *database) viewPlan(s *ast.CreateView, rel *relations, made *object) (p *physical.Plan, why, err error) {
	if s.Materialized {
		made.Kind = "materialized view"
	}
	if s.Materialized && db.redoChange.Plan != nil {
		return db.boundView(s, rel, db.redoChange.Plan)
	}
	if p, err = db.planView(s, rel); err != nil || !s.Materialized {
		return p, nil, err
	}
	made.Plan, err = physical.Encode(p)
	return p, nil, err
}

// planView plans the query of a view that is being made.
func (db *database) planView(s *ast.CreateView, rel *relations) (*physical.Plan, error) {
	if !s.Materialized {
		p, err := db.plan(s.Query, rel)
		if err != nil {
			return nil, err
		}
		return p, db.noViewOverFile(s, p, rel)
	}
	rel.follow = true
	p, err := planner.PlanView(s.Query, db.planConfig(rel))
	if err != nil {
		return nil, err
	}
	return p, db.noViewOverFile(s, p, rel)
}

// startView runs a view's plan. The caller holds db.ddl.
func (db *database) startView(def *catalog.View, p *physical.Plan, rel *relations) error {
	m, err := db.materialize(def, p, rel)
	if err != nil {
		return err
	}
	db.mu.Lock()
	db.views[def.ID] = m
	db.mu.Unlock()
	return nil
}

// startViews runs the stored plan of every materialized view of a restored catalog.
// The caller holds db.ddl since the catalog was restored: no statement has changed it.
func (db *database) startViews() error {
	for _, v := range db.catalog.Views() {
		if !v.Materialized {
			continue
		}
		b := db.plans[v.ID]
		if b.err != nil {
			db.cannotRun(v, b.plan, fmt.Errorf("its stored plan cannot be run: %w", b.err))
			continue
		}
		rel := &relations{db: db, notes: func(string, ...any) {}}
		rel.bound(b.plan)
		err := db.startView(v, b.plan, rel)
		if errors.Is(err, errNoWayBack) {
			db.cannotRun(v, b.plan, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("start view %s: %w", v.Name, err)
		}
	}
	clear(db.plans)
	return nil
}

func (db *database) stopView(id uint32) {
	db.mu.Lock()
	m := db.views[id]
	delete(db.views, id)
	db.mu.Unlock()
	if m == nil {
		return
	}
	m.stop()
	db.discard(id)
}

// discard deletes in the background what the store has of an object that was dropped.
func (db *database) discard(id uint32) {
	if db.saver != nil {
		db.saver.drop(id)
	}
}

func (db *database) drop(ctx context.Context, s *ast.Drop) error {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	view, _ := db.catalog.View(s.Name.Text)
	from, _ := db.catalog.Stream(s.Name.Text)
	sink, _ := db.catalog.Sink(s.Name.Text)
	if sink != nil && sink.Own {
		view, _ = db.catalog.View(sink.View)
	}
	undo := db.catalog.Undo()
	dropped, err := db.catalog.Drop(s.Kind, s.Name, s.IfExists)
	if err != nil || !dropped {
		return err
	}
	var gone uint32
	switch {
	case view != nil:
		gone = view.ID
		delete(db.plans, gone)
	case from != nil:
		gone = from.ID
	case sink != nil:
		gone = sink.ID
	}
	if err := db.persist(ctx, sql.Print(s), nil, gone); err != nil {
		undo()
		return err
	}
	if sink != nil {
		db.dropSink(sink)
	}
	if view != nil {
		db.stopView(view.ID)
	}
	if from != nil {
		db.endLife(from)
		db.routers.Delete(from.ID)
		db.kinesis.Delete(from.ID)
		db.discard(from.ID)
	}
	db.tick()
	return nil
}

// wake returns how a query that holds rows back for the clock asks the log for a tick.
func (db *database) wake() func(stream.Time) {
	if db.log == nil {
		return nil
	}
	return db.log.TickBy
}

// tick tells the log for how long after the last record some shard can still
// become idle or its watermark move with the clock, and how long records are kept.
func (db *database) tick() {
	if db.log == nil {
		return
	}
	db.retain()
	// A query that runs keeps the idle_timeout that it began with.
	db.ticks = max(db.ticks, tickWindow(db.catalog.Streams()))
	db.log.SetTickWindow(db.ticks)
}

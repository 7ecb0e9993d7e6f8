package app

import (
	"context"
	"encoding/json"
	"fmt"

	"weir/ingest/wal"
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
}

const changeVersion = 1

// persist writes a change to the log. Without a log nothing outlives the process.
func (db *database) persist(ctx context.Context, id uint32, text string) error {
	if db.log == nil || db.replaying {
		return nil
	}
	payload, err := json.Marshal(change{Version: changeVersion, ID: id, SQL: text})
	if err != nil {
		return err
	}
	// A statement that is being written is finished, whatever becomes of its client.
	_, err = db.log.Control(context.WithoutCancel(ctx), wal.Control{Kind: wal.DDL, Payload: payload})
	return err
}

// restore runs the log's changes of the catalog again. Queries are not started.
func (db *database) restore(ctx context.Context) error {
	db.replaying = true
	defer func() { db.replaying = false }()
	return db.log.EachControl(ctx, func(f *wal.Frame) error {
		if f.Control.Kind != wal.DDL {
			return nil
		}
		if err := db.redo(ctx, f.Control.Payload); err != nil {
			return fmt.Errorf("restore catalog from commit %d: %w", f.Commit, err)
		}
		return nil
	})
}

func (db *database) redo(ctx context.Context, payload []byte) error {
	var c change
	if err := json.Unmarshal(payload, &c); err != nil {
		return err
	}
	if c.Version != changeVersion {
		return fmt.Errorf("catalog change has version %d; this weir knows version %d", c.Version, changeVersion)
	}
	s, err := sql.ParseOne(c.SQL)
	if err != nil {
		return err
	}
	if c.ID > 0 {
		db.catalog.Reserve(c.ID - 1) // the next object gets the number that it had
	}
	_, err = db.statement(ctx, s, func(string, ...any) {})
	return err
}

func (db *database) createStream(ctx context.Context, s *ast.CreateStream, note func(string, ...any)) error {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	def, err := catalog.NewStream(s)
	if err != nil {
		return err
	}
	text := s.Text
	if def.Connector == "file" && !db.replaying {
		if text, err = db.declareFile(s, def, note); err != nil {
			return err
		}
	}
	def.Text = sql.Print(s)
	if err := planner.CheckWatermark(def.Name, def.Columns, def.Watermark); err != nil {
		return err
	}
	created, err := db.catalog.AddStream(def, s.IfNotExists, s.Name.At)
	if err != nil || !created {
		return err
	}
	if err := db.persist(ctx, def.ID, text); err != nil {
		return err
	}
	db.tick()
	return nil
}

// noOptions refuses WITH (…) behind a view: there is nothing to set yet.
func noOptions(with []ast.Option) error {
	if len(with) == 0 {
		return nil
	}
	return diag.New(diag.BadOption, with[0].Name.At, "unknown option `%s` of a view", with[0].Name.Text).
		WithHint("a view takes no options; leave out WITH (…)")
}

func (db *database) createView(ctx context.Context, s *ast.CreateView, rel *relations) error {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	if err := noOptions(append(s.With, s.Query.With...)); err != nil {
		return err
	}
	def := &catalog.View{Name: s.Name.Text, Materialized: s.Materialized, Query: s.Query, Text: sql.Print(s)}
	p, err := db.planView(s, rel)
	if err != nil {
		return err
	}
	def.Schema, def.Key = p.Root.Schema(), p.Key
	before, _ := db.catalog.View(def.Name)
	created, err := db.catalog.AddView(def, s.OrReplace, s.IfNotExists, s.Name.At)
	if err != nil || !created {
		return err
	}
	if err := db.persist(ctx, def.ID, s.Text); err != nil {
		return err
	}
	if before != nil {
		db.stopView(before.ID)
	}
	if db.replaying || !s.Materialized {
		return nil
	}
	return db.startView(def, p, rel)
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
	p, err := planner.PlanView(s.Query, db.planConfig(rel))
	if err != nil {
		return nil, err
	}
	if err := db.noViewOverFile(s, p, rel); err != nil {
		return nil, err
	}
	return p, noViewOverView(s.Query, p)
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

// startViews plans and runs every materialized view of a restored catalog.
func (db *database) startViews() error {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	for _, v := range db.catalog.Views() {
		if !v.Materialized {
			continue
		}
		rel := &relations{db: db, notes: func(string, ...any) {}}
		p, err := planner.PlanView(v.Query, db.planConfig(rel))
		if err == nil {
			err = db.startView(v, p, rel)
		}
		if err != nil {
			return fmt.Errorf("start view %s: %w", v.Name, err)
		}
	}
	return nil
}

func (db *database) stopView(id uint32) {
	db.mu.Lock()
	m := db.views[id]
	delete(db.views, id)
	db.mu.Unlock()
	if m != nil {
		m.stop()
	}
}

func (db *database) drop(ctx context.Context, s *ast.Drop) error {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	view, _ := db.catalog.View(s.Name.Text)
	stream, _ := db.catalog.Stream(s.Name.Text)
	sink, _ := db.catalog.Sink(s.Name.Text)
	dropped, err := db.catalog.Drop(s.Kind, s.Name, s.IfExists)
	if err != nil || !dropped {
		return err
	}
	if err := db.persist(ctx, 0, sql.Print(s)); err != nil {
		return err
	}
	if view != nil {
		db.stopView(view.ID)
	}
	if sink != nil {
		db.dropSink(sink)
	}
	if stream != nil {
		db.endLife(stream)
	}
	db.tick()
	return nil
}

// tick tells the log for how long after the last record some shard can still
// become idle or its watermark move with the clock.
func (db *database) tick() {
	if db.log == nil {
		return
	}
	db.log.SetTickWindow(tickWindow(db.catalog.Streams()))
}

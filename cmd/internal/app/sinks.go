package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"weir/operators/sinks"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// delivery is a sink that runs, or that could not be started.
type delivery struct {
	def    *catalog.Sink
	view   *materialized // nil: it does not run
	runner *sinks.Runner // nil: err tells why
	hold   *views.Hold   // keeps the changes that are not delivered yet; nil: it does not run
	err    error
	cancel context.CancelFunc
	done   chan struct{} // closed when the runner has ended
}

// createSink makes a sink, and the view that it needs where it has a query.
func (db *database) createSink(ctx context.Context, s *ast.CreateSink, rel *relations) error {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	if db.log == nil {
		return diag.New(diag.Unsupported, s.Span(), "a sink needs a server: `weir query` ends").
			WithHint("start `weir serve`, and send the statement with `weir sql`")
	}
	def, err := catalog.NewSink(s)
	if err != nil {
		return err
	}
	if _, ok := db.catalog.Sink(def.Name); ok && s.IfNotExists {
		return nil
	}
	def.Create = sql.Print(catalog.Masked(s))
	text := s.Text
	if def.Text("id") == "" || !def.Given("id") {
		text = withID(s, def)
	}
	made := &object{Kind: "sink", Name: def.Name, change: change{Plan: db.redoChange.Plan}}
	own, b, err := db.ownView(s, def, rel, made)
	if err != nil {
		return err
	}
	if !db.replaying {
		if err := db.checkSink(s, def, b.plan); err != nil {
			return err
		}
	}
	view := ast.Name{}
	if s.From != nil {
		view = *s.From
	}
	undo := db.catalog.Undo()
	created, err := db.catalog.AddSink(def, own, s.IfNotExists, s.Name, view)
	if err != nil || !created {
		return err
	}
	made.ID = def.ID
	if own != nil { // the first of the two that the statement makes
		made.ID = own.ID
	}
	if err := db.persist(ctx, text, made, 0); err != nil {
		undo()
		return err
	}
	if db.replaying {
		if own != nil {
			db.plans[own.ID] = b
		}
		return nil
	}
	if own != nil {
		if err := db.startView(own, b.plan, rel); err != nil {
			return err
		}
	}
	db.startSink(def)
	return nil
}

// withID draws the name by which the destination knows the sink again, and
// returns the statement with it: a server that begins with an empty log must not
// take what another one has delivered for its own.
func withID(s *ast.CreateSink, def *catalog.Sink) string {
	id := rand.Text()
	def.SetID(id)
	end := s.With[len(s.With)-1].At.End - s.At.Start // the connector, if nothing else
	return s.Text[:end] + ", id = '" + id + "'" + s.Text[end:]
}

// ownView plans the query of a sink, or takes the plan that it was stored with;
// without a query there is nothing. The plan goes into made.
func (db *database) ownView(s *ast.CreateSink, def *catalog.Sink, rel *relations, made *object) (*catalog.View, bound, error) {
	if s.Query == nil {
		return nil, bound{}, nil
	}
	v := &ast.CreateView{Node: s.Node, Materialized: true, Name: ast.Name{Node: s.Name.Node, Text: def.View}, Query: s.Query}
	kind := made.Kind
	rel.making = "sink"
	p, why, err := db.viewPlan(v, rel, made)
	made.Kind = kind
	if err != nil {
		return nil, bound{}, err
	}
	return &catalog.View{
		Name: def.View, Materialized: true, Query: s.Query, Schema: p.Root.Schema(), Key: p.Key, Text: sql.Print(v), Sink: def.Name,
	}, bound{p, why}, nil
}

// objects returns how many objects the statements of the catalog have made. The
// view that a sink made for itself is none of its own.
func (db *database) objects() int {
	n := len(db.catalog.Names())
	for _, s := range db.catalog.Sinks() {
		if !s.Own {
			n++
		}
	}
	return n
}

// checkSink refuses a sink that its destination could not take, before there is
// anything. p is the plan of its own view, nil if it reads another.
func (db *database) checkSink(s *ast.CreateSink, def *catalog.Sink, p *physical.Plan) error {
	if s.From != nil {
		if err := db.catalog.CheckSink(def, *s.From); err != nil {
			return err
		}
		v, _ := db.catalog.View(def.View)
		m := db.runningView(v.ID)
		if m == nil {
			return viewError(def.View, views.ErrViewClosed)
		}
		p = m.plan
	}
	_, err := db.buildSink(def, shapeOf(p))
	return atOption(err, s)
}

// startSinks runs every sink of a restored catalog. The caller holds db.ddl since
// it was restored.
func (db *database) startSinks() {
	for _, def := range db.catalog.Sinks() {
		db.startSink(def)
	}
}

// startSink runs a sink. One that cannot be made, because the server was started
// without what it needs, is listed as stopped. The caller holds db.ddl.
func (db *database) startSink(def *catalog.Sink) {
	d := &delivery{def: def, done: make(chan struct{})}
	if d.err = db.makeRunner(d); d.err != nil {
		close(d.done)
		db.logger.Error("sink cannot start", "sink", def.Name, "error", d.err)
	} else {
		ctx, cancel := context.WithCancel(db.ctx)
		d.cancel = cancel
		db.wg.Go(func() {
			defer close(d.done)
			d.runner.Run(ctx)
		})
	}
	db.mu.Lock()
	db.sinks[def.ID] = d
	db.mu.Unlock()
}

func (db *database) makeRunner(d *delivery) error {
	v, ok := db.catalog.View(d.def.View)
	if !ok {
		return fmt.Errorf("there is no view %s", d.def.View)
	}
	if d.view = db.runningView(v.ID); d.view == nil {
		return fmt.Errorf("the view %s does not run", d.def.View)
	}
	made, err := db.buildSink(d.def, shapeOf(d.view.plan))
	if err != nil {
		return err
	}
	made.cfg.Name, made.cfg.Logger = d.def.Name, db.logger
	made.cfg.Source = viewSource{db, d.view}
	if d.runner, err = sinks.NewRunner(made.cfg); err == nil {
		d.hold = d.view.view.Hold(fmt.Sprintf("sink %d", d.def.ID))
	}
	return err
}

// delivered lets the view forget what the destination has.
func (d *delivery) delivered() {
	if d.hold == nil {
		return
	}
	if c := d.runner.Stats().Cursor; c > d.hold.Commit() {
		d.hold.Advance(c)
	}
}

// dropSink ends a sink that the catalog no longer has.
func (db *database) dropSink(def *catalog.Sink) {
	db.mu.Lock()
	d := db.sinks[def.ID]
	delete(db.sinks, def.ID)
	db.mu.Unlock()
	if d != nil {
		d.stop()
		if d.hold != nil {
			d.hold.Release()
		}
	}
	if c, ok := db.cursors.(storedCursors); ok {
		if err := c.forget(db.ctx, def.Text("id")); err != nil {
			db.logger.Warn("cursor of a sink that was dropped stays", "sink", def.Name, "error", err)
		}
	}
}

// stop ends the runner and waits for it.
func (d *delivery) stop() {
	if d.cancel != nil {
		d.cancel()
	}
	<-d.done
}

// deliveries returns every sink that runs, by name.
func (db *database) deliveries() []*delivery {
	db.mu.Lock()
	defer db.mu.Unlock()
	var out []*delivery
	for _, def := range db.catalog.Sinks() {
		if d := db.sinks[def.ID]; d != nil {
			out = append(out, d)
		}
	}
	return out
}

// viewSource is a view as a sink reads it. It implements sinks.Source.
type viewSource struct {
	db *database
	m  *materialized
}

// Content returns the content of the view, and then its changes.
func (v viewSource) Content() (sinks.Feed, error) {
	f, err := v.m.view.Feed(v.columns(), true, v.db.alloc)
	if err != nil {
		return nil, feedError(err)
	}
	return &viewFeed{Feed: f}, nil
}

// After returns the changes behind a commit.
func (v viewSource) After(commit stream.Commit) (sinks.Feed, error) {
	now := v.m.view.State()
	f, err := v.m.view.FeedAfter(commit, v.columns(), v.db.alloc)
	if err != nil {
		return nil, feedError(err)
	}
	return &viewFeed{Feed: f, at: now}, nil
}

func (v viewSource) columns() []int {
	all := make([]int, len(v.m.view.Schema()))
	for i := range all {
		all[i] = i
	}
	return all
}

// viewFeed is a feed in the words of sinks.
type viewFeed struct {
	*views.Feed
	// at is what the view showed when a feed of changes was opened. Steps without
	// changes up to there are not in the feed: that it came so far is told once
	// nothing is left before it.
	at views.State
}

// Next returns the next step.
func (f *viewFeed) Next(ctx context.Context) (*stream.StepData, error) {
	if f.at.Commit == 0 {
		data, err := f.Feed.Next(ctx)
		return data, feedError(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel() // what is there, without waiting
	data, err := f.Feed.Next(ended)
	switch {
	case err == nil && data.Commit >= f.at.Commit:
		f.at.Commit = 0
	case err != nil && errors.Is(err, context.Canceled) && ctx.Err() == nil:
		data, err = &stream.StepData{Step: f.at.Step, Commit: f.at.Commit, Clock: f.at.Clock}, nil
		f.at.Commit = 0
	}
	return data, feedError(err)
}

func feedError(err error) error {
	switch {
	case errors.Is(err, views.ErrForgotten):
		return fmt.Errorf("%w: %w", sinks.ErrForgotten, err)
	case errors.Is(err, views.ErrSlowReader):
		return fmt.Errorf("%w: %w", sinks.ErrSlow, err)
	}
	return err
}

package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"weir/operators/engine"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// materialized is a materialized view and the query that keeps it.
type materialized struct {
	def    *catalog.View
	plan   *physical.Plan
	view   *views.View
	query  *engine.Query
	cancel context.CancelFunc
	done   chan struct{} // closed when the query has ended
	disk   *views.View   // the view, if its content is on disk; else nil
	pump   *pump         // writes the rows into a stream, and the view has none; else nil

	made    stream.Commit // of the statement that made it
	from    stream.Commit // behind which it reads its stream
	resumed stream.Commit // the checkpoint that the query went on from; 0: none
	atStart int64         // rows that it had read then

	lost atomic.Bool // the log has let go of what a restart would read

	mu    sync.Mutex
	err   error // why the query ended
	whole bool  // the input has ended, and the view shows all of it
}

// materialize starts the query of a view: from its newest checkpoint on, or from
// the oldest record.
func (db *database) materialize(def *catalog.View, p *physical.Plan, rel *relations) (*materialized, error) {
	m := &materialized{def: def, made: db.madeAt(def.ID), plan: p, done: make(chan struct{})}
	var err error
	if err = db.openView(m); err != nil {
		return nil, err
	}
	if def.Into != "" {
		if m.pump, err = db.newPump(def, m.view); err != nil {
			m.view.Close()
			return nil, err
		}
	}
	in, err := db.begin(m, rel)
	if err != nil {
		m.view.Close()
		return nil, atFrom(err, def.Query)
	}
	m.atStart = m.query.Progress().Ledger.In
	ctx, cancel := context.WithCancel(db.viewsCtx)
	m.cancel = cancel
	db.wg.Add(1)
	go func() {
		defer db.wg.Done()
		defer close(m.done)
		err := m.query.Run(ctx)
		if cerr := in.close(); err == nil {
			err = cerr
		}
		switch {
		case err == nil:
			m.finish()
		case ctx.Err() == nil:
			m.fail(err)
			db.logger.Error("query stopped", "view", def.Name, "error", err)
		}
	}()
	return m, nil
}

// openView opens the view that holds what the plan computes. Content that cannot
// be used is deleted: the query makes it again.
func (db *database) openView(m *materialized) error {
	cfg := views.Config{
		ID: m.def.ID, Schema: m.plan.Root.Schema(), Key: m.plan.Key, Alloc: db.alloc,
		Retention: m.def.Retention, TimeColumn: m.plan.EventTime,
	}
	if db.saver != nil && scanOf(m.plan.Root).Kind == physical.SourceStream {
		cfg.Store, cfg.Cache = db.store, db.cache
	}
	var err error
	m.view, err = views.Open(cfg)
	if errors.Is(err, views.ErrDamaged) {
		db.logger.Warn("view is damaged; it is made again from the log", "view", m.def.Name, "error", err)
		if err = views.Discard(db.ctx, db.store, m.def.ID); err == nil {
			m.view, err = views.Open(cfg)
		}
	}
	if err == nil && cfg.Store != nil {
		m.disk = m.view
	}
	return err
}

// fail keeps why the query stopped, and tells those who follow the view.
func (m *materialized) fail(err error) {
	m.mu.Lock()
	m.err = err
	m.mu.Unlock()
	m.view.Fail(m.failed(err))
}

func (m *materialized) failed(err error) error {
	if behind := behindRetention(err); behind != nil {
		return diag.New(diag.External, diag.Span{}, "the query of view `%s` stopped: %s", m.def.Name, behind).
			WithHint("rows expired faster than the query read them: DROP and CREATE the view runs it over what is kept; a stream with a longer retention keeps more")
	}
	return diag.New(diag.External, diag.Span{}, "the query of view `%s` stopped: %s", m.def.Name, err).
		WithHint("what the view had read stays in the log: restart the server, or DROP and CREATE the view, to run it again")
}

// ended is the error for who reads a view whose query has ended.
func (db *database) ended(m *materialized) error {
	switch err := m.failure(); {
	case err != nil:
		return m.failed(err)
	case db.ctx.Err() != nil:
		return diag.New(diag.External, diag.Span{}, "the server is stopping")
	}
	return viewError(m.def.Name, views.ErrViewClosed)
}

// viewError puts an error of reading a view into words.
func viewError(name string, err error) error {
	if errors.Is(err, views.ErrViewClosed) {
		return diag.New(diag.UnknownObject, diag.Span{}, "the materialized view `%s` was dropped or replaced", name).
			WithHint("if it was replaced, send the statement again")
	}
	return err
}

// namedFeed is a feed of a view whose errors say which view.
type namedFeed struct {
	*views.Feed
	view string
}

// Next returns the next step of the view.
func (f namedFeed) Next(ctx context.Context) (*stream.StepData, error) {
	data, err := f.Feed.Next(ctx)
	return data, viewError(f.view, err)
}

// progress is what the query says of itself, nothing where there is none.
func (m *materialized) progress() engine.Progress {
	if m.query == nil {
		return engine.Progress{}
	}
	return m.query.Progress()
}

func (m *materialized) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.whole = true
}

// finished tells whether the view shows all of an input that has ended.
func (m *materialized) finished() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.whole
}

// failure returns why the query stopped, nil while it runs.
func (m *materialized) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// stop ends the query and lets go of the rows.
func (m *materialized) stop() {
	m.cancel()
	<-m.done
	m.view.Close()
}

// caughtUp waits until the view shows every commit that was durable when it was
// called, or the one that the statement names: who has seen an acknowledgement
// then sees its effect.
func (m *materialized) caughtUp(ctx context.Context, db *database) error {
	var target stream.Commit
	if db.log != nil {
		target, _ = db.log.Head()
	}
	var expired <-chan time.Time
	if r := reachOf(ctx); r != nil {
		target = r.commit
		timer := time.NewTimer(r.timeout)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		changed := m.view.Changed()
		if db.log != nil && m.view.State().Commit >= target {
			return nil
		}
		select {
		case <-m.done:
			if m.finished() {
				return nil
			}
			return db.ended(m)
		case <-changed:
		case <-expired:
			return tooLate(m.def.Name, m.view.State().Commit, reachOf(ctx))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// materialized returns a view that runs.
func (db *database) materialized(v *catalog.View) (*materialized, error) {
	m := db.runningView(v.ID)
	if m == nil {
		// The statement that makes it, or the server's start, may be about to run it.
		db.ddl.Lock()
		m = db.runningView(v.ID)
		db.ddl.Unlock()
	}
	if m == nil {
		return nil, viewError(v.Name, views.ErrViewClosed)
	}
	return m, nil
}

func (db *database) runningView(id uint32) *materialized {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.views[id]
}

// running returns every materialized view, by name.
func (db *database) running() []*materialized {
	db.mu.Lock()
	defer db.mu.Unlock()
	var out []*materialized
	for _, v := range db.catalog.Views() {
		if m := db.views[v.ID]; m != nil {
			out = append(out, m)
		}
	}
	return out
}

// describeState is a word on how a query is doing.
func (m *materialized) describeState() string {
	if err := m.failure(); err != nil {
		if behind := behindRetention(err); behind != nil {
			return behind.Error()
		}
		return fmt.Sprintf("stopped: %s", err)
	}
	select {
	case <-m.done:
		return "ended"
	default:
	}
	if m.pump != nil {
		if st := m.pump.stats(); st.waiting != "" {
			return st.waiting
		}
	}
	return "running"
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"weir/dashboard/hub"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/diag"
)

// Subscribe starts a live query. Over a stream the results are those from the
// start on; over a view the first update is its content and then come its
// changes. It implements hub.Source.
func (db *database) Subscribe(ctx context.Context, req hub.Request) (hub.Subscription, error) {
	q, err := parseSelect(req.SQL)
	if err != nil {
		return nil, err
	}
	p, err := db.plan(q, relations{db: db, notes: func(string, ...any) {}})
	if err != nil {
		return nil, err
	}
	scan := scanOf(p.Root)
	if scan.Kind == physical.SourceView {
		m, err := db.materialized(scan.Relation)
		if err != nil {
			return nil, err
		}
		if !rowByRow(p.Root) {
			return db.rerun(p, m), nil
		}
		feed, err := m.view.Feed(scan.Columns, true, db.alloc)
		if err != nil {
			return nil, err
		}
		return db.follow(p, &input{source: feed, shards: []stream.Shard{0}}, feed.W)
	}
	start, err := startOf(q)
	if err != nil {
		return nil, err
	}
	if start == "" {
		start = req.Start
	}
	in, err := db.open(ctx, p, start)
	if err != nil {
		return nil, err
	}
	return db.follow(p, in, nil)
}

// parseSelect wants one SELECT.
func parseSelect(text string) (*ast.Select, error) {
	s, err := sql.ParseOne(text)
	if err != nil {
		return nil, err
	}
	q, ok := s.(*ast.Select)
	if !ok {
		return nil, diag.New(diag.Unsupported, s.Span(), "only a SELECT can be subscribed to").
			WithHint("run other statements with POST /v1/sql")
	}
	return q, nil
}

// rowByRow tells whether a plan turns each change of its input into changes of
// its output, without looking at other rows.
func rowByRow(n physical.Node) bool {
	for ; n.Input() != nil; n = n.Input() {
		switch n.(type) {
		case *physical.Filter, *physical.Project, *physical.Exchange:
		default:
			return false
		}
	}
	return true
}

// subscriptionUpdates is how many updates wait for a slow subscriber before its
// query does. A query that waits falls behind its view, which then ends it.
const subscriptionUpdates = 64

// subscription is a running query whose changes a hub client reads.
type subscription struct {
	plan    *physical.Plan
	updates chan hub.Update
	done    chan struct{}
	err     error // valid once done is closed
	cancel  context.CancelFunc
	w       func() stream.Time // the view's watermark; nil: the query's own
	first   bool               // the next step is the view's content
	lastW   stream.Time
}

// follow runs a plan and hands over each step's change.
func (db *database) follow(p *physical.Plan, in *input, w func() stream.Time) (*subscription, error) {
	ctx, cancel := context.WithCancel(db.ctx)
	s := &subscription{
		plan: p, updates: make(chan hub.Update, subscriptionUpdates), done: make(chan struct{}),
		cancel: cancel, w: w, first: w != nil, lastW: stream.MinTime,
	}
	q, err := engine.New(engine.Config{
		Plan: p, Source: in.source, Shards: in.shards, Output: s, Alloc: db.alloc, Partial: in.partial,
	})
	if err != nil {
		cancel()
		return nil, errors.Join(err, in.source.Close())
	}
	if !s.first {
		s.updates <- hub.Update{Kind: hub.Snap, W: stream.MinTime}
	}
	db.wg.Add(1)
	go func() {
		defer db.wg.Done()
		defer close(s.done)
		defer close(s.updates)
		defer cancel()
		s.err = q.Run(ctx)
		if err := in.source.Close(); s.err == nil {
			s.err = err
		}
	}()
	return s, nil
}

// Step sends the change of one step, or that time moved on.
func (s *subscription) Step(ctx context.Context, c stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	u := hub.Update{Kind: hub.Delta, W: c.W, Token: token(commit)}
	if s.w != nil {
		u.W = s.w()
	}
	switch {
	case s.first:
		u.Kind, s.first = hub.Snap, false
	case len(changes) == 0:
		if u.W == s.lastW {
			return nil
		}
		u.Kind = hub.Mark
		select {
		case s.updates <- u:
			s.lastW = u.W
		default: // the next mark says more
		}
		return nil
	}
	for _, b := range changes {
		b.Retain()
		u.Batches = append(u.Batches, b)
	}
	s.lastW = u.W
	select {
	case s.updates <- u:
		return nil
	case <-ctx.Done():
		u.Release()
		return ctx.Err()
	}
}

// token names the commit that an update reflects.
func token(c stream.Commit) string { return fmt.Sprintf("c%d", c) }

// Schema returns the columns.
func (s *subscription) Schema() stream.Schema { return s.plan.Root.Schema() }

// Key returns the columns that identify a row.
func (s *subscription) Key() []int { return s.plan.Key }

// AppendOnly tells that rows never leave.
func (s *subscription) AppendOnly() bool { return s.plan.AppendOnly }

// TimeColumn returns the column to draw along x.
func (s *subscription) TimeColumn() int { return s.plan.TimeColumn }

// Next returns the next update, which the caller releases.
func (s *subscription) Next(ctx context.Context) (hub.Update, error) {
	select {
	case u, ok := <-s.updates:
		if ok {
			return u, nil
		}
		<-s.done
		switch {
		case s.err == nil:
			return hub.Update{}, io.EOF
		case errors.Is(s.err, engine.ErrSlowReader):
			return hub.Update{}, hub.ErrSlow
		}
		return hub.Update{}, s.err
	case <-ctx.Done():
		return hub.Update{}, ctx.Err()
	}
}

// Close ends the query and waits for it.
func (s *subscription) Close() error {
	s.cancel()
	for u := range s.updates {
		u.Release()
	}
	<-s.done
	return nil
}

// rerunEvery is how often a query that looks at the whole view is run again at most.
const rerunEvery = 250 * time.Millisecond

// rerun is a subscription to a query over a view that must see the whole view:
// ORDER BY, LIMIT, aggregates. Each change of the view runs it again.
type rerun struct {
	db   *database
	plan *physical.Plan
	m    *materialized
	// seen is the number of changes of the view that the last run reflects; -1
	// before the first run.
	seen int64
	last time.Time
	w    stream.Time
}

func (db *database) rerun(p *physical.Plan, m *materialized) *rerun {
	return &rerun{db: db, plan: p, m: m, seen: -1, w: stream.MinTime}
}

// Schema returns the columns.
func (r *rerun) Schema() stream.Schema { return r.plan.Root.Schema() }

// Key returns the columns that identify a row.
func (r *rerun) Key() []int { return r.plan.Key }

// AppendOnly is false: every snapshot replaces the one before.
func (r *rerun) AppendOnly() bool { return false }

// TimeColumn returns the column to draw along x.
func (r *rerun) TimeColumn() int { return r.plan.TimeColumn }

// Close does nothing: nothing runs between two calls of Next.
func (r *rerun) Close() error { return nil }

// Next waits for the view to change, and runs the query again.
func (r *rerun) Next(ctx context.Context) (hub.Update, error) {
	for {
		changed := r.m.view.Changed()
		st := r.m.view.State()
		if st.Changes != r.seen {
			return r.run(ctx, st)
		}
		if st.W != r.w {
			r.w = st.W
			return hub.Update{Kind: hub.Mark, W: st.W, Token: token(st.Commit)}, nil
		}
		select {
		case <-changed:
		case <-r.m.done:
			if err := r.m.failure(); err != nil {
				return hub.Update{}, err
			}
			return hub.Update{}, io.EOF
		case <-ctx.Done():
			return hub.Update{}, ctx.Err()
		}
	}
}

func (r *rerun) run(ctx context.Context, st engine.ViewState) (hub.Update, error) {
	if wait := rerunEvery - time.Since(r.last); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return hub.Update{}, ctx.Err()
		}
		st = r.m.view.State()
	}
	r.last = time.Now()
	feed, err := r.m.view.Feed(scanOf(r.plan.Root).Columns, false, r.db.alloc)
	if err != nil {
		return hub.Update{}, err
	}
	res, err := startResult(ctx, r.plan, &input{source: feed, shards: []stream.Shard{0}}, r.db.alloc)
	if err != nil {
		return hub.Update{}, err
	}
	defer res.Close()
	u := hub.Update{Kind: hub.Snap, W: st.W, Token: token(st.Commit)}
	err = res.forEach(ctx, func(b stream.Batch) error {
		b.Retain()
		u.Batches = append(u.Batches, b)
		return nil
	})
	if !errors.Is(err, io.EOF) {
		u.Release()
		return hub.Update{}, err
	}
	r.seen, r.w = st.Changes, st.W
	return u, nil
}

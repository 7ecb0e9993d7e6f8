package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"weir/dashboard/hub"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/diag"
)

// subscribe starts a live query. Over a stream the results are those from the
// start on; over a view the first update is its content and then come its
// changes.
func (db *database) subscribe(ctx context.Context, req hub.Request) (hub.Subscription, error) {
	q, err := parseSelect(req.SQL)
	if err != nil {
		return nil, err
	}
	rel := &relations{db: db, notes: func(string, ...any) {}}
	p, err := db.plan(q, rel)
	if err != nil {
		return nil, err
	}
	scan := scanOf(p.Root)
	if scan.Kind == physical.SourceView {
		m, err := db.materialized(rel.view)
		if err != nil {
			return nil, err
		}
		if !rowByRow(p.Root) {
			return db.rerun(p, m), nil
		}
		return db.followView(p, m)
	}
	start, err := startOf(q)
	if err != nil {
		return nil, err
	}
	if start == "" {
		start = req.Start
	}
	in, err := db.open(ctx, p, rel, start)
	if err != nil {
		return nil, atFrom(err, q)
	}
	return db.follow(&subscription{plan: p, appendOnly: p.AppendOnly}, in)
}

// followView hands over the content of a view and then its changes, as a plan
// that looks at one row at a time shows them.
func (db *database) followView(p *physical.Plan, m *materialized) (hub.Subscription, error) {
	feed, err := m.view.Feed(scanOf(p.Root).Columns, true, db.alloc)
	if err != nil {
		return nil, viewError(m.def.Name, err)
	}
	// The plan alone adds rows only: that they leave is the view's doing.
	s := &subscription{plan: p, view: m.def.Name, w: feed.W, first: true, appendOnly: p.AppendOnly && m.plan.AppendOnly}
	return db.follow(s, &input{source: feed, shards: []stream.Shard{0}})
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
	plan       *physical.Plan
	query      *engine.Query
	appendOnly bool
	updates    chan hub.Update
	done       chan struct{}
	err        error // valid once done is closed
	cancel     context.CancelFunc
	lastW      stream.Time

	// Of a subscription to a view: its name, its watermark (else it is the query's
	// own), and whether the next step is the view's content.
	view  string
	w     func() stream.Time
	first bool
}

// follow runs the plan of s and hands over each step's change.
func (db *database) follow(s *subscription, in *input) (*subscription, error) {
	ctx, cancel := context.WithCancel(in.within(db.ctx))
	s.updates, s.done = make(chan hub.Update, subscriptionUpdates), make(chan struct{})
	s.cancel, s.lastW = cancel, stream.MinTime
	q, err := engine.New(engine.Config{
		Plan: s.plan, Source: in.source, Shards: in.shards, Output: s, Alloc: db.alloc, Partial: in.partial,
	})
	if err != nil {
		cancel()
		return nil, errors.Join(err, in.source.Close())
	}
	s.query = q
	if !s.first {
		s.updates <- hub.Update{Kind: hub.Snap, W: stream.MinTime}
	}
	db.wg.Add(1)
	go func() {
		defer db.wg.Done()
		defer close(s.done)
		defer close(s.updates)
		defer cancel()
		s.err = causeOf(ctx, q.Run(ctx))
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
func (s *subscription) AppendOnly() bool { return s.appendOnly }

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
		case errors.Is(s.err, views.ErrSlowReader):
			return hub.Update{}, hub.ErrSlow
		}
		return hub.Update{}, viewError(s.view, s.err)
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

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"weir/dashboard/hub"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/diag"
)

// Prepare plans a live query. Over a stream the results are those from the start
// on; over a view they are its content and then its changes. It implements
// hub.Source.
func (db *database) Prepare(_ context.Context, req hub.Request) (hub.Plan, error) {
	q, start, err := parseLive(req.SQL)
	if err != nil {
		return nil, err
	}
	if start == "" {
		start = req.Start
	}
	l, err := db.livePlanOf(q, start, &relations{db: db, notes: func(string, ...any) {}})
	if err != nil {
		return nil, err
	}
	l.sql = req.SQL
	return l, nil
}

// livePlanOf plans a query that is followed from a start on.
func (db *database) livePlanOf(q *ast.Select, start string, rel *relations) (*livePlan, error) {
	p, err := db.plan(q, rel)
	if err != nil {
		return nil, err
	}
	l := &livePlan{db: db, query: q, plan: p, rel: rel, start: start, appendOnly: p.AppendOnly}
	scans := physical.Scans(p.Root)
	for _, s := range scans {
		if s.Kind == physical.SourceView && len(scans) > 1 {
			return nil, diag.New(diag.Unsupported, q.At, "a subscription to a UNION over the materialized view `%s`", s.Relation).
				WithHint("CREATE MATERIALIZED VIEW v AS this query, and subscribe to that; or send it with POST /v1/sql for its rows at this moment")
		}
	}
	switch scans[0].Kind {
	case physical.SourceView:
		view := rel.of(scans, 0).view
		if q.Emit != nil && q.Emit.Mode == ast.EmitEvery {
			return nil, diag.New(diag.Unsupported, q.Emit.At, "EMIT EVERY in a subscription to the materialized view `%s`", view.Name).
				WithHint("write EMIT EVERY in the query of the view, or leave it out here: a subscriber gets as many frames a second as it asks for")
		}
		if l.view, err = db.materialized(view); err != nil {
			return nil, err
		}
		// The plan alone adds rows only: that they leave is the view's doing.
		l.appendOnly = p.AppendOnly && l.view.plan.AppendOnly
		l.whole = !rowByRow(p.Root)
		l.id = planID(p, fmt.Sprintf("view %d", view.ID))
	case physical.SourceStream:
		var ids []string
		for _, r := range rel.found {
			ids = append(ids, fmt.Sprintf("stream %d %q", r.stream.ID, r.stream.Text))
		}
		l.id = planID(p, fmt.Sprintf("%s from %q", strings.Join(ids, ", "), start))
	}
	return l, nil
}

// planID names what a plan computes over a relation, whose ids are never used twice.
func planID(p *physical.Plan, relation string) string { return physical.ID(p) + " over " + relation }

// parseLive wants one SELECT, or a SUBSCRIBE, and returns where it says that it
// begins. Over the websocket both are the same: content and changes fold into a
// table there, which says itself how far it has come.
func parseLive(text string) (q *ast.Select, start string, err error) {
	s, err := sql.ParseOne(text)
	if err != nil {
		return nil, "", err
	}
	switch s := s.(type) {
	case *ast.Select:
		start, err = startOf(s)
		return s, start, err
	case *ast.Subscribe:
		q = subscribed(s)
		if start, err = startOf(q); err != nil {
			return nil, "", err
		}
		switch {
		case s.AsOf != nil:
			return nil, "", diag.New(diag.Unsupported, s.AsOf.At, "AS OF is for POST /v1/sql").
				WithHint("leave it out; over the websocket `tok` of `sub` says where to go on")
		case s.Snapshot != nil && !*s.Snapshot:
			return nil, "", diag.New(diag.Unsupported, s.At, "a table begins with its content: SNAPSHOT = FALSE is for POST /v1/sql").
				WithHint("leave it out")
		case s.Snapshot != nil && start == "":
			start = "earliest"
		}
		return q, start, nil
	}
	return nil, "", diag.New(diag.Unsupported, s.Span(), "only a SELECT can be subscribed to").
		WithHint("run other statements with POST /v1/sql")
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

// subscription is a running query whose changes a hub run reads.
type subscription struct {
	plan    *physical.Plan
	query   *engine.Query
	start   uint64        // where it began, see placeOf
	floor   stream.Commit // it gives every change behind this commit
	updates chan hub.Update
	done    chan struct{}
	err     error // valid once done is closed
	cancel  context.CancelFunc
	lastW   stream.Time

	// Of a subscription to a view: its name, and its watermark; else it is the
	// query's own.
	view string
	w    func() stream.Time
}

// follow runs the plan of s and hands over each step's change.
func (db *database) follow(s *subscription, in *input) (*subscription, error) {
	ctx, cancel := context.WithCancel(in.within(db.ctx))
	s.updates, s.done = make(chan hub.Update, subscriptionUpdates), make(chan struct{})
	s.cancel, s.lastW = cancel, stream.MinTime
	q, err := engine.New(engine.Config{
		Plan: s.plan, Inputs: in.inputs, Output: s, Alloc: db.alloc, Wake: db.wake(), UntilEnd: true,
	})
	if err != nil {
		cancel()
		return nil, errors.Join(err, in.close())
	}
	s.query = q
	if s.view == "" {
		s.updates <- hub.Update{Kind: hub.Snap, W: stream.MinTime, Commit: s.floor}
	}
	db.wg.Add(1)
	go func() {
		defer db.wg.Done()
		defer close(s.done)
		defer close(s.updates)
		defer cancel()
		s.err = causeOf(ctx, q.Run(ctx))
		if err := in.close(); s.err == nil {
			s.err = err
		}
	}()
	return s, nil
}

// Step sends the change of one step, or that time moved on.
func (s *subscription) Step(ctx context.Context, c stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	u := hub.Update{Kind: hub.Delta, W: c.W, Commit: commit}
	if s.w != nil {
		u.W = s.w()
	}
	if len(changes) == 0 {
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

// Start names where the query began.
func (s *subscription) Start() uint64 { return s.start }

// Floor is the commit behind which every change comes.
func (s *subscription) Floor() uint64 { return uint64(s.floor) }

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

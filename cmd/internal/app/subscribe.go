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

// Prepare plans a live query. Over a stream the results are those from the start
// on; over a view they are its content and then its changes. It implements
// hub.Source.
func (db *database) Prepare(_ context.Context, req hub.Request) (hub.Plan, error) {
	q, err := parseSelect(req.SQL)
	if err != nil {
		return nil, err
	}
	rel := &relations{db: db, notes: func(string, ...any) {}}
	p, err := db.plan(q, rel)
	if err != nil {
		return nil, err
	}
	start, err := startOf(q)
	if err != nil {
		return nil, err
	}
	if start == "" {
		start = req.Start
	}
	l := &livePlan{db: db, query: q, plan: p, rel: rel, start: start, appendOnly: p.AppendOnly}
	scan := scanOf(p.Root)
	switch scan.Kind {
	case physical.SourceView:
		if l.view, err = db.materialized(rel.view); err != nil {
			return nil, err
		}
		// The plan alone adds rows only: that they leave is the view's doing.
		l.appendOnly = p.AppendOnly && l.view.plan.AppendOnly
		l.whole = !rowByRow(p.Root)
		l.id = planID(p, fmt.Sprintf("view %d", rel.view.ID))
	case physical.SourceStream:
		l.id = planID(p, fmt.Sprintf("stream %d %q from %q", rel.stream.ID, rel.stream.Text, start))
	}
	return l, nil
}

// planID names what a plan computes over a relation, whose ids are never used
// twice: by its text, its types, and the version of what plans mean.
func planID(p *physical.Plan, relation string) string {
	var types []string
	for n := p.Root; n != nil; n = n.Input() {
		for _, f := range n.Schema() {
			types = append(types, f.Type.String())
		}
	}
	return fmt.Sprintf("v%d %s; %v; emit %d key %v; %s", physical.Version, relation, types, p.Emit, p.Key, physical.Print(p))
}

// livePlan is a statement that subscribers may follow.
type livePlan struct {
	db         *database
	query      *ast.Select
	plan       *physical.Plan
	rel        *relations
	start      string
	id         string
	appendOnly bool
	view       *materialized // nil: it reads no view
	whole      bool          // every change of the view runs it again
}

// ID names what is computed.
func (l *livePlan) ID() string { return l.id }

// Schema returns the columns.
func (l *livePlan) Schema() stream.Schema { return l.plan.Root.Schema() }

// Key returns the columns that identify a row.
func (l *livePlan) Key() []int { return l.plan.Key }

// AppendOnly tells that rows never leave. A result that is sent whole replaces
// the one before.
func (l *livePlan) AppendOnly() bool { return l.appendOnly && !l.whole }

// TimeColumn returns the column to draw along x.
func (l *livePlan) TimeColumn() int { return l.plan.TimeColumn }

// Whole tells that every change is the whole result.
func (l *livePlan) Whole() bool { return l.whole }

// Open runs the plan.
func (l *livePlan) Open(ctx context.Context, at hub.Place) (hub.Subscription, error) {
	if l.view == nil {
		return l.openStream(ctx, at)
	}
	if err := l.reach(ctx, stream.Commit(at.After)); err != nil {
		return nil, err
	}
	if l.whole {
		return l.db.rerun(l.plan, l.view), nil
	}
	return l.openView(at)
}

// reach waits until the view has come as far as a commit, which it had reached
// before the process began.
func (l *livePlan) reach(ctx context.Context, after stream.Commit) error {
	if l.db.log == nil || after == 0 {
		return nil
	}
	if head, _ := l.db.log.Head(); after > head {
		return fmt.Errorf("%w: the log ends before the token", hub.ErrGone)
	}
	for {
		changed := l.view.view.Changed()
		if l.view.view.State().Commit >= after {
			return nil
		}
		select {
		case <-changed:
		case <-l.view.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// viewSlack is how many commits before the one that is asked for a run over a
// view begins, so that others who come back find their changes in it, too.
const viewSlack = 2048

// openView follows the changes of a view.
func (l *livePlan) openView(at hub.Place) (hub.Subscription, error) {
	db, view, columns := l.db, l.view.view, scanOf(l.plan.Root).Columns
	after := stream.Commit(at.After)
	if after == 0 {
		after = view.State().Commit
	}
	floor := after - min(after, viewSlack)
	feed, err := view.FeedAfter(floor, columns, db.alloc)
	if errors.Is(err, views.ErrForgotten) {
		floor = after
		feed, err = view.FeedAfter(floor, columns, db.alloc)
	}
	if errors.Is(err, views.ErrForgotten) {
		return nil, fmt.Errorf("%w: %w", hub.ErrGone, err)
	}
	if err != nil {
		return nil, viewError(l.view.def.Name, err)
	}
	s := &subscription{plan: l.plan, view: l.view.def.Name, w: feed.W, floor: floor}
	if _, err := db.follow(s, &input{source: feed, shards: []stream.Shard{0}}); err != nil {
		return nil, err
	}
	return &viewSubscription{s, l}, nil
}

// replayCommits is how many commits of the log a query is run again over, so
// that a subscriber can go on where it was.
const replayCommits = 200_000

// openStream runs a query over a stream from its start, or from where a run
// began that a subscriber has followed.
func (l *livePlan) openStream(ctx context.Context, at hub.Place) (hub.Subscription, error) {
	db := l.db
	s := &subscription{plan: l.plan}
	var in *input
	var err error
	if at.Start != 0 {
		if in, err = l.reopen(at); err != nil {
			return nil, fmt.Errorf("%w: %w", hub.ErrGone, err)
		}
	} else if in, err = db.open(ctx, l.plan, l.rel, l.start); err != nil {
		return nil, atFrom(err, l.query)
	}
	s.floor, s.start = in.after, placeOf(in)
	return db.follow(s, in)
}

// reopen opens the stream exactly where an earlier run did.
func (l *livePlan) reopen(at hub.Place) (*input, error) {
	if l.rel.stream == nil || l.db.log == nil {
		return nil, errors.New("it reads no stream")
	}
	after, partial := stream.Commit(at.Start>>2), at.Start&2 != 0
	head, _ := l.db.log.Head()
	switch {
	case stream.Commit(at.After) > head:
		return nil, errors.New("the log ends before the token")
	case head-after > replayCommits:
		return nil, fmt.Errorf("the query would have to read %d commits again, more than %d", head-after, replayCommits)
	}
	life, err := l.db.lifeOf(l.rel.stream)
	if err != nil {
		return nil, err
	}
	in, err := l.db.scanLog(l.rel.stream, scanOf(l.plan.Root).Columns, after)
	if err != nil {
		return nil, err
	}
	in.life, in.partial = life, partial
	return in, nil
}

// placeOf names where an input began: the commit, and whether records came before.
func placeOf(in *input) uint64 {
	place := uint64(in.after)<<2 | 1
	if in.partial {
		place |= 2
	}
	return place
}

// viewSubscription is a subscription to the changes of a view, whose content can
// be had at any time.
type viewSubscription struct {
	*subscription
	live *livePlan
}

// Snapshot runs the plan over what the view holds now.
func (v *viewSubscription) Snapshot(ctx context.Context) (hub.Update, error) {
	return v.live.db.content(ctx, v.plan, v.live.view)
}

// content runs a plan over what a view holds.
func (db *database) content(ctx context.Context, p *physical.Plan, m *materialized) (hub.Update, error) {
	feed, err := m.view.Feed(scanOf(p.Root).Columns, false, db.alloc)
	if err != nil {
		return hub.Update{}, viewError(m.def.Name, err)
	}
	at := &firstStep{Source: feed}
	res, err := startResult(ctx, p, &input{source: at, shards: []stream.Shard{0}}, db.alloc)
	if err != nil {
		return hub.Update{}, err
	}
	u := hub.Update{Kind: hub.Snap}
	err = res.forEach(ctx, func(b stream.Batch) error {
		b.Retain()
		u.Batches = append(u.Batches, b)
		return nil
	})
	_ = res.Close() // the source is not read any more
	if !errors.Is(err, io.EOF) {
		u.Release()
		return hub.Update{}, err
	}
	u.Commit, u.W = at.commit, feed.W()
	return u, nil
}

// firstStep remembers the commit of the first step that it passes on.
type firstStep struct {
	engine.Source
	commit stream.Commit
	seen   bool
}

// Next passes a step on.
func (f *firstStep) Next(ctx context.Context) (*stream.StepData, error) {
	data, err := f.Source.Next(ctx)
	if err == nil && !f.seen {
		f.commit, f.seen = data.Commit, true
	}
	return data, err
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

// subscription is a running query whose changes a hub run reads.
type subscription struct {
	plan    *physical.Plan
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
		Plan: s.plan, Source: in.source, Shards: in.shards, Output: s, Alloc: db.alloc, Partial: in.partial,
	})
	if err != nil {
		cancel()
		return nil, errors.Join(err, in.source.Close())
	}
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
		if err := in.source.Close(); s.err == nil {
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

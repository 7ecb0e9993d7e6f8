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
	"weir/sql/ast"
)

// livePlan is a statement that subscribers may follow.
type livePlan struct {
	db         *database
	sql        string
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

// Open runs the plan, and lists the query as long as it runs.
func (l *livePlan) Open(ctx context.Context, at hub.Place) (hub.Subscription, error) {
	sub, err := l.open(ctx, at)
	if err != nil {
		return nil, err
	}
	return l.db.live.watch(l, sub), nil
}

func (l *livePlan) open(ctx context.Context, at hub.Place) (hub.Subscription, error) {
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
	if _, err := db.follow(s, oneInput(namedFeed{feed, l.view.def.Name}, 0)); err != nil {
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
	if err := db.untilEnd(in); err != nil {
		return nil, errors.Join(err, in.close())
	}
	s.floor, s.start = in.after, placeOf(in)
	return db.follow(s, in)
}

// reopen opens the stream exactly where an earlier run did.
func (l *livePlan) reopen(at hub.Place) (*input, error) {
	scans := physical.Scans(l.plan.Root)
	if scans[0].Kind != physical.SourceStream || l.db.log == nil {
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
	for _, r := range l.rel.found {
		if end, err := l.db.log.EndOf(l.db.ctx, r.stream.Log()); err != nil || end > 0 && end <= after {
			return nil, errors.Join(errors.New("the stream ended before the query began"), err)
		}
		// Of several streams the earliest is where the query began, and where the
		// others did is not known any more.
		if len(scans) > 1 && l.db.log.Horizon(r.stream.Log()).After > after {
			return nil, errors.New("the first records of a stream are gone")
		}
	}
	in, err := l.db.openStreamsAt(scans, l.rel, after, false)
	if err != nil {
		return nil, err
	}
	for i := range in.inputs {
		in.inputs[i].Partial = partial && (len(scans) == 1 || in.inputs[i].Partial)
	}
	return in, nil
}

// placeOf names where an input began: the commit, and whether records came before.
func placeOf(in *input) uint64 {
	place := uint64(in.after)<<2 | 1
	if in.partial() {
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
	at := &firstStep{Source: namedFeed{feed, m.def.Name}}
	res, err := startResult(ctx, p, oneInput(at, 0), db.alloc, nil)
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

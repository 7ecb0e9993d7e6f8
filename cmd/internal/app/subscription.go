package app

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"weir/dashboard/api"
	"weir/dashboard/hub"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
)

// subscribe starts SUBSCRIBE: content, where there is some, and then every change
// as a row that says so. It does what a subscriber of the hub gets, without folding
// steps and without sharing the run.
func (db *database) subscribe(ctx context.Context, s *ast.Subscribe, rel *relations) (*result, error) {
	q := subscribed(s)
	if db.log == nil {
		return nil, diag.New(diag.Unsupported, s.At, "SUBSCRIBE is for a server: here nothing changes").
			WithHint("SELECT * FROM a view or a file gives its rows; `weir serve` starts a server")
	}
	start, err := startOf(q)
	if err != nil {
		return nil, err
	}
	l, err := db.livePlanOf(q, start, rel)
	if err != nil {
		return nil, err
	}
	if err := l.maySubscribe(s); err != nil {
		return nil, err
	}
	f, err := newFollower(l.plan.Root.Schema(), s, db.alloc)
	if err != nil {
		return nil, err
	}
	var in *input
	if l.view != nil {
		in, err = l.viewInput(ctx, s, f)
	} else {
		in, err = l.streamInput(ctx, s, f)
	}
	if err != nil {
		return nil, atFrom(err, q)
	}
	return db.startFollowing(l.plan, in, f)
}

// subscribed is the query of a SUBSCRIBE.
func subscribed(s *ast.Subscribe) *ast.Select {
	if s.Query != nil {
		return s.Query
	}
	return &ast.Select{
		Node: s.Name.Node, Items: []ast.Item{{Node: s.Name.Node, Star: true}},
		From: &ast.Table{Node: s.Name.Node, Name: s.Name},
	}
}

// maySubscribe refuses what has no changes, and what says two things at once.
func (l *livePlan) maySubscribe(s *ast.Subscribe) error {
	scans := physical.Scans(l.plan.Root)
	switch {
	case scans[0].Kind == physical.SourceFile:
		return diag.New(diag.Unsupported, l.query.At, "`%s` is a file, which does not change", scans[0].Relation).
			WithHint("SELECT … FROM it gives its rows")
	case scans[0].Kind == physical.SourceOne:
		return diag.New(diag.Unsupported, l.query.At, "this query reads nothing that changes").
			WithHint("leave SUBSCRIBE out; or name a stream or a view behind FROM")
	case l.whole:
		return diag.New(diag.Unsupported, l.query.At, "a subscription to a query that looks at all of the materialized view `%s`", scans[0].Relation).
			WithHint("CREATE MATERIALIZED VIEW w AS this query without ORDER BY and LIMIT, and SUBSCRIBE TO w")
	case s.Snapshot != nil && s.AsOf != nil && *s.Snapshot:
		return diag.New(diag.BadOption, s.AsOf.At, "SNAPSHOT begins with the content, and AS OF behind a position").
			WithHint("leave one of them out")
	case s.Snapshot != nil && l.start != "":
		return diag.New(diag.BadOption, l.query.With[0].At, "the query says where it begins, and so does SNAPSHOT").
			WithHint("leave SNAPSHOT out")
	case s.AsOf != nil && l.view != nil && len(l.query.With) > 0:
		return diag.New(diag.BadOption, l.query.With[0].At, "AS OF says where a subscription to a materialized view begins").
			WithHint("leave WITH (start = …) out")
	}
	return nil
}

// position reads what stands behind AS OF: a commit, or a token of the websocket,
// which also says where the run of a query over streams began.
func (l *livePlan) position(s *ast.Subscribe) (hub.Place, error) {
	text := s.AsOf.Text
	at := hub.Place{}
	if n, err := strconv.ParseUint(text, 10, 62); err == nil {
		at.After = n
	} else if at, err = hub.PlaceOf(l.id, text); err != nil {
		e := diag.New(diag.BadLiteral, s.AsOf.At, "'%.80s' is no position", text)
		if errors.Is(err, hub.ErrOtherPlan) {
			e = diag.New(diag.BadLiteral, s.AsOf.At, "the token is of another statement, or what that reads was dropped or replaced")
		}
		return at, e.WithHint("AS OF takes the _commit of the last row that has one, for example AS OF 17, or a token of the websocket for the same statement")
	}
	if head, _ := l.db.log.Head(); stream.Commit(at.After) > head {
		return at, diag.New(api.CodeAhead, s.AsOf.At, "commit %d is ahead of the log, whose last is %d", at.After, head).
			WithHint("take a commit that this server has named; its data directory may be another one now")
	}
	return at, nil
}

// gone is the error of a position whose changes cannot be had any more.
func gone(s *ast.Subscribe, hint, format string, args ...any) error {
	return diag.New(api.CodeGone, s.AsOf.At, format, args...).WithHint("%s", hint)
}

// viewInput is what a subscription to a materialized view reads.
func (l *livePlan) viewInput(ctx context.Context, s *ast.Subscribe, f *follower) (*input, error) {
	db, m := l.db, l.view
	columns := scanOf(l.plan.Root).Columns
	if s.AsOf == nil {
		if err := m.caughtUp(ctx, db); err != nil {
			return nil, err
		}
		src := &contentThenChanges{db: db, m: m, columns: columns}
		if s.Snapshot != nil && !*s.Snapshot {
			feed, err := m.view.FeedAfter(m.view.State().Commit, columns, db.alloc)
			if err != nil {
				return nil, viewError(m.def.Name, err)
			}
			src.changes = feed
		} else if err := src.open(); err != nil {
			return nil, err
		}
		f.w = src.W
		return oneInput(src, 0), nil
	}
	at, err := l.position(s)
	if err != nil {
		return nil, err
	}
	anew := "SUBSCRIBE without AS OF begins with its content"
	if after := stream.Commit(at.After); after < m.made {
		return nil, gone(s, anew, "the view `%s` was made, or replaced, at commit %d, behind %d", m.def.Name, m.made, after)
	}
	if err := l.reach(ctx, stream.Commit(at.After)); err != nil {
		return nil, err
	}
	feed, err := m.view.FeedAfter(stream.Commit(at.After), columns, db.alloc)
	if errors.Is(err, views.ErrForgotten) {
		return nil, gone(s, anew, "the changes of `%s` behind commit %d are gone: it knows those behind %d", m.def.Name, at.After, m.view.Floor())
	}
	if err != nil {
		return nil, viewError(m.def.Name, err)
	}
	src := &contentThenChanges{db: db, m: m, columns: columns, changes: feed}
	f.w = src.W
	return oneInput(src, 0), nil
}

// contentThenChanges is a source over a view: its content, a part after the other,
// and then its changes. The parts have no commit but the last, with which all of it
// is there.
type contentThenChanges struct {
	db      *database
	m       *materialized
	columns []int
	content *views.Feed // nil: it was read, or nobody wants it
	changes *views.Feed
	w       stream.Time // behind what Next returned last
}

// open takes the content, and the changes behind it, at one moment.
func (c *contentThenChanges) open() error {
	v := c.m.view
	for {
		content, err := v.Feed(c.columns, false, c.db.alloc)
		if err != nil {
			return viewError(c.m.def.Name, err)
		}
		at := content.First().Commit
		c.changes, err = v.FeedAfter(at, c.columns, c.db.alloc)
		if err == nil {
			c.content = content
			return nil
		}
		_ = content.Close()
		if !errors.Is(err, views.ErrForgotten) {
			return viewError(c.m.def.Name, err)
		} // it moved on that far meanwhile
	}
}

// Next returns the next part of the content, or the next change.
func (c *contentThenChanges) Next(ctx context.Context) (*stream.StepData, error) {
	if c.content == nil {
		data, err := c.changes.Next(ctx)
		c.w = c.changes.W()
		return data, viewError(c.m.def.Name, err)
	}
	data, err := c.content.Next(ctx)
	if err != nil {
		return nil, viewError(c.m.def.Name, err)
	}
	first := c.content.First()
	data.Step = first.Step
	if !data.End {
		data.Commit = 0
		return data, nil
	}
	data.End, c.w = false, first.W
	err = c.content.Close()
	c.content = nil
	return data, err
}

// W is the view's watermark at what Next returned last.
func (c *contentThenChanges) W() stream.Time { return c.w }

// Close ends both.
func (c *contentThenChanges) Close() error {
	var err error
	if c.content != nil {
		err = c.content.Close()
	}
	return errors.Join(err, c.changes.Close())
}

// streamInput is what a subscription to streams reads.
func (l *livePlan) streamInput(ctx context.Context, s *ast.Subscribe, f *follower) (*input, error) {
	db := l.db
	if s.AsOf == nil {
		start := l.start
		if s.Snapshot != nil && *s.Snapshot {
			start = "earliest"
		}
		in, err := db.open(ctx, l.plan, l.rel, start)
		if err != nil {
			return nil, err
		}
		return in, db.untilEnd(in)
	}
	at, err := l.position(s)
	if err != nil {
		return nil, err
	}
	var in *input
	switch {
	case at.Start != 0:
		if in, err = l.reopen(at); err != nil {
			return nil, gone(s, "SUBSCRIBE without AS OF begins anew", "the changes behind the token are gone: %s", err)
		}
		f.silentTo = stream.Commit(at.After)
	case stateless(l.plan.Root):
		in, err = l.behind(s, stream.Commit(at.After))
	default:
		in, err = l.again(ctx, s)
		f.silentTo = stream.Commit(at.After)
	}
	if err != nil {
		return nil, err
	}
	return in, db.untilEnd(in)
}

// stateless tells whether what becomes of a row follows from the row alone, so that
// the query can begin at any commit.
func stateless(n physical.Node) bool {
	switch n.(type) {
	case *physical.Scan, *physical.Filter, *physical.Project, *physical.Exchange, *physical.Union:
	default:
		return false
	}
	for _, in := range physical.Inputs(n) {
		if !stateless(in) {
			return false
		}
	}
	return true
}

// behind reads the streams behind a commit.
func (l *livePlan) behind(s *ast.Subscribe, after stream.Commit) (*input, error) {
	scans := physical.Scans(l.plan.Root)
	for _, r := range l.rel.found {
		if h := l.db.log.Horizon(r.stream.Log()).After; after < h && l.db.log.HadRecords(r.stream.ID, h) {
			return nil, gone(s, "WITH (SNAPSHOT) instead of AS OF begins with the oldest row that is kept", "the rows of `%s` behind commit %d are gone: it is kept behind %d", r.stream.Name, after, h)
		}
	}
	return l.db.openStreamsAt(scans, l.rel, after, false)
}

// again runs a query that keeps state from where it said that it begins, which has
// to be the same place as before.
func (l *livePlan) again(ctx context.Context, s *ast.Subscribe) (*input, error) {
	db, hint := l.db, "CREATE MATERIALIZED VIEW v AS this query, and SUBSCRIBE TO v: it keeps its changes"
	at, err := parseStart(l.start, db.now())
	if err != nil {
		return nil, err
	}
	if at == stream.MaxTime || l.start[0] == '-' {
		return nil, diag.New(diag.Unsupported, s.AsOf.At, "what this query shows depends on where it began, and it does not say where that was").
			WithHint("SUBSCRIBE (SELECT … WITH (start = 'earliest')), or a time, goes on behind a commit; or %s", hint)
	}
	in, err := db.open(ctx, l.plan, l.rel, l.start)
	if err != nil {
		return nil, err
	}
	head, _ := db.log.Head()
	for _, r := range l.rel.found {
		h := db.log.Horizon(r.stream.Log()).After
		began := at != stream.MinTime && db.log.CommitAt(at) >= h
		switch {
		case !began && db.log.HadRecords(r.stream.ID, h):
			err = gone(s, hint, "the first rows of `%s` are gone, so what the query had computed of them is gone, too", r.stream.Name)
		case head-in.after > replayCommits:
			err = gone(s, hint, "the query would have to read %d commits again, more than %d", head-in.after, replayCommits)
		}
		if err != nil {
			return nil, errors.Join(err, in.close())
		}
	}
	return in, nil
}

// startFollowing runs the plan of a subscription.
func (db *database) startFollowing(p *physical.Plan, in *input, f *follower) (*result, error) {
	ctx, cancel := context.WithCancel(in.within(db.ctx))
	r := &result{
		plan: p, schema: f.schema, live: true, follows: f,
		batches: make(chan stepRows, resultBatches), done: make(chan struct{}), cancel: cancel,
	}
	f.send, f.paced = r.send, p.Every > 0
	q, err := engine.New(engine.Config{
		Plan: p, Inputs: in.inputs, Output: f, Alloc: db.alloc, Wake: db.wake(), UntilEnd: true, SilentTo: f.silentTo,
	})
	if err != nil {
		cancel()
		return nil, errors.Join(err, in.close())
	}
	r.query = q
	go func() {
		defer close(r.done)
		defer close(r.batches)
		defer cancel()
		err := causeOf(ctx, q.Run(ctx))
		if errors.Is(err, views.ErrSlowReader) {
			err = diag.New(diag.External, diag.Span{}, "%s", err).WithHint("subscribe again AS OF the _commit of the last row that has one")
		}
		if cerr := in.close(); err == nil && !errors.Is(cerr, io.EOF) {
			err = cerr
		}
		r.err = err
	}()
	return r, nil
}

// progressEvery is how long nothing comes before a subscription says how far it is.
const progressEvery = time.Second

package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/dashboard/api"
	"weir/dashboard/hub"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
)

// watched is the list of the queries of clients: those that subscribers of the hub look
// at, and statements that run over HTTP. It is as large as the hub and the API let their
// clients make it.
type watched struct {
	mu   sync.Mutex
	last uint32
	by   map[uint32]*watchedQuery
}

// The kinds of queries of clients.
const (
	liveKind      = "live"      // subscribers of the hub share it
	statementKind = "statement" // it answers a request
)

// sharedClient stands for the client of a query that subscribers share.
const sharedClient = "websocket"

// watchedQuery is a query that is in the list until it is closed.
type watchedQuery struct {
	list   *watched
	id     uint32
	kind   string
	sql    string
	client string
	since  time.Time
	plan   *physical.Plan
	query  *engine.Query // nil: it is run again at each change
	rows   atomic.Int64  // that entered or left the result

	ctx  context.Context // ends with kill
	kill context.CancelFunc
}

// watchedSubscription is a run of the hub that is in the list.
type watchedSubscription struct {
	hub.Subscription
	*watchedQuery
}

// watchedView is one that can also give its content.
type watchedView struct {
	watchedSubscription
	hub.Snapshotter
}

// watchedResult is the answer to a statement that is in the list.
type watchedResult struct {
	*result
	*watchedQuery
}

// watch lists a query that was started for subscribers, who share it.
func (l *watched) watch(p *livePlan, sub hub.Subscription) hub.Subscription {
	w := &watchedQuery{kind: liveKind, sql: p.sql, client: sharedClient, since: p.db.now(), plan: p.plan}
	switch s := sub.(type) {
	case *subscription:
		w.query = s.query
	case *viewSubscription:
		w.query = s.query
	}
	l.add(w)
	if view, ok := sub.(hub.Snapshotter); ok {
		return watchedView{watchedSubscription{sub, w}, view}
	}
	return watchedSubscription{sub, w}
}

// answer lists a statement whose result a client reads.
func (l *watched) answer(r *result, client string, since time.Time) watchedResult {
	w := &watchedQuery{kind: statementKind, sql: r.sql, client: client, since: since, plan: r.plan, query: r.query}
	l.add(w)
	return watchedResult{r, w}
}

// reads names what a plan reads.
func reads(p *physical.Plan) string { return strings.Join(relationsOf(p), ", ") }

func (w *watchedQuery) name() string { return fmt.Sprintf("%s-%d", w.kind, w.id) }

// untilKilled calls a query's Next, which ends when the query is killed.
func untilKilled[T any](ctx context.Context, w *watchedQuery, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.ctx, cancel)()
	v, err := call(ctx)
	if w.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = diag.New(api.CodeKilled, diag.Span{}, "the query was ended by KILL %d", w.id).
			WithHint("what came before is right; run the statement again for the rest")
	}
	return v, err
}

// Next counts the rows of the next update.
func (w watchedSubscription) Next(ctx context.Context) (hub.Update, error) {
	u, err := untilKilled(ctx, w.watchedQuery, w.Subscription.Next)
	if u.Kind == hub.Delta {
		for _, b := range u.Batches {
			w.rows.Add(b.NumRows())
		}
	}
	return u, err
}

// Close takes the query off the list.
func (w watchedSubscription) Close() error {
	w.remove()
	return w.Subscription.Close()
}

// Next counts the next rows.
func (w watchedResult) Next(ctx context.Context) (stream.Batch, error) {
	b, err := untilKilled(ctx, w.watchedQuery, w.result.Next)
	if err == nil {
		w.rows.Add(b.NumRows())
	}
	return b, err
}

// Close takes the query off the list.
func (w watchedResult) Close() error {
	w.remove()
	return w.result.Close()
}

func (w *watchedQuery) remove() {
	w.kill()
	w.list.mu.Lock()
	defer w.list.mu.Unlock()
	delete(w.list.by, w.id)
}

func (l *watched) add(w *watchedQuery) {
	w.ctx, w.kill = context.WithCancel(context.Background())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = make(map[uint32]*watchedQuery)
	}
	l.last++
	w.id, w.list = l.last, l
	l.by[w.id] = w
}

// all returns the queries, the oldest first.
func (l *watched) all() []*watchedQuery {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*watchedQuery, 0, len(l.by))
	for _, w := range l.by {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b *watchedQuery) int { return int(a.id) - int(b.id) })
	return out
}

// queryOf returns the running query of a view, or that of a client by the name that it got.
func (db *database) queryOf(name string) (q *engine.Query, p *physical.Plan, found bool) {
	for _, m := range db.running() {
		if m.def.Name == name {
			return m.query, m.plan, true
		}
	}
	for _, w := range db.live.all() {
		if w.name() == name && w.query != nil {
			return w.query, w.plan, true
		}
	}
	return nil, nil, false
}

// killQuery ends a query of a client, who is told so.
func (db *database) killQuery(s *ast.Kill) error {
	db.live.mu.Lock()
	defer db.live.mu.Unlock()
	w, ok := db.live.by[s.ID]
	if !ok {
		return diag.New(diag.UnknownObject, s.At, "there is no query with the id %d", s.ID).
			WithHint("SHOW PROCESSLIST lists the queries of clients; the query of a view ends with DROP MATERIALIZED VIEW v")
	}
	w.kill()
	return nil
}

func processColumns() []string { return []string{"id", "client", "since", "rows", "reads", "sql"} }

// showProcess is the row of a client's query in SHOW PROCESSLIST.
func (w *watchedQuery) showProcess() []any {
	return []any{int64(w.id), w.client, showTime(stream.FromGo(w.since)), w.rows.Load(), reads(w.plan), w.sql}
}

// showQuery is what SHOW QUERIES has of a client's query. One that is run again at each
// change has no accounts.
func (w *watchedQuery) showQuery() [][]any {
	if w.query == nil {
		row := make([]any, len(queryColumns()))
		row[0], row[1], row[2] = w.name(), reads(w.plan), "running"
		return [][]any{row}
	}
	return showQuery(w.name(), "running", w.query.Progress(), w.plan)
}

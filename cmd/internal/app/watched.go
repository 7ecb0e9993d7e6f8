package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"weir/dashboard/hub"
	"weir/operators/engine"
	"weir/planner/physical"
)

// watched is the list of the queries that somebody looks at. It is as large as
// the hub lets its clients make it.
type watched struct {
	mu   sync.Mutex
	last uint32
	by   map[uint32]*watchedQuery
}

// watchedQuery is a run of the hub that is in the list until it is closed.
type watchedQuery struct {
	hub.Subscription
	list  *watched
	id    uint32
	sql   string
	reads string // streams or a view
	plan  *physical.Plan
	query *engine.Query // nil: it is run again at each change
	rows  atomic.Int64  // that entered or left the result
}

// watchedView is one that can also give its content.
type watchedView struct {
	*watchedQuery
	hub.Snapshotter
}

// watch lists a query that was started for subscribers, who share it.
func (l *watched) watch(p *livePlan, sub hub.Subscription) hub.Subscription {
	w := &watchedQuery{Subscription: sub, sql: p.sql, reads: reads(p.plan), plan: p.plan}
	switch s := sub.(type) {
	case *subscription:
		w.query = s.query
	case *viewSubscription:
		w.query = s.query
	}
	l.add(w)
	if view, ok := sub.(hub.Snapshotter); ok {
		return watchedView{w, view}
	}
	return w
}

// reads names what a plan reads.
func reads(p *physical.Plan) string { return strings.Join(relationsOf(p), ", ") }

func (w *watchedQuery) name() string { return fmt.Sprintf("live-%d", w.id) }

// Next counts the rows of the next update.
func (w *watchedQuery) Next(ctx context.Context) (hub.Update, error) {
	u, err := w.Subscription.Next(ctx)
	if u.Kind == hub.Delta {
		for _, b := range u.Batches {
			w.rows.Add(b.NumRows())
		}
	}
	return u, err
}

// Close takes the query off the list.
func (w *watchedQuery) Close() error {
	w.list.mu.Lock()
	delete(w.list.by, w.id)
	w.list.mu.Unlock()
	return w.Subscription.Close()
}

func (l *watched) add(w *watchedQuery) {
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

// queryOf returns the running query of a view, or the live one of that name.
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

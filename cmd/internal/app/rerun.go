package app

import (
	"context"
	"io"
	"time"

	"weir/dashboard/hub"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
)

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

// Start is nowhere: the result is that of the moment.
func (r *rerun) Start() uint64 { return 0 }

// Floor is the beginning: the first update is all there is.
func (r *rerun) Floor() uint64 { return 0 }

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
			return hub.Update{Kind: hub.Mark, W: st.W, Commit: st.Commit}, nil
		}
		select {
		case <-changed:
		case <-r.m.done:
			if r.m.finished() {
				return hub.Update{}, io.EOF
			}
			return hub.Update{}, r.db.ended(r.m)
		case <-ctx.Done():
			return hub.Update{}, ctx.Err()
		}
	}
}

func (r *rerun) run(ctx context.Context, st views.State) (hub.Update, error) {
	if wait := rerunEvery - time.Since(r.last); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return hub.Update{}, ctx.Err()
		}
		st = r.m.view.State()
	}
	r.last = time.Now()
	u, err := r.db.content(ctx, r.plan, r.m)
	if err != nil {
		return hub.Update{}, err
	}
	r.seen, r.w = st.Changes, u.W
	return u, nil
}

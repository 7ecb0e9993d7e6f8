package app

import (
	"context"
	"errors"
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
	feed, err := r.m.view.Feed(scanOf(r.plan.Root).Columns, false, r.db.alloc)
	if err != nil {
		return hub.Update{}, viewError(r.m.def.Name, err)
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

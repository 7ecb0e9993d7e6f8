package app

import (
	"errors"
	"fmt"

	"weir/operators/checkpoint"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
)

// errNoWayBack is returned for a view that no checkpoint and no log can bring back
// to where it was.
var errNoWayBack = errors.New("its checkpoints cannot be used, and the log no longer has all records that it was made from")

// begin opens the input of a view's query and makes the query: as it was at the
// newest checkpoint that can be used, or, without one, from the oldest record on.
func (db *database) begin(m *materialized, rel *relations) (*input, error) {
	if db.saver != nil && m.disk != nil && scanOf(m.plan.Root).Kind == physical.SourceStream {
		return db.resume(m, rel)
	}
	return db.beginAt(m, rel, nil, 0)
}

// resume tries the view's checkpoints, the newest first.
func (db *database) resume(m *materialized, rel *relations) (*input, error) {
	id, shown := checkpoint.QueryID(m.def.ID), m.disk.ResultsTo()
	h, problems, err := checkpoint.Find(db.saver.store, id)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		db.logger.Warn("checkpoint is damaged; the one before is tried", "view", m.def.Name, "error", p)
	}
	head, _ := db.log.Head()
	plan := physical.ID(m.plan)
	found := h.Manifests(plan)
	for _, man := range found {
		if man.Commit > shown || shown > head {
			continue // the view's content or the log's end is missing
		}
		snap, err := h.Load(man)
		if err != nil {
			db.logger.Warn("checkpoint is damaged; the one before is tried", "view", m.def.Name, "epoch", uint64(man.Epoch), "error", err)
			continue
		}
		in, err := db.beginAt(m, rel, snap, shown)
		if err != nil {
			db.logger.Warn("checkpoint cannot be used; the one before is tried", "view", m.def.Name, "epoch", uint64(man.Epoch), "error", err)
			continue
		}
		m.resumed = man.Commit
		db.saver.begin(m, plan, h, man)
		return in, nil
	}
	// Once there was something of it, the oldest record must still be the first: else
	// the view would go on from half of what it is.
	before := (shown > 0 || len(problems) > 0 || !h.Empty()) && m.pump == nil // which knows where it began
	for _, r := range rel.found {
		if oldest := db.log.Horizon(r.stream.Log()).After; before && db.log.HadRecords(r.stream.ID, oldest) {
			return nil, fmt.Errorf("%w: it shows commit %d, and its stream now begins behind commit %d", errNoWayBack, shown, oldest)
		}
	}
	if shown > head || shown > 0 && len(found) == 0 {
		// It has seen what is not in the log, or nothing says that it is this plan's.
		db.logger.Warn("view cannot be continued; it is made again from the log", "view", m.def.Name, "commit", int64(shown), "head", int64(head))
		m.view.Close()
		if err := errors.Join(views.Discard(db.ctx, db.store, m.def.ID), db.openView(m)); err != nil {
			return nil, err
		}
		if m.pump != nil {
			m.pump.view = m.view
		}
		shown = 0
	}
	in, err := db.beginAt(m, rel, nil, shown)
	if err != nil {
		return nil, err
	}
	db.saver.begin(m, plan, h, nil)
	return in, nil
}

// beginAt opens the input behind a snapshot, nil: at the oldest record, and makes
// the query. What the view shows already, up to a commit, is computed in silence.
func (db *database) beginAt(m *materialized, rel *relations, from *checkpoint.Snapshot, shown stream.Commit) (*input, error) {
	var in *input
	var err error
	switch {
	case from == nil && m.pump != nil:
		in, err = db.openPump(m, rel)
	case from == nil:
		in, err = db.open(db.ctx, m.plan, rel, "earliest")
	default:
		in, err = db.openStreamsAt(physical.Scans(m.plan.Root), rel, from.Commit, true)
	}
	if err != nil {
		return nil, err
	}
	m.from = in.after
	var out engine.Output = m.view
	if m.pump != nil {
		out, shown = m.pump, 0 // it knows itself what is there
		for i := range in.inputs {
			in.inputs[i].Source = &gate{in.inputs[i].Source, m.pump, db.log}
		}
	}
	m.query, err = engine.New(engine.Config{
		Plan: m.plan, Inputs: in.inputs, Output: out, Alloc: db.alloc, Wake: db.wake(),
		From: from, SilentTo: shown,
	})
	if err != nil {
		return nil, errors.Join(err, in.close())
	}
	return in, nil
}

// usualRow is about what a record takes in the log, in bytes.
const usualRow = 100.0

// bytesRead is about how much of the log a query has read since the start.
func (db *database) bytesRead(m *materialized, p engine.Progress) int64 {
	perRow := usualRow
	if st := db.log.Stats(); st.Records > 0 { // appended since the start
		perRow = float64(st.StoredBytes) / float64(st.Records)
	}
	return int64(float64(p.Ledger.In-m.atStart) * perRow)
}

// replay says how much of the log the next start has to read.
func (db *database) replay() string {
	all, saved := 0, 0
	for _, m := range db.running() {
		all++
		if db.saver != nil && m.disk != nil && !db.saver.coord.Behind(checkpoint.QueryID(m.def.ID), m.query.Progress().Commit) {
			saved++
		}
	}
	switch {
	case all == saved:
		return "nothing"
	case saved == 0:
		return fmt.Sprintf("the log, for %d %s", all, plural(int64(all), "view", "views"))
	}
	return fmt.Sprintf("the log, for %d of %d views", all-saved, all)
}

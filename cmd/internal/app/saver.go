package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"weir/operators/checkpoint"
	"weir/operators/engine"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/operators/views"
)

// How often something is saved; see checkpoint.Config.
const (
	saveResultsEvery = time.Second
	saveStateEvery   = 10 * time.Second
	saveStateBytes   = 64 << 20
	// saveBatchBytes and saveAtomicBytes end one write and begin another, so that
	// many queries or large ones need neither much memory nor a large transaction.
	saveBatchBytes  = 64 << 20
	saveAtomicBytes = 512 << 10
)

// saver writes the results and the state of all materialized views, behind
// everybody's back.
type saver struct {
	db     *database
	store  state.Store
	logger *slog.Logger
	done   chan struct{} // closed when run has ended

	started bool

	// of the goroutine that saves
	coord *checkpoint.Coordinator
	swept bool
	gone  []uint32        // objects that were dropped before the start, and that may have left something
	known map[uint32]bool // materialized views that there were at the start

	mu      sync.Mutex
	pending []func() // queries that came and went, for that goroutine
	stats   saverStats
}

// saverStats is what a saver has done since the start.
type saverStats struct {
	Epoch  stream.Epoch
	Writes int64
	Errors int64
	Bytes  int64
	Pages  int64
	Took   time.Duration // all writes, from the first snapshot to the last sync
	Paused time.Duration // all queries, while their state was copied
	Last   time.Time     // when the newest state was saved; zero: never
	States int64         // states of queries saved
}

func newSaver(db *database, store state.Store, cfg checkpoint.Config) (*saver, error) {
	coord, err := checkpoint.New(cfg)
	if err != nil {
		return nil, err
	}
	return &saver{db: db, store: store, logger: db.logger, done: make(chan struct{}), coord: coord, known: make(map[uint32]bool)}, nil
}

// saveConfig is how often a server saves.
func saveConfig(stateEvery time.Duration) checkpoint.Config {
	return checkpoint.Config{ResultsEvery: saveResultsEvery, StateEvery: stateEvery, StateBytes: saveStateBytes}
}

// Stats returns the counters.
func (s *saver) Stats() saverStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// later runs f before the next save. The coordinator is for one goroutine.
func (s *saver) later(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, f)
}

// begin adds a query; see checkpoint.Coordinator.Begin. What a restart reads of the
// log is held from now on: what is removed may be removed before the first save.
func (s *saver) begin(m *materialized, plan string, h *checkpoint.History, from *checkpoint.Manifest) {
	var kept []stream.Commit
	if from != nil {
		kept = h.Commits(from)
	}
	s.hold(m, kept)
	now := s.db.now()
	s.later(func() { s.coord.Begin(checkpoint.QueryID(m.def.ID), plan, h, from, now) })
}

// hold keeps in the log what a restart of a view reads that goes back to the
// oldest of its checkpoints, or, where that is not to be had, to one behind it.
func (s *saver) hold(m *materialized, checkpoints []stream.Commit) {
	if len(checkpoints) == 0 {
		checkpoints = []stream.Commit{m.from}
	}
	var err error
	for _, after := range checkpoints {
		if err = s.db.log.Hold(holdName(m.def.ID), after); err == nil {
			return
		}
	}
	if !m.lost.Swap(true) {
		s.logger.Warn("the log no longer has what a restart of the view reads", "view", m.def.Name, "error", err)
	}
}

// drop deletes what is on disk of a view that is closed, or of a stream.
func (s *saver) drop(id uint32) {
	s.later(func() {
		if err := s.discard(id); err != nil {
			s.failed(err) // the next start finds what is left
		}
	})
}

// discard deletes what is on disk of a view, or of a stream.
func (s *saver) discard(id uint32) error {
	s.db.log.Release(holdName(id))
	ctx := context.Background()
	var b state.Batch
	s.coord.Drop(checkpoint.QueryID(id), &b)
	if err := s.store.Write(ctx, &b); err != nil {
		return err
	}
	if err := views.Discard(ctx, s.store, id); err != nil {
		return err
	}
	if err := state.DeletePrefix(ctx, s.store, shardsOf(id)); err != nil {
		return err
	}
	return s.store.Write(ctx, &state.Batch{Deletes: [][]byte{goneKey(id)}})
}

// start saves every second, until the database stops. The views of the catalog
// run already.
func (s *saver) start() {
	s.started = true
	for _, v := range s.db.catalog.Views() {
		s.known[v.ID] = v.Materialized
	}
	var err error
	if s.gone, err = goneViews(s.store); err != nil {
		s.logger.Warn("cannot tell what is left of views that were dropped", "error", err)
	}
	s.db.wg.Go(func() { s.run(s.db.ctx) })
}

// saveLast saves everything once more, when the database has stopped but its
// views have not: they may take some time to show what was acknowledged.
func (s *saver) saveLast(wait time.Duration) {
	if !s.started {
		return // a start that failed has nothing to save
	}
	<-s.done
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for _, m := range s.db.running() {
		if m.disk != nil {
			_ = m.caughtUp(ctx, s.db) // what it has not read, the next start reads
		}
	}
	s.save(context.Background(), s.db.now(), true)
}

// run saves what is due, until ctx is cancelled.
func (s *saver) run(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(saveResultsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.save(ctx, s.db.now(), false)
		}
	}
}

// save writes what is due; everything that changed if it is the last time.
func (s *saver) save(ctx context.Context, now time.Time, last bool) {
	s.catchUp()
	e := &epoch{s: s, ctx: ctx, now: now, began: time.Now()}
	for _, m := range s.db.running() {
		if m.disk == nil {
			continue
		}
		id, p := checkpoint.QueryID(m.def.ID), m.query.Progress()
		results, state := s.coord.Due(id, now, p.Commit, s.db.bytesRead(m, p))
		if last {
			results, state = true, s.coord.Behind(id, p.Commit)
		}
		if state {
			e.addState(id, m)
		}
		if results || state {
			e.addResults(id, m)
		}
		if e.full() {
			e.write()
		}
	}
	e.write()
	s.release()
}

// release tells the log and the views what nobody reads any more.
func (s *saver) release() {
	for _, m := range s.db.running() {
		if m.disk == nil {
			continue
		}
		s.hold(m, s.coord.Commits(checkpoint.QueryID(m.def.ID)))
	}
	for _, d := range s.db.deliveries() {
		d.delivered()
	}
	s.db.releaseControls()
}

func holdName(view uint32) string { return fmt.Sprintf("view %d", view) }

// catchUp takes queries in that came, and lets those go that went. The first time
// it also looks for what a crash has left.
func (s *saver) catchUp() {
	s.mu.Lock()
	pending := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, f := range pending {
		f()
	}
	if s.swept {
		return
	}
	s.swept = true
	if err := s.sweep(); err != nil {
		s.logger.Warn("cannot look for what a crash has left in the store", "error", err)
	}
}

// sweep deletes what a crash has left: of views that were dropped, and of writes
// that were not finished. What is there of a view that cannot be run stays.
func (s *saver) sweep() error {
	for _, id := range s.gone {
		if err := s.discard(id); err != nil {
			return err
		}
	}
	return s.coord.Sweep(s.store, func(id checkpoint.QueryID) bool { return s.known[uint32(id)] })
}

func (s *saver) failed(err error) {
	s.mu.Lock()
	s.stats.Errors++
	n := s.stats.Errors
	s.mu.Unlock()
	if n == 1 || n%60 == 0 { // one a second would drown everything else
		s.logger.Error("checkpoint was not saved; queries go on, and a restart begins at the one before", "errors", n, "error", err)
	}
}

// epoch is one write to the store, on its way.
type epoch struct {
	s       *saver
	ctx     context.Context
	now     time.Time
	began   time.Time
	batch   state.Batch
	flushed []func(error) // of the views whose results are in the batch
	states  int64
	paused  time.Duration
	cleaned bool
}

// addState copies the state of a query and puts it into the batch.
func (e *epoch) addState(id checkpoint.QueryID, m *materialized) {
	snap, err := m.query.Snapshot(e.ctx)
	if errors.Is(err, engine.ErrOver) {
		return // it ended; what was saved of it before is still right
	}
	if err == nil {
		e.paused += snap.Paused
		err = e.s.coord.Add(id, snap, e.now, e.s.db.bytesRead(m, m.query.Progress()), &e.batch)
	}
	if err != nil {
		e.s.failed(err)
		return
	}
	e.states++
}

// addResults puts what changed in a view into the batch. It comes after the state,
// so that results on disk are never behind the state.
func (e *epoch) addResults(id checkpoint.QueryID, m *materialized) {
	done, err := m.disk.Flush(&e.batch)
	if err != nil {
		e.s.failed(err)
		return
	}
	e.flushed = append(e.flushed, done)
	e.s.coord.Results(id, e.now)
}

// full tells that the batch should be written before more is added.
func (e *epoch) full() bool {
	pages, atomic := 0, 0
	for _, p := range e.batch.Pages {
		pages += len(p.Value)
	}
	for _, p := range e.batch.Puts {
		atomic += len(p.Key) + len(p.Value)
	}
	return pages >= saveBatchBytes || atomic >= saveAtomicBytes
}

// write writes the batch and begins another.
func (e *epoch) write() {
	s := e.s
	if !e.cleaned {
		s.coord.Clean(&e.batch)
		e.cleaned = true
	}
	if e.batch.Empty() {
		for _, done := range e.flushed {
			done(nil)
		}
		e.flushed = nil
		return
	}
	if err := putMark(s.db.log, &e.batch); err != nil {
		s.failed(err)
	}
	bytes, pages := e.batch.Bytes(), len(e.batch.Pages)
	// A write that was begun is finished: nobody could say what half of it is.
	err := s.store.Write(context.WithoutCancel(e.ctx), &e.batch)
	s.coord.Finish(err)
	for _, done := range e.flushed {
		done(err)
	}
	if err != nil {
		s.failed(err)
	} else {
		s.count(e, bytes, pages)
	}
	*e = epoch{s: s, ctx: e.ctx, now: e.now, began: time.Now(), cleaned: true}
}

func (s *saver) count(e *epoch, bytes, pages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.stats
	st.Writes++
	st.Epoch = s.coord.Epoch()
	st.Bytes += int64(bytes)
	st.Pages += int64(pages)
	st.Took += time.Since(e.began)
	st.Paused += e.paused
	st.States += e.states
	if e.states > 0 {
		st.Last = time.Now()
	}
}

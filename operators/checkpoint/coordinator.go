package checkpoint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/operators/state"
	"weir/operators/stream"
)

// Config says how often something is written.
type Config struct {
	// ResultsEvery is how often results are, StateEvery how often state is, unless
	// StateBytes were read since.
	ResultsEvery, StateEvery time.Duration
	StateBytes               int64
}

// Coordinator keeps what the store holds of every query. It is for one goroutine.
//
// An epoch is Add for each query that is due, then the store's Write, then Finish.
type Coordinator struct {
	cfg     Config
	epoch   stream.Epoch // the last that was begun
	queries map[QueryID]*query
	garbage []dead // pages that nothing names, to be deleted
	started bool   // pages or manifests were added since Finish
	removed int    // how many of garbage the batch at hand deletes
}

// dead is a page to be deleted.
type dead struct {
	key   []byte
	bytes int
}

// query is what the store holds of one.
type query struct {
	plan  string
	kept  [manifestsKept]*Manifest
	slot  int                // for the next manifest
	pages map[string]PageRef // what the query's operators may Keep
	// unwritten are pages that an operator put, and that no write took.
	unwritten map[string][]byte
	next      *attempt // of the epoch at hand

	results, state time.Time // when each was written last
	commit         stream.Commit
	bytes          int64
}

// attempt is a manifest on its way.
type attempt struct {
	manifest *Manifest
	data     map[string][]byte // of the pages that go with it
	bytes    int64
	now      time.Time
}

// New returns a coordinator that knows of no query.
func New(cfg Config) (*Coordinator, error) {
	if cfg.ResultsEvery <= 0 || cfg.StateEvery <= 0 || cfg.StateBytes <= 0 {
		return nil, fmt.Errorf("checkpoints every %s and %s, or %d bytes", cfg.ResultsEvery, cfg.StateEvery, cfg.StateBytes)
	}
	return &Coordinator{cfg: cfg, queries: make(map[QueryID]*query)}, nil
}

// Begin adds a query. h is what the store has of it, and from the manifest that
// it goes on from; nil if it begins at the log's oldest record. Manifests that
// are newer than from, or of another plan, are given up.
func (c *Coordinator) Begin(id QueryID, plan string, h *History, from *Manifest, now time.Time) {
	q := &query{plan: plan, pages: make(map[string]PageRef), results: now, state: now}
	c.queries[id] = q
	var gone []*Manifest
	for slot, m := range h.slots {
		if m == nil {
			continue
		}
		c.epoch = max(c.epoch, m.Epoch)
		if from == nil || m.Plan != plan || m.Epoch > from.Epoch {
			gone = append(gone, m)
			continue
		}
		q.kept[slot] = m
		if m == from {
			q.slot = (slot + 1) % manifestsKept
		}
	}
	// The next manifest goes where none is that is worth keeping.
	if free := slices.Index(q.kept[:], nil); free >= 0 {
		q.slot = free
	}
	if from == nil {
		q.state = time.Time{} // with the first results there is to be a manifest that says whose they are
	} else {
		q.commit = from.Commit
		for _, p := range from.Pages {
			q.pages[p.Path] = p
		}
	}
	for _, m := range gone {
		c.bury(id, q, m)
	}
}

// bury makes the pages of a manifest garbage unless a kept one names them.
func (c *Coordinator) bury(id QueryID, q *query, m *Manifest) {
	named := q.named()
	for _, p := range m.Pages {
		if !named[p.key()] {
			c.discard(id, p)
		}
	}
}

// pageID is what tells pages of a query apart.
type pageID struct {
	epoch stream.Epoch
	path  string
}

func (p PageRef) key() pageID { return pageID{p.Epoch, p.Path} }

// named returns the pages that the kept manifests name.
func (q *query) named() map[pageID]bool {
	named := make(map[pageID]bool)
	for _, m := range q.kept {
		if m == nil {
			continue
		}
		for _, p := range m.Pages {
			named[p.key()] = true
		}
	}
	return named
}

// garbageMax is how many pages wait for their deletion at most; what is beyond is
// found by Sweep.
const garbageMax = 1 << 20

func (c *Coordinator) discard(id QueryID, p PageRef) {
	if len(c.garbage) < garbageMax {
		c.garbage = append(c.garbage, dead{pageKey(id, p.Epoch, p.Path), p.Bytes})
	}
}

// Due tells whether the results of a query are due, and its state, which is
// never without the results. commit is how far the query has read and bytes how
// much of the log that is, about.
func (c *Coordinator) Due(id QueryID, now time.Time, commit stream.Commit, bytes int64) (results, state bool) {
	q := c.queries[id]
	if q == nil {
		return false, false
	}
	state = c.Behind(id, commit) && (now.Sub(q.state) >= c.cfg.StateEvery || bytes-q.bytes >= c.cfg.StateBytes)
	return state || now.Sub(q.results) >= c.cfg.ResultsEvery, state
}

// Behind tells whether a query has read further than what is saved of it.
func (c *Coordinator) Behind(id QueryID, commit stream.Commit) bool {
	q := c.queries[id]
	return q != nil && commit > q.commit
}

// Commits returns the commits of the checkpoints that a restart of a query may go
// back to, the oldest first.
func (c *Coordinator) Commits(id QueryID) []stream.Commit {
	q := c.queries[id]
	if q == nil {
		return nil
	}
	return commitsOf(q.kept[:])
}

func commitsOf(manifests []*Manifest) []stream.Commit {
	var out []stream.Commit
	for _, m := range manifests {
		if m != nil {
			out = append(out, m.Commit)
		}
	}
	slices.Sort(out)
	return out
}

// Results notes that the results of a query are in the batch at hand.
func (c *Coordinator) Results(id QueryID, now time.Time) {
	if q := c.queries[id]; q != nil {
		q.results = now
	}
}

// Add puts a query's snapshot into the batch of the epoch at hand: its pages, and
// the manifest in the atomic part. After an error the query's snapshots are of no
// use any more. Pages are compressed here, which is most of the time it takes.
func (c *Coordinator) Add(id QueryID, s *Snapshot, now time.Time, bytes int64, b *state.Batch) error {
	q := c.queries[id]
	if q == nil {
		return fmt.Errorf("checkpoint of query %d, which nobody began", id)
	}
	c.begin()
	m := &Manifest{Epoch: c.epoch, Plan: q.plan, Point: s.Point, Pages: make([]PageRef, 0, len(s.Pages))}
	a := &attempt{manifest: m, data: make(map[string][]byte), bytes: bytes, now: now}
	for _, p := range s.Pages {
		if p.Data == nil {
			p.Data = q.unwritten[p.Path]
		}
		ref, known := q.pages[p.Path]
		switch {
		case p.Data != nil:
			stored := encodePage(p.Data)
			ref = PageRef{p.Path, c.epoch, len(stored)}
			a.data[p.Path] = p.Data
			b.Page(pageKey(id, c.epoch, p.Path), stored)
		case !known:
			return fmt.Errorf("checkpoint of query %d: page %s is kept and was never written", id, p.Path)
		}
		m.Pages = append(m.Pages, ref)
	}
	slices.SortFunc(m.Pages, func(a, b PageRef) int { return strings.Compare(a.Path, b.Path) })
	b.Put(manifestKey(id, q.slot), m.Encode())
	q.next = a
	return nil
}

// begin makes an epoch the one at hand.
func (c *Coordinator) begin() {
	if !c.started {
		c.started = true
		c.epoch++
	}
}

// deleteCostMax bounds what deletions add to one atomic write; a page counts one,
// and one for each chunk in which a store may keep it.
const (
	deleteCostMax = 2048
	chunkBytes    = 256 << 10
)

// Clean adds deletions of pages that nothing names to a batch, as many as go into
// one atomic write.
func (c *Coordinator) Clean(b *state.Batch) {
	cost := 0
	for c.removed < len(c.garbage) && cost < deleteCostMax {
		d := c.garbage[c.removed]
		cost += 2 + d.bytes/chunkBytes
		b.Delete(d.key)
		c.removed++
	}
}

// Finish says how the write of the batch at hand went. Without an error its
// manifests count; with one nothing does, and its pages come again with the next.
func (c *Coordinator) Finish(err error) {
	if err == nil {
		c.garbage = slices.Delete(c.garbage, 0, c.removed)
	}
	c.removed, c.started = 0, false
	for id, q := range c.queries {
		a := q.next
		if a == nil {
			continue
		}
		q.next = nil
		m := a.manifest
		if err != nil {
			q.unwritten = a.data
			for _, p := range m.Pages {
				if p.Epoch == m.Epoch {
					c.discard(id, p)
				}
			}
			continue
		}
		q.unwritten = nil
		q.state, q.commit, q.bytes = a.now, m.Commit, a.bytes
		old := q.kept[q.slot]
		q.kept[q.slot] = m
		q.slot = q.nextSlot()
		clear(q.pages)
		for _, p := range m.Pages {
			q.pages[p.Path] = p
		}
		if old != nil {
			c.bury(id, q, old)
		}
	}
}

// nextSlot is a free place for a manifest, or the oldest one's.
func (q *query) nextSlot() int {
	best := 0
	for slot, m := range q.kept {
		if m == nil {
			return slot
		}
		if m.Epoch < q.kept[best].Epoch {
			best = slot
		}
	}
	return best
}

// Drop forgets a query, whose manifests the batch deletes. Its pages go with the
// next calls of Clean.
func (c *Coordinator) Drop(id QueryID, b *state.Batch) {
	for slot := range manifestsKept {
		b.Delete(manifestKey(id, slot))
	}
	q := c.queries[id]
	if q == nil {
		return
	}
	delete(c.queries, id)
	pages := make(map[pageID]PageRef)
	for _, m := range q.kept {
		if m == nil {
			continue
		}
		for _, p := range m.Pages {
			pages[p.key()] = p
		}
	}
	for _, p := range pages {
		c.discard(id, p)
	}
}

// Epoch returns the number of the last epoch.
func (c *Coordinator) Epoch() stream.Epoch { return c.epoch }

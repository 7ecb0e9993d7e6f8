package app

import (
	"context"
	"sync"
	"time"

	"weir/operators/stream"
	"weir/sql/catalog"
)

const (
	rateEvery  = time.Second
	rateWindow = 10 // samples that a rate looks back
)

// rateKey names something that is counted: the records of a stream, what the
// query of a view or a live query reads, or what comes out of it, or what a sink
// has delivered.
type rateKey struct {
	kind    rateKind
	results bool
	id      uint32
}

type rateKind uint8

const (
	streamRate rateKind = iota
	viewRate
	liveRate
	sinkRate
)

// out names what comes out of a query.
func (k rateKey) out() rateKey { k.results = true; return k }

// sample is a count at a time.
type sample struct {
	at    time.Time
	count int64
}

// rates remembers the last counts of streams and queries. What is no longer
// there is forgotten at the next sample, so it is as large as the catalog.
type rates struct {
	mu sync.Mutex
	by map[rateKey][]sample
}

// run takes a sample every second until ctx ends.
func (r *rates) run(ctx context.Context, counts func() map[rateKey]int64) {
	tick := time.NewTicker(rateEvery)
	defer tick.Stop()
	for {
		r.add(time.Now(), counts())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *rates) add(now time.Time, counts map[rateKey]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := make(map[rateKey][]sample, len(counts))
	for k, n := range counts {
		all := r.by[k]
		all = append(all, sample{now, n})
		if len(all) > rateWindow+1 {
			all = append(all[:0], all[len(all)-rateWindow-1:]...)
		}
		by[k] = all
	}
	r.by = by
}

// of returns the count's growth per second over the samples that there are.
func (r *rates) of(k rateKey) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.by[k]
	if len(all) < 2 {
		return 0
	}
	first, last := all[0], all[len(all)-1]
	took := last.at.Sub(first.at).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(last.count-first.count) / took
}

// counts returns what rates are taken of.
func (db *database) counts() map[rateKey]int64 {
	out := make(map[rateKey]int64)
	for _, s := range db.catalog.Streams() {
		n, _ := db.records(s)
		out[rateKey{id: s.ID}] = n
	}
	for _, m := range db.running() {
		k := rateKey{kind: viewRate, id: m.def.ID}
		out[k], out[k.out()] = m.progress().Ledger.In, m.view.State().Changes
	}
	for _, d := range db.deliveries() {
		out[rateKey{kind: sinkRate, id: d.def.ID}] = d.stats().Rows
	}
	for _, w := range db.live.all() {
		k := rateKey{kind: liveRate, id: w.id}
		out[k.out()] = w.rows.Load()
		if w.query != nil {
			out[k] = w.query.Progress().Ledger.In
		}
	}
	return out
}

// records returns how many records of a stream the log took, ever, and by shard.
func (db *database) records(s *catalog.Stream) (total int64, byShard []int64) {
	if s.Connector != "" {
		return 0, nil
	}
	byShard = make([]int64, len(db.router(s).Map().All()))
	for i := range byShard {
		byShard[i] = int64(db.log.NextSeq(s.Log(), stream.Shard(i)))
		total += byShard[i]
	}
	return total, byShard
}

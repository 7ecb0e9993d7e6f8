package httpapi

import (
	"context"
	"slices"
	"time"

	"weir/ingest/decode"
)

// decodersMax is how many streams' decoders a worker keeps.
const decodersMax = 64

// worker is the right to decode, and the decoders that were compiled under it.
// There are as many as CPUs: decoding waits for nothing else, and so the memory
// for columns is bounded too.
//
// Keeping decoders saves 5 µs and 30 allocations a request, a third of what is
// done here for a single row (BenchmarkRecords/1).
type worker struct{ compiled map[uint32]compiled }

// compiled is a decoder and what it was compiled for.
type compiled struct {
	columns []decode.Column
	key     int
	unit    time.Duration
	decoder *decode.JSON
}

func newWorkers(n int) chan *worker {
	workers := make(chan *worker, n)
	for range n {
		workers <- &worker{compiled: map[uint32]compiled{}}
	}
	return workers
}

// worker waits for a worker; the caller gives it back.
func (h *Handler) worker(ctx context.Context) (*worker, error) {
	select {
	case w := <-h.workers:
		return w, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// decoder returns a decoder for the stream as it is declared now.
func (w *worker) decoder(s Stream, maxRow int) (*decode.JSON, error) {
	c, ok := w.compiled[s.ID]
	if ok && c.key == s.PartitionKey && c.unit == s.TimeUnit && slices.Equal(c.columns, s.Columns) {
		return c.decoder, nil
	}
	cfg := decode.Config{Columns: s.Columns, CheckAll: true, Spans: true, TimeUnit: s.TimeUnit, MaxRow: maxRow}
	if s.PartitionKey >= 0 {
		cfg.Want = []int{s.PartitionKey}
	}
	d, err := decode.NewJSON(cfg)
	if err != nil {
		return nil, err
	}
	if !ok && len(w.compiled) >= decodersMax {
		for id := range w.compiled { // any will do
			delete(w.compiled, id)
			break
		}
	}
	w.compiled[s.ID] = compiled{columns: slices.Clone(s.Columns), key: s.PartitionKey, unit: s.TimeUnit, decoder: d}
	return d, nil
}

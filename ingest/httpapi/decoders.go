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
type worker struct {
	compiled  map[uint32]*compiled
	inflators inflators
}

// compiled are a stream's decoders and what they were compiled for.
type compiled struct {
	columns []decode.Column
	key     int
	unit    time.Duration
	json    *decode.JSON // nil until it is used
	csv     *decode.CSV  // nil until it is used; that of the last header
	header  string
}

func newWorkers(n int) chan *worker {
	workers := make(chan *worker, n)
	for range n {
		workers <- &worker{compiled: map[uint32]*compiled{}}
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

// of returns the decoders of the stream as it is declared now.
func (w *worker) of(s Stream) *compiled {
	c, ok := w.compiled[s.ID]
	if ok && c.key == s.PartitionKey && c.unit == s.TimeUnit && slices.Equal(c.columns, s.Columns) {
		return c
	}
	if !ok && len(w.compiled) >= decodersMax {
		for id := range w.compiled { // any will do
			delete(w.compiled, id)
			break
		}
	}
	c = &compiled{columns: slices.Clone(s.Columns), key: s.PartitionKey, unit: s.TimeUnit}
	w.compiled[s.ID] = c
	return c
}

func (c *compiled) config(maxRow int) decode.Config {
	cfg := decode.Config{Columns: c.columns, CheckAll: true, Spans: true, TimeUnit: c.unit, MaxRow: maxRow}
	if c.key >= 0 {
		cfg.Want = []int{c.key}
	}
	return cfg
}

// decoder returns a decoder of the stream's JSON.
func (w *worker) decoder(s Stream, maxRow int) (*decode.JSON, error) {
	c := w.of(s)
	if c.json == nil {
		d, err := decode.NewJSON(c.config(maxRow))
		if err != nil {
			return nil, err
		}
		c.json = d
	}
	return c.json, nil
}

// csvDecoder returns a decoder of the stream's CSV under a header.
func (w *worker) csvDecoder(s Stream, header string, names []string, maxRow int) (*decode.CSV, error) {
	c := w.of(s)
	if c.csv == nil || c.header != header {
		d, err := decode.NewCSV(c.config(maxRow), ',', names)
		if err != nil {
			return nil, err
		}
		c.csv, c.header = d, header
	}
	return c.csv, nil
}

package httpapi

import (
	"context"
	"math"
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
	columns   []decode.Column
	generated []int
	key       int
	event     int
	unit      time.Duration
	json      *decode.JSON // nil until it is used
	csv       *decode.CSV  // nil until it is used; that of the last header
	header    string
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
	if ok && c.key == s.PartitionKey && c.event == s.event() && c.unit == s.TimeUnit &&
		slices.Equal(c.columns, s.Columns) && slices.Equal(c.generated, s.Generated) {
		return c
	}
	if !ok && len(w.compiled) >= decodersMax {
		for id := range w.compiled { // any will do
			delete(w.compiled, id)
			break
		}
	}
	c = &compiled{
		columns: slices.Clone(s.Columns), generated: slices.Clone(s.Generated),
		key: s.PartitionKey, event: s.event(), unit: s.TimeUnit,
	}
	w.compiled[s.ID] = c
	return c
}

func (c *compiled) config(maxRow int) decode.Config {
	cfg := decode.Config{
		Columns: c.columns, Generated: c.generated, CheckAll: true, Spans: true, Unknown: true, TimeUnit: c.unit, MaxRow: maxRow,
	}
	if c.key >= 0 { // the first column of the batch
		cfg.Want = []int{c.key}
	}
	if c.event >= 0 {
		cfg.Event, cfg.EventColumn = true, c.event
		if c.event != c.key {
			cfg.Want = append(cfg.Want, c.event)
		}
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
	c.json.SetLatest(s.latest())
	return c.json, nil
}

// event returns the column with the event time, -1 if none is sent.
func (s Stream) event() int {
	if !s.HasEventTime {
		return -1
	}
	return s.EventTime
}

// latest returns the last event time that is let in now, in microseconds.
//
// Queries judge a row by its arrival, which is later than now: what is let in
// here is no error there. Nothing of this is in the log, so a replay does not
// depend on it.
func (s Stream) latest() int64 {
	if s.FutureTolerance <= 0 {
		return math.MaxInt64
	}
	return time.Now().Add(s.FutureTolerance).UnixMicro()
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
	c.csv.SetLatest(s.latest())
	return c.csv, nil
}

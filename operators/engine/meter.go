package engine

import (
	"context"
	"time"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
)

// Meter counts what the operators of one query do. A query without one has no part
// of it: what counts stands around operators and sources, and not in them. It is
// read once the query's Run has returned.
type Meter struct {
	work  map[physical.Node][]*Work
	reads map[*physical.Scan]*Reading
}

// Reading is what a source has done for a scan.
type Reading struct {
	Bytes    int64         // as they are stored; 0 where there are none, or the source does not say
	Decoding time.Duration // over all that decode at once
	Waited   time.Duration // for which the query waited for the source
}

// NewMeter returns a meter for one query.
func NewMeter() *Meter {
	return &Meter{work: make(map[physical.Node][]*Work), reads: make(map[*physical.Scan]*Reading)}
}

// Work is what one operator has done in one lane, or behind the exchange. Of a scan
// the rows that came in are those of the source, and the time that in which event
// times were computed.
type Work struct {
	Input   int // number of the scan, for lanes
	Shard   stream.Shard
	InLane  bool
	RowsIn  int64
	RowsOut int64
	Batches int64 // that came in
	Took    time.Duration
	Kept    int64 // the most groups or rows that it kept; -1: it keeps none, or does not say
	away    time.Duration
}

// Of returns the work of a node, in the order in which its lanes began; nothing for
// one that has no operator.
func (m *Meter) Of(n physical.Node) []Work {
	out := make([]Work, 0, len(m.work[n]))
	for _, w := range m.work[n] {
		out = append(out, *w)
	}
	return out
}

// Read returns what the source of a scan has done.
func (m *Meter) Read(n *physical.Scan) Reading {
	if r := m.reads[n]; r != nil {
		return *r
	}
	return Reading{}
}

// add begins to count for a node. Lanes are made one at a time, between two steps.
func (m *Meter) add(n physical.Node) *Work {
	w := &Work{Kept: -1}
	m.work[n] = append(m.work[n], w)
	return w
}

// keeper is an operator that knows how many groups or rows it keeps.
type keeper interface{ Kept() int }

// metered counts for one operator.
type metered struct {
	operators.Operator
	work *Work
	out  counted
}

// meter puts an operator's counter around it; without a meter it stays as it is.
func (m *Meter) meter(n physical.Node, op operators.Operator) operators.Operator {
	if m == nil {
		return op
	}
	w := m.add(n)
	return &metered{Operator: op, work: w, out: counted{work: w}}
}

// counted is the collector behind an operator: what is behind it takes its own time.
type counted struct {
	work *Work
	to   operators.Collector
}

// Emit counts rows that leave.
func (c *counted) Emit(ctx context.Context, b stream.Batch) error {
	c.work.RowsOut += b.NumRows()
	began := time.Now()
	err := c.to.Emit(ctx, b)
	c.work.away += time.Since(began)
	return err
}

// ProcessBatch counts rows that come.
func (m *metered) ProcessBatch(ctx context.Context, in operators.Port, b stream.Batch, out operators.Collector) error {
	m.work.Batches++
	m.work.RowsIn += b.NumRows()
	return m.timed(out, func() error { return m.Operator.ProcessBatch(ctx, in, b, &m.out) })
}

// ProcessCut looks at what is kept in front of the cut, which may let go of it, and
// behind it.
func (m *metered) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (w stream.Time, err error) {
	m.look()
	err = m.timed(out, func() (err error) {
		w, err = m.Operator.ProcessCut(ctx, c, &m.out)
		return err
	})
	m.look()
	return w, err
}

func (m *metered) timed(out operators.Collector, f func() error) error {
	m.out.to, m.work.away = out, 0
	began := time.Now()
	err := f()
	m.work.Took += time.Since(began) - m.work.away
	return err
}

func (m *metered) look() {
	if k, ok := m.Operator.(keeper); ok {
		m.work.Kept = max(m.work.Kept, int64(k.Kept()))
	}
}

// scanned counts, in front of a lane's operators, the rows that its scan hands over.
type scanned struct {
	operators.Stateless
	work *Work
}

// ProcessBatch passes the rows on.
func (s *scanned) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	s.work.RowsOut += b.NumRows()
	began := time.Now()
	b.Retain()
	err := out.Emit(ctx, b)
	s.work.away += time.Since(began)
	return err
}

// lane counts what a lane's scan takes.
func (m *Meter) lane(ln *lane) {
	if m == nil {
		return
	}
	l := ln.input.layout
	for i, n := range l.lane {
		ln.chain.ops[i] = m.meter(n, ln.chain.ops[i])
		w := m.work[n][len(m.work[n])-1]
		w.Input, w.Shard, w.InLane = l.number, ln.shard, true
	}
	scan := m.add(l.scan)
	scan.Input, scan.Shard, scan.InLane = l.number, ln.shard, true
	ln.chain = newChain(append([]operators.Operator{&scanned{work: scan}}, ln.chain.ops...), ln)
	ln.take = func(ctx context.Context, b stream.SourceBatch) error {
		scan.Batches++
		scan.RowsIn += b.NumRows() + b.Bad
		scan.away = 0
		began := time.Now()
		err := ln.process(ctx, b)
		scan.Took += time.Since(began) - scan.away
		return err
	}
}

// source has the waits for the source of an input counted.
func (m *Meter) source(in *input) {
	if m == nil {
		return
	}
	r := new(Reading)
	m.reads[in.layout.scan] = r
	in.Source = meteredSource{in.Source, r}
}

// meteredSource counts what a source does.
type meteredSource struct {
	Source
	reading *Reading
}

// Next waits for the next step.
func (s meteredSource) Next(ctx context.Context) (*stream.StepData, error) {
	began := time.Now()
	data, err := s.Source.Next(ctx)
	s.reading.Waited += time.Since(began)
	if err == nil {
		s.reading.Bytes += data.Bytes
		s.reading.Decoding += data.Decoding
	}
	return data, err
}

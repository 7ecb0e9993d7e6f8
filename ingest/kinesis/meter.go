package kinesis

import (
	"slices"
	"sync"
	"time"

	"weir/operators/stream"
)

// What AWS lets through a shard.
const (
	writeBytesPerSecond   = 1 << 20
	writeRecordsPerSecond = 1000
	readBytesPerSecond    = 2 << 20
	readRecordsPerSecond  = 2000
	readsPerSecond        = 5
)

// Counts is what went through a shard since the process began, under the names that
// CloudWatch has for it.
type Counts struct {
	IncomingBytes, IncomingRecords     int64
	OutgoingBytes, OutgoingRecords     int64
	WriteProvisionedThroughputExceeded int64
	ReadProvisionedThroughputExceeded  int64
	// IteratorAge is how far the last read was behind the head of the log.
	IteratorAge time.Duration
}

// metrics returns the names of the shard-level metrics, as answers list them.
func metrics() []string {
	return []string{
		"IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords",
		"WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds",
	}
}

// Metric returns what is counted under a name, 0 for a name that is none of a shard-level
// metric.
func (c *Counts) Metric(name string) float64 {
	switch name {
	case "IncomingBytes":
		return float64(c.IncomingBytes)
	case "IncomingRecords":
		return float64(c.IncomingRecords)
	case "OutgoingBytes":
		return float64(c.OutgoingBytes)
	case "OutgoingRecords":
		return float64(c.OutgoingRecords)
	case "WriteProvisionedThroughputExceeded":
		return float64(c.WriteProvisionedThroughputExceeded)
	case "ReadProvisionedThroughputExceeded":
		return float64(c.ReadProvisionedThroughputExceeded)
	case "IteratorAgeMilliseconds":
		return float64(c.IteratorAge.Milliseconds())
	}
	return 0
}

// add sums counts; of ages the greatest is kept.
func (c *Counts) add(o *Counts) {
	c.IncomingBytes += o.IncomingBytes
	c.IncomingRecords += o.IncomingRecords
	c.OutgoingBytes += o.OutgoingBytes
	c.OutgoingRecords += o.OutgoingRecords
	c.WriteProvisionedThroughputExceeded += o.WriteProvisionedThroughputExceeded
	c.ReadProvisionedThroughputExceeded += o.ReadProvisionedThroughputExceeded
	c.IteratorAge = max(c.IteratorAge, o.IteratorAge)
}

// leak is a bucket that empties at a rate.
type leak struct {
	level float64
	at    time.Time
}

// fits tells whether n more are within what flows out in a second. A lot that is more
// than that alone fits into an empty bucket.
func (l *leak) fits(n, rate float64, now time.Time) bool {
	l.level = max(0, l.level-now.Sub(l.at).Seconds()*rate)
	l.at = now
	return l.level == 0 || l.level+n <= rate
}

// meter counts what goes through a shard and, where it is told, bounds it.
type meter struct {
	mu           sync.Mutex
	counts       Counts
	bytes        leak // written
	records      leak
	out          leak // read
	outRecords   leak
	reads        leak
	silenceUntil time.Time // of reads, after a large one
}

// admitWrite tells whether AWS would take a record now, and counts it as taken.
func (m *meter) admitWrite(size int, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.bytes.fits(float64(size), writeBytesPerSecond, now) || !m.records.fits(1, writeRecordsPerSecond, now) {
		m.counts.WriteProvisionedThroughputExceeded++
		return false
	}
	m.bytes.level += float64(size)
	m.records.level++
	return true
}

// admitRead tells whether AWS would answer a GetRecords now.
func (m *meter) admitRead(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Before(m.silenceUntil) || !m.out.fits(1, readBytesPerSecond, now) ||
		!m.outRecords.fits(1, readRecordsPerSecond, now) || !m.reads.fits(1, readsPerSecond, now) {
		m.counts.ReadProvisionedThroughputExceeded++
		return false
	}
	m.reads.level++
	return true
}

func (m *meter) wrote(records, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts.IncomingRecords += int64(records)
	m.counts.IncomingBytes += int64(bytes)
}

// read counts what a GetRecords has returned.
func (m *meter) read(records, bytes int, age time.Duration, now time.Time) {
	m.sent(records, bytes, age)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.level += float64(bytes)
	m.outRecords.level += float64(records)
	if bytes > readBytesPerSecond {
		m.silenceUntil = now.Add(time.Duration(bytes) * time.Second / readBytesPerSecond)
	}
}

// sent counts what went out of the shard. What goes to a subscription takes nothing of
// what the callers of GetRecords share.
func (m *meter) sent(records, bytes int, age time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts.OutgoingRecords += int64(records)
	m.counts.OutgoingBytes += int64(bytes)
	m.counts.IteratorAge = age
}

// meters are those of all shards that were used.
type meters struct {
	mu  sync.Mutex
	all map[meterKey]*meter
	// requests counts answers by operation and error.
	requests map[Request]int64
}

type meterKey struct {
	stream uint32
	shard  stream.Shard
}

// Request is an operation and the type of its error, "" for none.
type Request struct{ Operation, Error string }

func (m *meters) of(id uint32, shard stream.Shard) *meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.all[meterKey{id, shard}]
	if !ok {
		if m.all == nil {
			m.all = map[meterKey]*meter{}
		}
		found = &meter{}
		m.all[meterKey{id, shard}] = found
	}
	return found
}

func (m *meters) answered(operation, err string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.requests == nil {
		m.requests = map[Request]int64{}
	}
	m.requests[Request{operation, err}]++
}

// ShardCounts is what went through one shard.
type ShardCounts struct {
	ID string
	Counts
}

// StreamCounts is what went through a stream, and through those of its shards that
// were used.
type StreamCounts struct {
	Name   string
	Shards []ShardCounts // in order
	Counts
	Monitoring []string // which shard-level metrics were asked for
}

// Stats is what was counted since the process began.
type Stats struct {
	Requests map[Request]int64
	Streams  []StreamCounts
	InFlight int64 // bytes of requests and answers that are in memory now
}

// Stats returns the counts, and forgets those of streams that are gone.
func (h *Handler) Stats() Stats {
	h.meters.mu.Lock()
	out := Stats{InFlight: h.bodies.taken.Load() + h.answers.taken.Load(), Requests: make(map[Request]int64, len(h.meters.requests))}
	for r, n := range h.meters.requests {
		out.Requests[r] = n
	}
	byStream := map[uint32][]stream.Shard{}
	for key := range h.meters.all {
		byStream[key.stream] = append(byStream[key.stream], key.shard)
	}
	h.meters.mu.Unlock()
	for id, shards := range byStream {
		s, ok := h.cfg.Streams.ByID(id)
		if !ok {
			h.meters.forget(id)
			continue
		}
		slices.Sort(shards)
		sc := StreamCounts{Name: s.Name, Monitoring: s.Settings.Monitoring}
		for _, shard := range shards {
			m := h.meters.of(id, shard)
			m.mu.Lock()
			counts := m.counts
			m.mu.Unlock()
			sc.Shards = append(sc.Shards, ShardCounts{shardID(shard), counts})
			sc.add(&counts)
		}
		out.Streams = append(out.Streams, sc)
	}
	return out
}

func (m *meters) forget(id uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.all {
		if key.stream == id {
			delete(m.all, key)
		}
	}
}

// exceeded says that a shard has no more room in this second.
func exceeded(s Stream, shard stream.Shard, account string) *Error {
	return fail(throughputExceeded, "Rate exceeded for shard %s in stream %s under account %s.", shardID(shard), s.Name, account)
}

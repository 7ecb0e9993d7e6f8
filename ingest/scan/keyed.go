package scan

import (
	"fmt"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/keyed"
	"weir/ingest/kinesis/kpl"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// Keyed says how blocks of records that are a partition key and bytes are read.
type Keyed struct {
	// Raw has the records shown as they are: Config.Columns are some of RawColumns.
	// Else a record's data is decoded by Config.Columns.
	Raw bool
	// CSV says that data is CSV, the declared columns in their order; else it is JSON.
	CSV bool
	// Generated are columns that no record may bring.
	Generated []int
	// Shards returns the shards of the stream. A shard is there before its records are.
	Shards func() *ingest.ShardMap
	// Created is when the stream was made.
	Created stream.Time
}

// keyedDecoder turns blocks of keys and bytes into batches. It is for one goroutine.
type keyedDecoder struct {
	cfg  Keyed
	json *decode.JSON // nil if it is Raw or CSV
	csv  *decode.CSV
	raw  *rawColumns
	run  entries
}

// entries are the records of a block; those that the Kinesis Producer Library has put
// together are taken apart.
type entries struct {
	split kpl.Splitter
	inner []kpl.Record

	shards *ingest.ShardMap // of the stream
	shard  *ingest.Shard    // of the block
	commit stream.Commit    // that the block is in

	keys  [][]byte
	spans []decode.Span // of the data, in the block
	// of has the place in the block of the record that each entry comes from. While
	// apart is false each is one.
	of    []int32
	apart bool
	// astray is how many inner records were left out; if they are shown, strays has the
	// places of the records that they are in instead.
	astray int
	strays map[int32]bool
	// shown has them kept: as they are, or without their data.
	shown, blank bool
}

// wrongShard is the reason of inner records that their producer puts again.
const wrongShard = "WRONG_SHARD"

func newKeyedDecoder(c *Config) (*keyedDecoder, error) {
	d := &keyedDecoder{cfg: c.Keyed, run: entries{shown: c.ShowBad, blank: !c.Keyed.Raw}}
	var err error
	if c.Keyed.Raw {
		d.raw, err = newRawColumns(c)
		return d, err
	}
	cfg := c.decoding()
	// A record is a row or not, whatever a query reads of it: nobody has judged it
	// before it was in the log.
	cfg.CheckAll, cfg.Generated = true, c.Keyed.Generated
	if c.Keyed.CSV {
		d.csv, err = decode.NewCSV(cfg, ',', c.sent())
		return d, err
	}
	d.json, err = decode.NewJSON(cfg)
	return d, err
}

// sent names the columns that records bring.
func (c *Config) sent() []string {
	names := []string{}
	for i, col := range c.Columns {
		computed := false
		for _, g := range c.Keyed.Generated {
			computed = computed || g == i
		}
		if !computed {
			names = append(names, col.Name)
		}
	}
	return names
}

// decode decodes a block.
func (d *keyedDecoder) decode(f *wal.Frame, b *wal.FrameBlock, data []byte) (stream.SourceBatch, error) {
	m := d.cfg.Shards()
	if n := len(m.All()); int(b.Shard) >= n {
		return stream.SourceBatch{}, fmt.Errorf("the stream has %d shards", n)
	}
	shard := &m.All()[b.Shard]
	d.run.shards, d.run.shard, d.run.commit = m, shard, f.Commit
	if err := d.run.read(data, b.Count); err != nil {
		return stream.SourceBatch{}, err
	}
	out := stream.SourceBatch{Commit: f.Commit, Arrival: f.Arrival, First: b.First, Bad: int64(d.run.astray)}
	if d.raw != nil {
		created := shard.Created
		if created == 0 {
			created = d.cfg.Created
		}
		n := ingest.SequenceNumber{Created: created, Shard: b.Shard, Seq: b.First, Arrived: f.Arrival}
		out.Batch = stream.Batch{RecordBatch: d.raw.batch(&d.run, data, n, f.Arrival), Shard: b.Shard}
		d.run.place(&out)
		d.run.lost(&out)
		return out, nil
	}
	res, err := d.rows(data)
	if err != nil {
		return stream.SourceBatch{}, err
	}
	out.Batch = stream.Batch{RecordBatch: res.Batch, Shard: b.Shard}
	out.Bad += int64(res.ErrorCount)
	out.Why = reasons(res)
	if res.Places != nil {
		place(&out, len(res.Places), func(i int) (record, sub int32) { return res.Places[i].Record, res.Places[i].Sub })
	}
	d.run.lost(&out)
	return out, nil
}

func (d *keyedDecoder) rows(data []byte) (decode.Result, error) {
	of := d.run.of
	if !d.run.apart {
		of = nil
	}
	if d.csv != nil {
		return d.csv.Rows(data, d.run.spans, of)
	}
	return d.json.Records(data, d.run.spans, of)
}

// read finds the records of a block.
func (e *entries) read(block []byte, count int) error {
	e.keys, e.spans, e.of, e.apart, e.astray = e.keys[:0], e.spans[:0], e.of[:0], false, 0
	clear(e.strays)
	for k, rest := int32(0), block; ; k++ {
		if len(rest) == 0 {
			if int(k) != count {
				return fmt.Errorf("%d records where the log counted %d", k, count)
			}
			return nil
		}
		r, behind, err := keyed.Next(rest)
		if err != nil {
			return err
		}
		start := len(block) - len(behind) - len(r.Data)
		rest = behind
		if kpl.Is(r.Data) && e.aggregate(r, start, k) {
			continue
		}
		e.add(r.Key, start, start+len(r.Data), k)
	}
}

func (e *entries) add(key []byte, start, end int, record int32) {
	e.keys = append(e.keys, key)
	e.spans = append(e.spans, decode.Span{Start: start, End: end})
	e.of = append(e.of, record)
}

// aggregate takes a record apart, if it is one that was put together.
func (e *entries) aggregate(r keyed.Record, start int, record int32) bool {
	var ok bool
	if e.inner, ok = e.split.Split(e.inner[:0], r.Data); !ok {
		return false
	}
	e.apart = true
	if string(r.Key) == kpl.Key && e.putAgain() {
		e.leaveOut(record, start)
		return true
	}
	for i := range e.inner {
		r := &e.inner[i]
		e.add(r.Key, start+r.At, start+r.At+len(r.Data), record)
	}
	return true
}

// putAgain tells of inner records that the producer library put together whether it puts
// them again. It puts together what belongs to one shard by the shards that it knows.
// When the answer names a shard that some of them do not belong to, it puts them again,
// so none counts here (docs/adr/0018). What never belonged to one shard it has not put
// together.
func (e *entries) putAgain() bool {
	low, high := e.inner[0].Hash, e.inner[0].Hash
	for i := range e.inner {
		h := e.inner[i].Hash
		if h.Less(low) {
			low = h
		}
		if high.Less(h) {
			high = h
		}
	}
	if !low.Less(e.shard.Start) && !e.shard.End.Less(high) {
		return false
	}
	return e.shards.Spanned(low, high, e.commit)
}

// leaveOut counts the inner records at hand, or keeps them to be shown.
func (e *entries) leaveOut(record int32, start int) {
	if !e.shown {
		e.astray += len(e.inner)
		return
	}
	if e.strays == nil {
		e.strays = map[int32]bool{}
	}
	e.strays[record] = true
	for i := range e.inner {
		r := &e.inner[i]
		size := len(r.Data)
		if e.blank {
			size = 0 // each is one bad row, as it is one that is counted
		}
		e.add(r.Key, start+r.At, start+r.At+size, record)
	}
}

// lost says of the rows of strays why they count as errors.
func (e *entries) lost(b *stream.SourceBatch) {
	if len(e.strays) == 0 {
		return
	}
	if b.Why == nil {
		b.Why = make([]string, len(b.Seqs))
	}
	for i, seq := range b.Seqs {
		if e.strays[int32(seq-b.First)] {
			b.Why[i] = wrongShard
		}
	}
}

// place gives the rows of a batch that has one for each entry their places.
func (e *entries) place(b *stream.SourceBatch) {
	if !e.apart {
		return
	}
	before, sub := int32(-1), int32(0)
	place(b, len(e.of), func(i int) (int32, int32) {
		if e.of[i] != before {
			before, sub = e.of[i], -1
		}
		sub++
		return before, sub
	})
}

// place gives the rows of a batch their sequences and their places in their records.
func place(b *stream.SourceBatch, rows int, of func(i int) (record, sub int32)) {
	b.Seqs, b.Subs = make([]stream.Seq, rows), make([]int32, rows)
	for i := range rows {
		record, sub := of(i)
		b.Seqs[i], b.Subs[i] = b.First+stream.Seq(record), sub
	}
}

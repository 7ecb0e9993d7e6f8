package scan

import (
	"fmt"
	"slices"

	"weir/ingest"
	"weir/ingest/decode"
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
		if !slices.Contains(c.Keyed.Generated, i) {
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
		n := ingest.SequenceNumber{Created: shard.Birth(d.cfg.Created), Shard: b.Shard, Seq: b.First, Arrived: f.Arrival}
		out.Batch = stream.Batch{RecordBatch: d.raw.batch(&d.run, data, n, f.Arrival), Shard: b.Shard}
		d.run.place(&out)
		d.run.lost(&out)
		d.run.tell(&out, nil)
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
	d.run.tell(&out, res.Errors)
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

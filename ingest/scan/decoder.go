package scan

import (
	"fmt"

	"weir/ingest/decode"
	"weir/ingest/wal"
)

// headersMax is how many CSV headers a decoder keeps compiled. A stream's
// producers use a few; beyond that all are forgotten and compiled again.
const headersMax = 32

// decoder turns blocks into batches. It is for one goroutine.
type decoder struct {
	cfg   decode.Config
	json  *decode.JSON
	csv   map[string]*decode.CSV // by header, as it stands in the block
	keyed *keyedDecoder          // nil: no record is a key and bytes
}

// decoding is how rows are decoded. How large one may be was seen to when it came.
func (c *Config) decoding() decode.Config {
	return decode.Config{Columns: c.Columns, Want: c.Want, TimeUnit: c.TimeUnit, Alloc: c.Alloc, MaxRow: decode.MaxInput, KeepBad: c.ShowBad, Newest: true}
}

func newDecoder(c *Config) (*decoder, error) {
	cfg := c.decoding()
	d, err := decode.NewJSON(cfg)
	if err != nil {
		return nil, err
	}
	out := &decoder{cfg: cfg, json: d, csv: map[string]*decode.CSV{}}
	if c.Keyed.Shards != nil {
		out.keyed, err = newKeyedDecoder(c)
	}
	return out, err
}

// decode decodes a block of rows.
func (d *decoder) decode(as wal.Encoding, data []byte) (decode.Result, error) {
	switch as {
	case wal.JSON:
		return d.json.Values(data)
	case wal.CSV:
		return d.table(data)
	}
	return decode.Result{}, fmt.Errorf("no decoder reads encoding %d", as)
}

// table decodes a block of CSV, which begins with its header.
func (d *decoder) table(data []byte) (decode.Result, error) {
	names, next, err := decode.CSVHeader(data, ',', len(data))
	if err != nil {
		return decode.Result{}, err
	}
	c, ok := d.csv[string(data[:next])]
	if !ok {
		if c, err = decode.NewCSV(d.cfg, ',', names); err != nil {
			return decode.Result{}, err
		}
		if len(d.csv) >= headersMax {
			clear(d.csv)
		}
		d.csv[string(data[:next])] = c
	}
	return c.Records(data[next:])
}

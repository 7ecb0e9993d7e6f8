package kinesis

import (
	"bytes"

	"weir/ingest/decode"
	"weir/ingest/keyed"
	"weir/ingest/wal"
)

// rowsOf takes apart a block of rows that came by another door: each row is a record,
// and the text of its partition key column the key.
func rowsOf(s Stream, as wal.Encoding, data []byte, records []keyed.Record) ([]keyed.Record, error) {
	cfg := decode.Config{Columns: s.Columns, Spans: true, TimeUnit: s.TimeUnit}
	if s.PartitionKey >= 0 {
		cfg.Want = []int{s.PartitionKey}
	}
	var res decode.Result
	begin := 0
	if as == wal.CSV {
		names, next, err := decode.CSVHeader(data, ',', len(data))
		if err != nil {
			return nil, err
		}
		d, err := decode.NewCSV(cfg, ',', names)
		if err != nil {
			return nil, err
		}
		begin = next
		if res, err = d.Records(data[next:]); err != nil {
			return nil, err
		}
	} else {
		d, err := decode.NewJSON(cfg)
		if err != nil {
			return nil, err
		}
		if res, err = d.Values(data); err != nil {
			return nil, err
		}
	}
	defer res.Batch.Release()
	rows := data[begin:]
	if res.ErrorCount > 0 {
		// The declaration has changed since. Lines are rows where each is on its own.
		for _, line := range bytes.Split(bytes.TrimRight(rows, "\r\n"), []byte{'\n'}) {
			records = append(records, keyed.Record{Data: bytes.TrimRight(line, "\r")})
		}
		return records, nil
	}
	key := func(dst []byte, row int) []byte { return nil }
	if s.PartitionKey >= 0 {
		values := res.Batch.Column(0)
		text := decode.KeyText(values, s.Columns[s.PartitionKey].Type)
		key = func(dst []byte, row int) []byte {
			if values.IsNull(row) {
				return nil
			}
			return text(dst, row)
		}
	}
	for i, span := range res.Spans {
		k := key([]byte{}, i)
		if len(k) == 0 {
			k = nil // no key of Kinesis is empty
		}
		records = append(records, keyed.Record{Key: k, Data: rows[span.Start:span.End]})
	}
	return records, nil
}

package app

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"

	"weir/ingest/keyed"
	"weir/ingest/kinesis/kpl"
	"weir/ingest/wal"
	"weir/operators/engine"
	"weir/operators/stream"
)

// records finds records of one stream in the log. Rows that follow each other in
// the log are often of one frame, so it keeps the last. The zero value finds none.
type records struct {
	log    *wal.Log
	stream uint32
	reader *wal.Reader
	frame  *wal.Frame
	block  int
	data   []byte            // of block
	values []json.RawMessage // of block, nil until one is asked for
	record int               // of block, whose rows are values: of a block of keys and bytes
}

func newRecords(log *wal.Log, id uint32) records { return records{log: log, stream: id} }

func (r *records) close() {
	if r.reader != nil {
		_ = r.reader.Close() // it was only read
	}
}

// at returns a row as a JSON value, nil where the log has it no more.
func (r *records) at(ctx context.Context, row engine.LostRow) json.RawMessage {
	if r.log == nil || row.Commit == 0 || !r.turnTo(ctx, row.Commit) {
		return nil
	}
	for i := range r.frame.Blocks {
		b := &r.frame.Blocks[i]
		if b.Stream != r.stream || b.Shard != row.Shard || row.Seq < b.First || row.Seq >= b.First+stream.Seq(b.Count) {
			continue
		}
		if i != r.block {
			data, err := r.frame.Data(i)
			if err != nil {
				return nil
			}
			r.block, r.data, r.values = i, data, nil
		}
		if bad := row.Bad; row.Kind == engine.LostBad {
			if bad.At < 0 || bad.Len < 0 || bad.Len > len(r.data)-bad.At {
				return nil
			}
			return jsonOr(r.data[bad.At : bad.At+bad.Len])
		}
		if b.Encoding == wal.Keyed {
			return r.keyedRow(int(row.Seq-b.First), int(row.Sub))
		}
		if r.values == nil {
			r.values = recordValues(b.Encoding, r.data, b.Count)
		}
		if at := int(row.Seq - b.First); at < len(r.values) {
			return r.values[at]
		}
	}
	return nil
}

// turnTo reads the frame of a commit.
func (r *records) turnTo(ctx context.Context, commit stream.Commit) bool {
	if r.frame != nil && r.frame.Commit == commit {
		return true
	}
	r.close()
	r.frame, r.block, r.data, r.values = nil, -1, nil, nil
	var err error
	if r.reader, err = r.log.NewReader(commit - 1); err != nil {
		r.reader = nil
		return false
	}
	f, err := r.reader.Next(ctx)
	if err != nil || f.Commit != commit {
		return false
	}
	r.frame = f
	return true
}

// recordValues cuts a block into its records. A record of CSV becomes an object
// of texts by the names of its header.
func recordValues(as wal.Encoding, data []byte, count int) []json.RawMessage {
	out := make([]json.RawMessage, 0, count)
	if as == wal.CSV {
		return csvValues(out, data)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	for range count {
		var v json.RawMessage
		if dec.Decode(&v) != nil {
			break
		}
		out = append(out, v)
	}
	return out
}

// keyedRow returns a row of a record of the block, by its place among the rows that its
// data looks to have; the whole of the data where it does not look so.
func (r *records) keyedRow(record, sub int) json.RawMessage {
	if r.values == nil || r.record != record {
		r.record, r.values = record, rowsOfRecord(r.data, record)
	}
	if len(r.values) == 0 {
		return nil
	}
	return r.values[min(sub, len(r.values)-1)]
}

// rowsOfRecord are the rows that a record of a block looks to have, and behind them its
// data as a whole.
func rowsOfRecord(block []byte, record int) (out []json.RawMessage) {
	for ; len(block) > 0; record-- {
		r, rest, err := keyed.Next(block)
		if err != nil {
			return nil
		}
		if block = rest; record > 0 {
			continue
		}
		var split kpl.Splitter
		inner, ok := split.Split(nil, r.Data)
		if !ok {
			inner = []kpl.Record{{Data: r.Data}}
		}
		for _, r := range inner {
			out = append(out, rowsIn(r.Data)...)
		}
		return append(out, jsonOr(r.Data))
	}
	return nil
}

// rowsIn are the rows that data looks to have: the elements of an array, JSON values one
// behind the other, or lines.
func rowsIn(data []byte) (out []json.RawMessage) {
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		var v json.RawMessage
		switch err := dec.Decode(&v); {
		case err == io.EOF && out != nil:
			return out
		case err != nil:
			out = nil
			for line := range bytes.Lines(bytes.TrimSpace(data)) {
				out = append(out, jsonOr(line))
			}
			return out
		}
		var elements []json.RawMessage
		if out == nil && v[0] == '[' && json.Unmarshal(v, &elements) == nil {
			out = elements
			continue
		}
		out = append(out, v)
	}
}

// jsonOr returns data as it is where it is JSON, else as a text.
func jsonOr(data []byte) json.RawMessage {
	if v := json.RawMessage(bytes.TrimSpace(data)); json.Valid(v) {
		return v
	}
	return quoted(nil, string(data))
}

// rowBytesMax is how many bytes of a row are shown.
const rowBytesMax = 16 << 10

// short cuts a row that is too long to be shown: what is left of it is a text. bytes is
// how long it was, 0 if it is whole.
func short(row json.RawMessage) (out json.RawMessage, bytes int) {
	if len(row) <= rowBytesMax {
		return row, 0
	}
	return quoted(nil, strings.ToValidUTF8(string(row[:rowBytesMax]), "")+"…"), len(row)
}

func csvValues(out []json.RawMessage, data []byte) []json.RawMessage {
	rows := csv.NewReader(bytes.NewReader(data))
	rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = -1, true, false
	names, err := rows.Read()
	if err != nil {
		return out
	}
	for {
		fields, err := rows.Read()
		if err != nil {
			return out // the end, or a record that cannot be shown
		}
		b := []byte{'{'}
		for i, f := range fields[:min(len(fields), len(names))] {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(quoted(b, names[i]), ':'), quoted(nil, f)...)
		}
		out = append(out, append(b, '}'))
	}
}

func quoted(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string always has a JSON
	return append(b, text...)
}

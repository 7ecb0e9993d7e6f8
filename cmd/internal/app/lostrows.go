package app

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"time"

	"weir/dashboard/api"
	"weir/ingest/keyed"
	"weir/ingest/wal"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
)

// LostRows returns the rows behind the numbers of a query's ledger, as their
// producers sent them. It implements api.LostRows.
func (l lists) LostRows(ctx context.Context, query string, late bool) ([]api.LostRow, bool, error) {
	q, plan, found := l.db.queryOf(query)
	if !found {
		return nil, false, nil
	}
	rows := q.ErrorRows()
	if late {
		rows = q.LateRows()
	}
	scans := physical.Scans(plan.Root)
	logs := make([]records, len(scans))
	for i, scan := range scans {
		if s, ok := l.db.catalog.Stream(scan.Relation); ok && s.Connector == "" {
			logs[i] = newRecords(l.db.log, s.Log())
			defer logs[i].close()
		}
	}
	out := make([]api.LostRow, len(rows))
	for i, r := range rows {
		if err := ctx.Err(); err != nil {
			return nil, true, err
		}
		out[i] = api.LostRow{
			Why: why(r), Shard: int(r.Shard), Seq: int64(r.Seq), Arrival: instant(r.Arrival), Event: instant(r.Event),
			Watermark: instant(r.W), BehindMS: float64(r.Behind) / float64(time.Millisecond),
			Row: logs[r.Input].at(ctx, r),
		}
	}
	return out, true, nil
}

// why says in a sentence why a row is in no result.
func why(r engine.LostRow) string {
	switch r.Kind {
	case engine.LostNull:
		return "its event time is NULL"
	case engine.LostFuture:
		return fmt.Sprintf("its event time is %s ahead of its arrival", time.Duration(r.Event-r.Arrival)*time.Microsecond)
	}
	return fmt.Sprintf("its last window had closed: the watermark was %s past it", r.Behind)
}

// records finds records of one stream in the log. Rows that follow each other in
// the log are often of one frame, so it keeps the last. The zero value finds none.
type records struct {
	log    *wal.Log
	stream uint32
	reader *wal.Reader
	frame  *wal.Frame
	block  int
	values []json.RawMessage // of block
}

func newRecords(log *wal.Log, id uint32) records { return records{log: log, stream: id} }

func (r *records) close() {
	if r.reader != nil {
		_ = r.reader.Close() // it was only read
	}
}

// at returns a record as a JSON value, nil where the log has it no more.
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
			r.block, r.values = i, recordValues(b.Encoding, data, b.Count)
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
	r.frame, r.block, r.values = nil, -1, nil
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
	switch as {
	case wal.CSV:
		return csvValues(out, data)
	case wal.Keyed:
		return keyedValues(out, data)
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

// keyedValues returns the data of records: as it is where it is JSON, else as a text.
func keyedValues(out []json.RawMessage, data []byte) []json.RawMessage {
	for len(data) > 0 {
		r, rest, err := keyed.Next(data)
		if err != nil {
			return out
		}
		v := json.RawMessage(bytes.TrimSpace(r.Data))
		if !json.Valid(v) {
			v = quoted(nil, string(r.Data))
		}
		out, data = append(out, v), rest
	}
	return out
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

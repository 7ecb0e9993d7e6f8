package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/ingest/decode"
	"weir/ingest/file"
	"weir/ingest/scan"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/catalog"
	"weir/sql/diag"
	"weir/sql/types"
)

// openFile opens a file, stdin, or a stream that is declared over one of them.
func (db *database) openFile(s *physical.Scan, rel relation) (*input, error) {
	def := rel.stream
	path, format, columns, unit := s.Relation, "", stream.Schema(nil), time.Duration(0)
	want := s.Columns
	if def != nil {
		path, format, unit = def.Path, def.Format, def.TimeUnit
		columns, want = storedColumns(def, s.Columns)
	} else {
		format, columns = rel.info.format, rel.info.columns
	}
	if err := db.mayRead(path); err != nil {
		return nil, err
	}
	cfg := file.Config{
		Path: path, FS: db.root, Format: format, Schema: columns, Want: want, TimeUnit: unit, Alloc: db.alloc,
	}
	if path == stdinPath {
		if db.stdinRead {
			return nil, diag.New(diag.Unsupported, diag.Span{}, "stdin was read already, and can be read only once").
				WithHint("save it to a file and read that")
		}
		db.stdinRead = true
		cfg.Path, cfg.Reader = "", db.stdin
		if info, ok := db.files[stdinPath]; ok {
			cfg.Reader = info.reader
		}
	}
	src, err := file.Open(cfg)
	if err != nil {
		return nil, fileError(db.root, path, err)
	}
	var source engine.Source = src
	if path == stdinPath {
		source = stdinSource{src, db.stdin}
	}
	in := oneInput(source, 0)
	in.report = func(l stream.Ledger) []string { return append(badRows(src), untimed(src, l)...) }
	return in, nil
}

// badRows says which rows of a file did not decode.
func badRows(src *file.Source) []string {
	n, first := src.Errors()
	if n == 0 {
		return nil
	}
	out := []string{fmt.Sprintf("%d %s did not decode and %s left out", n, plural(int64(n), "row", "rows"), plural(int64(n), "was", "were"))}
	for i, e := range first {
		if i == 5 {
			out = append(out, fmt.Sprintf("… and %d more", n-5))
			break
		}
		where := fmt.Sprintf("row %d", e.Row)
		if e.Column != "" {
			where += ", column " + e.Column
		}
		out = append(out, fmt.Sprintf("%s: %s: %s", where, e.Code, e.Message))
	}
	return out
}

// untimed says how many rows of a file decoded, but have no event time.
func untimed(src *file.Source, l stream.Ledger) []string {
	bad, _ := src.Errors() // read ahead of the query if that stopped early
	n := l.Errors - int64(bad)
	if n <= 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d %s no event time and %s left out: NULL_TS", n, plural(n, "row has", "rows have"), plural(n, "was", "were"))}
}

// storedColumns returns the columns that a file has, without the generated ones,
// and where among them the wanted columns of the stream stand.
func storedColumns(def *catalog.Stream, want []int) (columns stream.Schema, at []int) {
	place := make([]int, len(def.Columns))
	for i, f := range def.Columns {
		place[i] = len(columns)
		if !def.IsGenerated(i) {
			columns = append(columns, f)
		}
	}
	at = make([]int, len(want))
	for i, w := range want {
		at[i] = place[w]
	}
	return columns, at
}

// decodeColumns returns all columns of a stream for a decoder, the generated ones
// too: places of columns are places in the declaration.
func decodeColumns(s *catalog.Stream) []decode.Column {
	out := make([]decode.Column, len(s.Columns))
	for i, f := range s.Columns {
		out[i] = decode.Column{Name: f.Name, Type: f.Type}
	}
	return out
}

// openStreams opens streams of the log at a start: "" is now. All of them are read
// from one commit on, so that their steps are the same ones.
func (db *database) openStreams(scans []*physical.Scan, rel *relations, start string) (*input, error) {
	var lives []context.Context
	for i := range scans {
		def := rel.of(scans, i).stream
		if db.log == nil {
			return nil, diag.New(diag.External, diag.Span{}, "stream `%s` has no rows here: no server runs", def.Name).
				WithHint("declare it WITH (connector = 'file', path = '…'), or start `weir serve` and POST rows to it")
		}
		life, err := db.lifeOf(def)
		if err != nil {
			return nil, err
		}
		lives = append(lives, life)
	}
	in, err := db.openFrom(scans, rel, start)
	if err != nil {
		return nil, err
	}
	in.lives = lives
	return in, nil
}

// openStreamsAt opens streams of the log behind a commit. known says that the query
// knows what lies before; else it begins there, as it did before.
func (db *database) openStreamsAt(scans []*physical.Scan, rel *relations, after stream.Commit, known bool) (*input, error) {
	begins := make([]begin, len(scans))
	var lives []context.Context
	for i := range scans {
		life, err := db.lifeOf(rel.of(scans, i).stream)
		if err != nil {
			return nil, err
		}
		lives, begins[i] = append(lives, life), begin{after: after, known: known}
		if !known {
			end, err := db.log.EndOf(db.ctx, rel.of(scans, i).stream.Log())
			if err != nil {
				return nil, err
			}
			begins[i].ended = end > 0 && end <= after
		}
	}
	in, err := db.scanLog(scans, rel, begins)
	if err != nil {
		return nil, err
	}
	in.lives = lives
	return in, nil
}

// begin is where a stream of the log begins: behind a commit. ended says that its
// end lies before. A query that goes on knows the watermarks there.
type begin struct {
	after stream.Commit
	ended bool
	known bool
}

// reads is the commit behind which a scan is read: the oldest one, where it needs
// the watermark of its rows as a query over all of them has it.
func (db *database) reads(s *physical.Scan, def *catalog.Stream, b begin) stream.Commit {
	if !s.FromOldest || b.known {
		return b.after
	}
	return min(b.after, db.log.Horizon(def.Log()).After)
}

// scanLog reads streams of the log, each from where it begins. Of several the
// steps from the earliest of these on are read, and rows that lie before a
// stream's own beginning are left out.
func (db *database) scanLog(scans []*physical.Scan, rel *relations, begins []begin) (*input, error) {
	in := &input{after: begins[0].after, ended: true}
	from := begins[0].after
	for i, b := range begins {
		in.after, in.ended = min(in.after, b.after), in.ended && b.ended
		from = min(from, db.reads(scans[i], rel.of(scans, i).stream, b))
	}
	for i, s := range scans {
		def, b := rel.of(scans, i).stream, begins[i]
		alone := len(scans) == 1
		src, err := scan.Open(scan.Config{
			Log: db.log, Stream: def.Log(), After: from, Ended: b.ended && alone,
			Columns: decodeColumns(def), Want: s.Columns, TimeUnit: def.TimeUnit, Alloc: db.alloc,
			Keyed: db.keyed(def), ShowBad: slices.Contains(s.Hidden, physical.HiddenWhy),
		})
		if err != nil {
			return nil, errors.Join(err, in.close())
		}
		shards := db.router(def).Map().OpenAt(from)
		var source engine.Source = src
		if b.ended && !alone {
			source = &endedSource{Source: src}
		}
		// A stream without records has none that the query missed.
		input := engine.Input{Source: source, Shards: shards, Partial: db.log.HadRecords(def.Log(), b.after)}
		switch reads := db.reads(s, def, b); {
		case reads < b.after: // the rows in between move the watermark
			input.Quiet, input.Partial = b.after, false
			if reads > from {
				input.After = reads
			}
		case b.after > from:
			input.After = b.after
		}
		in.inputs = append(in.inputs, input)
	}
	return in, nil
}

// keyed says how records of clients of Kinesis are read as rows of a stream.
func (db *database) keyed(def *catalog.Stream) scan.Keyed {
	return scan.Keyed{
		Raw: def.Format == "raw", CSV: def.Format == "csv", Generated: generatedColumns(def),
		Shards: db.router(def).Map, Created: db.logOf(def).Created,
	}
}

// endedSource is a stream whose end lies before the first step that is read. It has
// the steps of those that it is read with, so its end comes with the first of them.
type endedSource struct {
	engine.Source
	said bool
}

// Next says with the first step that the stream has ended.
func (e *endedSource) Next(ctx context.Context) (*stream.StepData, error) {
	data, err := e.Source.Next(ctx)
	if err == nil && !e.said {
		data.End, e.said = true, true
	}
	return data, err
}

// untilEnd prepares the input of a query that is over with its streams. Where all of
// them have ended already it has nothing to wait for: the one step that it reads
// says so.
func (db *database) untilEnd(in *input) error {
	if !in.ended {
		return nil
	}
	_, step := db.log.Head()
	commit, clock := db.log.Newest()
	for i := range in.inputs {
		if err := in.inputs[i].Source.Close(); err != nil {
			return err
		}
		in.inputs[i].Source = &onlyEnd{step: stream.StepData{Step: step, Commit: commit, Clock: clock, End: true}}
	}
	return nil
}

// onlyEnd is a stream that ended before the query began.
type onlyEnd struct {
	step stream.StepData
	said bool
}

// Next says that the stream has ended.
func (o *onlyEnd) Next(context.Context) (*stream.StepData, error) {
	if o.said {
		return nil, io.EOF
	}
	o.said = true
	return &o.step, nil
}

// Close has nothing to free.
func (o *onlyEnd) Close() error { return nil }

// oneRow is the source of a SELECT without FROM: a row without columns.
type oneRow struct{ read bool }

// Next returns the row, and that it was the only one.
func (o *oneRow) Next(context.Context) (*stream.StepData, error) {
	if o.read {
		return nil, io.EOF
	}
	o.read = true
	row := array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, 1)
	return &stream.StepData{Step: 1, Clock: stream.MinTime, End: true, Rows: []stream.SourceBatch{
		{Batch: stream.Batch{RecordBatch: row}, Arrival: stream.MinTime},
	}}, nil
}

// Close has nothing to free.
func (o *oneRow) Close() error { return nil }

// parseStart reads a start: 'earliest' is MinTime, 'latest' and "" are MaxTime,
// '-15m' is that long before now, else it is a time.
func parseStart(start string, now time.Time) (stream.Time, error) {
	switch start {
	case "earliest":
		return stream.MinTime, nil
	case "latest", "":
		return stream.MaxTime, nil
	}
	if start[0] == '-' {
		d, err := types.ParseDuration(start)
		if err == nil {
			return stream.FromGo(now.Add(d)), nil
		}
	}
	if us, ok := types.ParseDatetime(start); ok {
		return stream.Time(us), nil
	}
	if days, ok := types.ParseDate(start); ok {
		return stream.FromGo(time.Unix(int64(days)*24*60*60, 0)), nil
	}
	return 0, fmt.Errorf("start is '%s'; it takes 'earliest', 'latest', a time such as '2026-11-20 10:00:00', or '-15m'", start)
}

package app

import (
	"context"
	"fmt"
	"io"
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
func (db *database) openFile(s *physical.Scan, rel *relations) (*input, error) {
	def := rel.stream
	path, format, columns, unit := s.Relation, "", stream.Schema(nil), time.Duration(0)
	if def != nil {
		path, format, columns, unit = def.Path, def.Format, def.Columns, def.TimeUnit
	} else {
		format, columns = rel.info.format, rel.info.columns
	}
	if err := db.mayRead(path); err != nil {
		return nil, err
	}
	cfg := file.Config{
		Path: path, FS: db.root, Format: format, Schema: columns, Want: s.Columns, TimeUnit: unit, Alloc: db.alloc,
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
	return &input{source: source, shards: []stream.Shard{0}, report: func(l stream.Ledger) []string {
		return append(badRows(src), untimed(src, l)...)
	}}, nil
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

func decodeColumns(s stream.Schema) []decode.Column {
	out := make([]decode.Column, len(s))
	for i, f := range s {
		out[i] = decode.Column{Name: f.Name, Type: f.Type}
	}
	return out
}

// openStream opens a stream of the log at a start: "" is now.
func (db *database) openStream(s *physical.Scan, def *catalog.Stream, start string) (*input, error) {
	if db.log == nil {
		return nil, diag.New(diag.External, diag.Span{}, "stream `%s` has no rows here: no server runs", def.Name).
			WithHint("declare it WITH (connector = 'file', path = '…'), or start `weir serve` and POST rows to it")
	}
	life, err := db.lifeOf(def)
	if err != nil {
		return nil, err
	}
	after, err := db.startCommit(start)
	if err != nil {
		return nil, err
	}
	in, err := db.scanLog(def, s.Columns, after)
	if err != nil {
		return nil, err
	}
	in.life = life
	return in, nil
}

// scanLog reads a stream of the log behind a commit.
func (db *database) scanLog(def *catalog.Stream, want []int, after stream.Commit) (*input, error) {
	src, err := scan.Open(scan.Config{
		Log: db.log, Stream: def.ID, After: after,
		Columns: decodeColumns(def.Columns), Want: want, TimeUnit: def.TimeUnit, Alloc: db.alloc,
	})
	if err != nil {
		return nil, err
	}
	shards := make([]stream.Shard, def.Shards)
	partial := false // a stream without records has none that the query missed
	for i := range shards {
		shards[i] = stream.Shard(i)
		partial = partial || after > 0 && db.log.NextSeq(def.ID, shards[i]) > 0
	}
	return &input{source: src, shards: shards, partial: partial, after: after}, nil
}

// startCommit is the commit behind which a query begins.
func (db *database) startCommit(start string) (stream.Commit, error) {
	at, err := parseStart(start, db.now())
	if err != nil {
		return 0, diag.New(diag.BadOption, diag.Span{}, "%s", err)
	}
	switch at {
	case stream.MinTime:
		return 0, nil
	case stream.MaxTime:
		head, _ := db.log.Head()
		return head, nil
	}
	return db.log.CommitAt(at), nil
}

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

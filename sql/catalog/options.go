package catalog

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/operators/stream"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// optionNames are the options of CREATE STREAM, in the order of the documentation.
func optionNames() []string {
	return []string{
		"shards", "partition_key", "format", "raw", "connector", "path", "retention",
		"idle_timeout", "idle_advance", "future_tolerance", "time_unit",
	}
}

// options reads WITH (…) into a stream.
type options struct {
	s  *Stream
	at map[string]ast.Option // what was given
}

func (o *options) read(with []ast.Option) error {
	for _, opt := range with {
		name := strings.ToLower(opt.Name.Text)
		if first, twice := o.at[name]; twice {
			return diag.New(diag.BadOption, opt.Name.At, "the option `%s` is there twice", name).
				WithHint("it was %q before", first.Value.Text)
		}
		o.at[name] = opt
		if err := o.set(name, opt); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) set(name string, opt ast.Option) (err error) {
	s, v := o.s, opt.Value.Text
	switch name {
	case "shards":
		s.Shards, err = strconv.Atoi(v)
		if err != nil || s.Shards < 1 || s.Shards > ShardsMax {
			return badValue(opt, fmt.Sprintf("a number from 1 to %d", ShardsMax))
		}
	case "partition_key":
		if v == "" {
			return badValue(opt, "the name of a column")
		}
		s.PartitionKey = v
	case "format":
		s.Format = strings.ToLower(v)
		return oneOf(opt, "json", "csv", "tsv", "raw")
	case "raw":
		if s.Raw, s.rawAt = v, opt.Value.At; v == "" {
			return badValue(opt, "the name of a raw stream")
		}
	case "connector":
		if s.Connector = strings.ToLower(v); s.Connector != "file" {
			return diag.New(diag.BadOption, opt.Value.At, "a stream does not read from '%s'", v).
				WithHint("leave `connector` and its options out: rows come with `weir put` or POST /v1/streams/%s/records; connector = 'file' reads a file", s.Name)
		}
	case "path":
		if s.Path = v; v == "" {
			return badValue(opt, "the path of a file")
		}
	case "retention":
		if strings.EqualFold(v, "forever") {
			s.Retention = 0
			return nil
		}
		if err := duration(opt, &s.Retention, time.Second); err != nil {
			return badValue(opt, "a duration of at least '1s', such as '90m', '24h' or '7d', or 'forever'")
		}
	case "idle_timeout":
		return duration(opt, &s.IdleTimeout, 0)
	case "idle_advance":
		return duration(opt, &s.IdleAdvance, 0)
	case "future_tolerance":
		return duration(opt, &s.FutureTolerance, 0)
	case "time_unit":
		s.TimeUnit = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": time.Nanosecond}[strings.ToLower(v)]
		return oneOf(opt, "s", "ms", "us", "ns")
	default:
		e := diag.New(diag.BadOption, opt.Name.At, "a stream has no option `%s`", opt.Name.Text)
		if near := diag.Suggest(name, optionNames()); near != "" {
			return e.WithHint("did you mean %s? The options are %s", near, strings.Join(optionNames(), ", "))
		}
		return e.WithHint("the options are %s", strings.Join(optionNames(), ", "))
	}
	return nil
}

// check looks at the options together and fills in what depends on others.
func (o *options) check(def *ast.CreateStream) error {
	s := o.s
	if s.Format == "tsv" && s.Connector != "file" {
		return diag.New(diag.BadOption, o.at["format"].Value.At, "lines with tabs are read from files only").
			WithHint("format = 'tsv' goes with connector = 'file'")
	}
	if s.Raw != "" {
		return o.checkOverRaw(def)
	}
	if s.Connector == "file" {
		return o.checkFile()
	}
	if p, ok := o.at["path"]; ok {
		return diag.New(diag.BadOption, p.Name.At, "`path` is for streams that read a file").
			WithHint("add connector = 'file'")
	}
	if s.Format == "csv" {
		return diag.New(diag.BadOption, o.at["format"].Value.At, "records of the log are JSON").
			WithHint("format = 'csv' goes with connector = 'file', and with raw = '…', for the records of a raw stream")
	}
	if s.Format == "raw" {
		return o.checkRaw(def)
	}
	if len(def.Columns) == 0 {
		return noColumns(def)
	}
	if s.Shards == 0 {
		s.Shards = 4
	}
	return nil
}

func noColumns(def *ast.CreateStream) error {
	return diag.New(diag.Syntax, def.Name.At, "the stream `%s` has no columns", def.Name.Text).
		WithHint("list them: CREATE STREAM %s (item VARCHAR(32), ts DATETIME(3), …); only a file's columns can be found out", def.Name.Text)
}

// checkOverRaw looks at a stream that shows the records of a raw one: whatever is a
// matter of its log is that one's.
func (o *options) checkOverRaw(def *ast.CreateStream) error {
	s := o.s
	for _, name := range []string{"shards", "partition_key", "retention", "connector", "path"} {
		opt, given := o.at[name]
		switch {
		case !given:
		case name == "connector", name == "path":
			return diag.New(diag.BadOption, opt.Name.At, "a stream reads a file, or a raw stream, not both").
				WithHint("leave `%s` out, or `raw`", name)
		default:
			return diag.New(diag.BadOption, opt.Name.At, "the stream `%s` has its records from `%s`, and `%s` with them", s.Name, s.Raw, name).
				WithHint("leave `%s` out", name)
		}
	}
	if s.Format == "raw" {
		return diag.New(diag.BadOption, o.at["format"].Value.At, "the stream `%s` says how the records of `%s` are read", s.Name, s.Raw).
			WithHint("write format = 'json' or 'csv'; as they are they can be read from `%s` itself", s.Raw)
	}
	if len(def.Columns) == 0 {
		return noColumns(def)
	}
	s.Retention = 0
	return nil
}

// checkRaw gives a stream of records that nobody takes apart its columns.
func (o *options) checkRaw(def *ast.CreateStream) error {
	s := o.s
	if len(def.Columns) > 0 || def.Watermark != nil {
		return diag.New(diag.BadOption, o.at["format"].Value.At, "a raw stream has columns of its own: %s", strings.Join(RawColumns().Names(), ", ")).
			WithHint("leave the columns out")
	}
	if k, given := o.at["partition_key"]; given {
		return diag.New(diag.BadOption, k.Name.At, "each record of a raw stream comes with its partition key").
			WithHint("leave `partition_key` out")
	}
	s.Columns = RawColumns()
	if s.Shards == 0 {
		s.Shards = 4
	}
	return nil
}

// RawColumns are those of a stream with format = 'raw'.
func RawColumns() stream.Schema {
	text := types.Type{Kind: types.Varchar}
	return stream.Schema{
		{Name: "data", Type: types.Type{Kind: types.Varbinary}},
		{Name: "partition_key", Type: text},
		{Name: "sequence_number", Type: text},
		{Name: "shard_id", Type: text},
		{Name: "approximate_arrival_time", Type: types.Type{Kind: types.Datetime, Precision: 3}},
	}
}

func (o *options) checkFile() error {
	s := o.s
	if s.Path == "" {
		return diag.New(diag.BadOption, o.at["connector"].Value.At, "a stream that reads a file needs its path").
			WithHint("add path = 'data.jsonl'")
	}
	if s.Shards > 1 {
		return diag.New(diag.BadOption, o.at["shards"].Value.At, "a file is one shard").
			WithHint("leave `shards` out")
	}
	s.Shards = 1
	if _, given := o.at["format"]; !given {
		for _, format := range [...]string{"csv", "tsv"} {
			if strings.HasSuffix(strings.ToLower(s.Path), "."+format) {
				s.Format = format
			}
		}
	}
	return nil
}

// duration reads a duration that must be at least so long.
func duration(opt ast.Option, to *time.Duration, least time.Duration) error {
	d, err := types.ParseDuration(opt.Value.Text)
	if err != nil || d < least {
		return badValue(opt, "a duration such as '500ms', '30s', '5m', '24h' or '7d'")
	}
	*to = d
	return nil
}

func oneOf(opt ast.Option, values ...string) error {
	for _, v := range values {
		if strings.EqualFold(v, opt.Value.Text) {
			return nil
		}
	}
	return badValue(opt, "'"+strings.Join(values, "' or '")+"'")
}

func badValue(opt ast.Option, want string) error {
	at := opt.Value.At
	if at.IsZero() {
		at = opt.At
	}
	return diag.New(diag.BadOption, at, "`%s` is %s, not %q", strings.ToLower(opt.Name.Text), want, opt.Value.Text)
}

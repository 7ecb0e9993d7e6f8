package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"weir/operators/sinks"
	"weir/operators/sinks/file"
	"weir/operators/sinks/influxdb"
	"weir/operators/sinks/postgres"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
	"weir/sql/types"
)

// shape is what a destination has to know of a view.
type shape struct {
	schema     stream.Schema
	key        []int // nil: a bag
	appendOnly bool
	time       int // column, or -1
}

func shapeOf(p *physical.Plan) shape {
	return shape{schema: p.Root.Schema(), key: p.Key, appendOnly: p.AppendOnly, time: p.TimeColumn}
}

// made is a sink with what its runner has to know.
type made struct{ cfg sinks.Config }

// optionError is an error about one option of a sink.
type optionError struct {
	option string
	err    *diag.Error
}

func (e *optionError) Error() string { return e.err.Error() }

// Unwrap returns the error without the option.
func (e *optionError) Unwrap() error { return e.err }

func badSinkOption(option, format string, args ...any) *optionError {
	return &optionError{option, diag.New(diag.BadOption, diag.Span{}, format, args...)}
}

func (e *optionError) hint(format string, args ...any) *optionError {
	e.err = e.err.WithHint(format, args...)
	return e
}

// atOption points an error of making a sink at the option that it is about, or
// else at the sink's name.
func atOption(err error, s *ast.CreateSink) error {
	if err == nil {
		return nil
	}
	out := diag.New(diag.BadOption, s.Name.At, "%s", err)
	var own *optionError
	var e *diag.Error
	if errors.As(err, &e) {
		out = e
		if out.Span.IsZero() {
			out.Span = s.Name.At
		}
	}
	if errors.As(err, &own) {
		for _, o := range s.With {
			if strings.EqualFold(o.Name.Text, own.option) {
				out.Span = o.Value.At
			}
		}
	}
	return out
}

// buildSink makes the sink that a definition describes, without reaching for its
// destination.
func (db *database) buildSink(def *catalog.Sink, v shape) (*made, error) {
	switch def.Connector {
	case "file":
		return db.fileSink(def, v)
	case "influxdb":
		return db.influxSink(def, v)
	case "postgres":
		return db.postgresSink(def, v)
	}
	return nil, fmt.Errorf("no sink writes to %q", def.Connector)
}

func (db *database) fileSink(def *catalog.Sink, v shape) (*made, error) {
	path, changes := def.Text("path"), strings.EqualFold(def.Text("mode"), "changes")
	switch {
	case db.writes == nil:
		return nil, diag.New(diag.Unsupported, diag.Span{}, "this server writes no files").WithHint("start it with --files DIR")
	case !fs.ValidPath(path) || path == ".":
		return nil, badSinkOption("path", "'%s' is no directory below the server's --files", path).
			hint("write it from there on, with / between the parts and without . and ..: path = 'out/totals'")
	case !changes && !v.appendOnly:
		return nil, badSinkOption("mode", "rows of this view are replaced as it goes on, and a file cannot take back what it holds").
			hint("write mode = 'changes': every row then says in `_op` whether it enters or leaves; or EMIT ON WINDOW CLOSE in the view")
	}
	s, err := file.New(file.Config{
		Root: db.writes, Dir: path, ID: def.Text("id"), Format: file.Format(strings.ToLower(def.Text("format"))),
		Changes: changes, Schema: v.schema, Alloc: db.alloc,
	})
	if err != nil {
		return nil, err
	}
	return &made{sinks.Config{
		Sink:   s,
		Limits: sinks.Limits{Rows: def.Int("roll_rows"), Bytes: def.Bytes("roll_size"), Wait: def.Duration("roll_interval")},
	}}, nil
}

func (db *database) postgresSink(def *catalog.Sink, v shape) (*made, error) {
	if v.key == nil && !v.appendOnly {
		return nil, diag.New(diag.Unsupported, diag.Span{}, "rows of this view are replaced as it goes on, and it has no key by which the table's could be found").
			WithHint("put every group key, and window_start if there is a window, into the select list")
	}
	s, err := postgres.New(postgres.Config{
		URL: def.Text("url"), Password: db.password(def), Table: given(def, "table"), Create: def.Bool("create"), ID: def.Text("id"),
		Schema: v.schema, Key: v.key, Append: v.appendOnly, BatchRows: def.Int("batch_rows"), Timeout: def.Duration("timeout"),
	})
	if errors.Is(err, postgres.ErrAddress) {
		return nil, badSinkOption("url", "%v", err).
			hint("for example postgres://user@host:5432/database; in it %% is written %%25, @ is %%40, : is %%3A")
	}
	if err != nil {
		return nil, err
	}
	return &made{remote(def, s, v.key != nil)}, nil
}

func (db *database) influxSink(def *catalog.Sink, v shape) (*made, error) {
	at, err := timeOf(def, v)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(def, v, at)
	if err != nil {
		return nil, err
	}
	policy := ""
	if def.Given("retention_policy") {
		policy = def.Text("retention_policy")
	}
	user := ""
	if def.Given("user") {
		user = def.Text("user")
	}
	s, err := influxdb.New(influxdb.Config{
		URL: def.Text("url"), DB: def.Text("db"), Policy: policy, Measurement: given(def, "measurement"), User: user, Password: db.password(def),
		Precision: influxdb.Precision(strings.ToLower(def.Text("precision"))), Gzip: def.Bool("gzip"), Create: def.Bool("create"), ID: def.Text("id"),
		Schema: v.schema, Tags: tags, Time: at, BatchRows: def.Int("batch_rows"), BatchBytes: int(def.Bytes("batch_size")),
		Timeout: def.Duration("timeout"), Cursors: db.cursors,
	})
	if err != nil {
		return nil, err
	}
	return &made{remote(def, s, true)}, nil
}

// remote is what sinks behind a network have in common.
func remote(def *catalog.Sink, s sinks.Sink, resync bool) sinks.Config {
	return sinks.Config{
		Sink: s, Timeout: def.Duration("timeout"), Resync: resync,
		Limits: sinks.Limits{Rows: def.Int("batch_rows"), Wait: def.Duration("batch_interval")},
	}
}

// given returns an option whose default is the sink's name.
func given(def *catalog.Sink, option string) string {
	if def.Given(option) {
		return def.Text(option)
	}
	return def.Name
}

// timeOf returns the column with the time of a point.
func timeOf(def *catalog.Sink, v shape) (int, error) {
	if !def.Given("time") {
		if v.time < 0 || v.schema[v.time].Type.Kind != types.Datetime {
			return 0, badSinkOption("time", "a point has a time, and the view has no event time").
				hint("put window_start or a DATETIME column into the select list, and name it: time = 'column'")
		}
		return v.time, nil
	}
	at, err := v.column("time", def.Text("time"))
	if err == nil && v.schema[at].Type.Kind != types.Datetime {
		return 0, badSinkOption("time", "the time of a point is a DATETIME, and `%s` is a %s", v.schema[at].Name, v.schema[at].Type)
	}
	return at, err
}

// tagsOf returns the columns that are tags: those of the key that are not the
// time. Rows that differ in none of both would be one point.
func tagsOf(def *catalog.Sink, v shape, at int) ([]int, error) {
	var tags []int
	for _, name := range def.List("tags") {
		if !def.Given("tags") {
			break
		}
		c, err := v.column("tags", name)
		if err != nil {
			return nil, err
		}
		tags = append(tags, c)
	}
	switch {
	case v.key == nil && !def.Given("tags"):
		return nil, badSinkOption("tags", "rows of this view have no key: those with the same tags and the same time would be one point").
			hint("name the columns that tell them apart: tags = 'a, b', or tags = '' if the time does")
	case !def.Given("tags"):
		for _, k := range v.key {
			if k != at {
				tags = append(tags, k)
			}
		}
	}
	for _, k := range v.key {
		if k != at && !slices.Contains(tags, k) {
			return nil, badSinkOption("tags", "`%s` is part of the view's key and neither a tag nor the time: different rows would be one point", v.schema[k].Name).
				hint("add `%s` to tags, or leave tags out", v.schema[k].Name)
		}
	}
	if slices.Contains(tags, at) {
		return nil, badSinkOption("tags", "`%s` is the time of the point; it cannot be a tag, too", v.schema[at].Name)
	}
	return tags, nil
}

// column finds a column that an option names.
func (v shape) column(option, name string) (int, error) {
	i := slices.IndexFunc(v.schema, func(f stream.Field) bool { return strings.EqualFold(f.Name, name) })
	if i >= 0 {
		return i, nil
	}
	e := &optionError{option, diag.New(diag.UnknownColumn, diag.Span{}, "the view has no column `%s`", name)}
	if near := diag.Suggest(name, v.schema.Names()); near != "" {
		return 0, e.hint("did you mean `%s`?", near)
	}
	return 0, e.hint("the columns are %s", listNames(v.schema.Names()))
}

// passwordMax bounds a file that holds a password, in bytes.
const passwordMax = 4096

// password returns what asks for a sink's password whenever it connects; nil: it
// has none of its own.
func (db *database) password(def *catalog.Sink) func() (string, error) {
	switch {
	case def.Given("password"):
		return func() (string, error) { return def.Text("password"), nil }
	case def.Given("password_env"):
		return func() (string, error) {
			name := def.Text("password_env")
			if v, ok := os.LookupEnv(name); ok {
				return v, nil
			}
			return "", fmt.Errorf("the server's environment has no variable %s", name)
		}
	case def.Given("password_file"):
		return func() (string, error) { return db.readPassword(def.Text("password_file")) }
	}
	return nil
}

func (db *database) readPassword(name string) (string, error) {
	if db.root == nil {
		return "", errors.New("password_file: the server was started without --files")
	}
	f, err := db.root.Open(name)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", servedFileError(db.root, name, err))
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, passwordMax))
	if err != nil {
		return "", fmt.Errorf("password_file: %w", servedFileError(db.root, name, err))
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

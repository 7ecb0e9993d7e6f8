package catalog

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/sql/ast"
	"weir/sql/types"
)

// SinkOption is one option of a sink as the documentation lists it.
type SinkOption struct {
	Name     string
	Default  string // as SHOW says it; "" where there is none
	Required bool
	Secret   bool // never shown
	What     string

	check func(opt ast.Option) error // nil: any text
}

// Connectors returns the destinations that a sink can have.
func Connectors() []string { return []string{"file", "influxdb", "postgres"} }

// SinkOptions returns the options of a connector, in the order of the
// documentation; nil for a connector that there is not.
func SinkOptions(connector string) []SinkOption {
	var own []SinkOption
	switch connector {
	case "file":
		own = fileOptions()
	case "influxdb":
		own = influxOptions()
	case "postgres":
		own = postgresOptions()
	default:
		return nil
	}
	return append(own, SinkOption{
		Name: "id", Default: "drawn at random", What: "how the destination knows the sink again",
		check: text("up to 64 letters, digits, `-` and `_`", isID),
	})
}

func fileOptions() []SinkOption {
	return []SinkOption{
		{Name: "path", Required: true, What: "the directory, below the server's `--files`; made if missing", check: text("a path below --files", notEmpty)},
		{Name: "format", Default: "json", What: "`json` (one object a line) or `csv`", check: among("json", "csv")},
		{Name: "mode", Default: "append", What: "`append`: rows that enter; `changes`: all changes, with a column `_op`", check: among("append", "changes")},
		{Name: "roll_rows", Default: "100000", What: "a file is finished at so many rows,", check: whole(1, 1_000_000_000)},
		{Name: "roll_size", Default: "64MiB", What: "at so many bytes,", check: size(1, 1<<40)},
		{Name: "roll_interval", Default: "10s", What: "or so long after its first row", check: span(time.Millisecond)},
	}
}

func influxOptions() []SinkOption {
	return append([]SinkOption{
		{Name: "url", Required: true, What: "`http://host:8086`", check: text("http://host:port or https://host:port, without a path or a query", isHTTP)},
		{Name: "db", Required: true, What: "the database", check: text("the name of a database", notEmpty)},
		{Name: "measurement", Default: "the sink's name", What: "the measurement", check: text("a name that does not start with #", isMeasurement)},
		{Name: "tags", Default: "the key without the time", What: "columns that are tags, with commas between", check: nil},
		{Name: "time", Default: "the view's time column", What: "the column with the time of a point", check: text("the name of a column", notEmpty)},
		{Name: "precision", Default: "us", What: "`s`, `ms`, `us` or `ns`: to what times are cut", check: among("s", "ms", "us", "ns")},
		{Name: "retention_policy", Default: "the database's", What: "the retention policy", check: text("the name of a retention policy", notEmpty)},
		{Name: "user", Default: "nobody", What: "who writes", check: text("a name", notEmpty)},
		{Name: "gzip", Default: "false", What: "compress what is sent", check: truth()},
		{Name: "create", Default: "true", What: "make the database if it is missing", check: truth()},
		{Name: "batch_rows", Default: "5000", What: "points that are sent at once,", check: whole(1, 1_000_000)},
		{Name: "batch_size", Default: "1MiB", What: "or so many bytes", check: size(1, 64<<20)},
	}, remoteOptions()...)
}

func postgresOptions() []SinkOption {
	return append([]SinkOption{
		{Name: "url", Required: true, What: "`postgres://user@host:5432/database`, or `host=… dbname=…`", check: text("postgres://user@host/database", notEmpty)},
		{Name: "table", Default: "the sink's name", What: "the table, or `schema.table`", check: text("the name of a table", notEmpty)},
		{Name: "create", Default: "true", What: "make the table if it is missing", check: truth()},
		{Name: "batch_rows", Default: "5000", What: "rows that are written at once", check: whole(1, 1_000_000)},
	}, remoteOptions()...)
}

// remoteOptions are those of every destination behind a network.
func remoteOptions() []SinkOption {
	return []SinkOption{
		{Name: "batch_interval", Default: "250ms", What: "a row waits no longer than this for others", check: span(time.Millisecond)},
		{Name: "timeout", Default: "30s", What: "how long an answer may take", check: span(time.Millisecond)},
		{Name: "password_env", Default: "", What: "the password is in this variable of the server's environment; its name begins with `" + SecretEnvPrefix + "`", check: text("a name that begins with "+SecretEnvPrefix, isSecretEnv)},
		{Name: "password_file", Default: "", What: "the password is in this file below `--files`", check: text("a path below --files", notEmpty)},
		{Name: "password", Secret: true, What: "the password itself", check: text("a password", notEmpty)},
	}
}

// SecretEnvPrefix begins the names of the variables that a statement may send
// away as a password: it cannot name another one of the server's environment.
const SecretEnvPrefix = "WEIR_SINK_"

// text accepts what ok says. The value is not repeated: it may hold a secret.
func text(want string, ok func(string) bool) func(ast.Option) error {
	return func(opt ast.Option) error {
		if ok(opt.Value.Text) {
			return nil
		}
		return wrongValue(opt, want)
	}
}

func among(values ...string) func(ast.Option) error {
	return func(opt ast.Option) error { return oneOf(opt, values...) }
}

func truth() func(ast.Option) error { return among("true", "false") }

func whole(least, most int64) func(ast.Option) error {
	return func(opt ast.Option) error {
		if n, err := strconv.ParseInt(opt.Value.Text, 10, 64); err != nil || n < least || n > most {
			return badValue(opt, fmt.Sprintf("a number from %d to %d", least, most))
		}
		return nil
	}
}

func size(least, most int64) func(ast.Option) error {
	return func(opt ast.Option) error {
		if n, err := parseSize(opt.Value.Text); err != nil || n < least || n > most {
			return badValue(opt, "a number of bytes such as '500KiB', '64MiB' or '1GiB'")
		}
		return nil
	}
}

func span(least time.Duration) func(ast.Option) error {
	return func(opt ast.Option) error {
		var d time.Duration
		return duration(opt, &d, least)
	}
}

// parseSize reads a number of bytes: "1000", "500KiB", "64MiB", "1GiB".
func parseSize(s string) (int64, error) {
	shift := 0
	for unit, bits := range map[string]int{"kib": 10, "mib": 20, "gib": 30} {
		if rest, ok := strings.CutSuffix(strings.ToLower(s), unit); ok {
			s, shift = strings.TrimSpace(rest), bits
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && (n < 0 || n > 1<<40>>shift) {
		return 0, fmt.Errorf("%s bytes are too many", s)
	}
	return n << shift, err
}

func notEmpty(s string) bool { return s != "" }

func isID(s string) bool {
	other := func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, other)
}

func isMeasurement(s string) bool {
	return s != "" && !strings.HasPrefix(s, "#") && !strings.ContainsAny(s, "\n\r")
}

func isSecretEnv(s string) bool { return strings.HasPrefix(s, SecretEnvPrefix) }

// Text returns an option of the sink as it was given, or its default.
func (s *Sink) Text(name string) string { return s.values[name] }

// Given tells whether the statement sets an option.
func (s *Sink) Given(name string) bool { return s.given[name] }

// Int returns an option that is a number.
func (s *Sink) Int(name string) int {
	n, _ := strconv.Atoi(s.values[name]) // was checked
	return n
}

// Bytes returns an option that is a size.
func (s *Sink) Bytes(name string) int64 {
	n, _ := parseSize(s.values[name]) // was checked
	return n
}

// Duration returns an option that is a duration.
func (s *Sink) Duration(name string) time.Duration {
	d, _ := types.ParseDuration(s.values[name]) // was checked
	return d
}

// Bool returns an option that is true or false.
func (s *Sink) Bool(name string) bool { return strings.EqualFold(s.values[name], "true") }

// List returns an option that is names with commas between.
func (s *Sink) List(name string) []string {
	var out []string
	for _, one := range strings.Split(s.values[name], ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}

package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
	"weir/sql/types"
)

func define(t testing.TB, text string) *ast.CreateStream {
	t.Helper()
	s, err := sql.ParseOne(text)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return s.(*ast.CreateStream)
}

func TestNewStreamDefaults(t *testing.T) {
	s, err := catalog.NewStream(define(t, "CREATE STREAM s (a BIGINT)"))
	if err != nil {
		t.Fatal(err)
	}
	want := catalog.Stream{
		Name: "s", Columns: stream.Schema{{Name: "a", Type: types.BigintType}}, Shards: 4, Format: "json",
		Retention: 24 * time.Hour, IdleTimeout: 30 * time.Second, IdleAdvance: 10 * time.Minute,
		FutureTolerance: 5 * time.Minute, TimeUnit: time.Millisecond,
	}
	want.Text = s.Text
	if got := fmt.Sprintf("%+v", *s); got != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %s\nwant %+v", got, want)
	}
}

func TestNewStreamOptions(t *testing.T) {
	s, err := catalog.NewStream(define(t, `CREATE STREAM bids (Item VARCHAR(32), ts DATETIME(3), WATERMARK FOR TS AS ts)
		WITH (shards = 7, partition_key = 'item', retention = '7d', idle_timeout = '0', idle_advance = '1h', future_tolerance = '500ms', time_unit = 'ns', format = 'JSON')`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Shards != 7 || s.PartitionKey != "Item" || s.Retention != 7*24*time.Hour || s.IdleTimeout != 0 || s.IdleAdvance != time.Hour ||
		s.FutureTolerance != 500*time.Millisecond || s.TimeUnit != time.Nanosecond || s.Format != "json" || s.Watermark == nil {
		t.Errorf("got %+v", *s)
	}
}

func TestNewStreamOverFile(t *testing.T) {
	s, err := catalog.NewStream(define(t, "CREATE STREAM f WITH (connector = 'file', path = 'data.CSV', partition_key = 'K')"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Shards != 1 || s.Format != "csv" || s.Path != "data.CSV" || len(s.Columns) != 0 {
		t.Errorf("got %+v", *s)
	}
	if err := s.SetColumns(stream.Schema{{Name: "k", Type: types.BigintType}}); err != nil || s.PartitionKey != "k" {
		t.Errorf("partition key %q, error %v", s.PartitionKey, err)
	}
	if err := s.SetColumns(stream.Schema{{Name: "other", Type: types.BigintType}}); diag.From(err).Code != diag.UnknownColumn {
		t.Errorf("a missing partition key gives %v", err)
	}
}

// TestNewStreamErrors checks the code, the text under the caret and the hint.
func TestNewStreamErrors(t *testing.T) {
	long := strings.Repeat("x", 129)
	for _, c := range []struct {
		text string
		code diag.Code
		at   string
		hint string
	}{
		{"CREATE STREAM s (_seq BIGINT)", diag.ObjectExists, "_seq", "another name"},
		{"CREATE STREAM s (a BIGINT) WITH (shard = 3)", diag.BadOption, "shard", "did you mean shards? The options are shards, partition_key"},
		{"CREATE STREAM s (a BIGINT) WITH (colour = 'red')", diag.BadOption, "colour", "the options are"},
		{"CREATE STREAM s (a BIGINT) WITH (shards = 0)", diag.BadOption, "0", ""},
		{"CREATE STREAM s (a BIGINT) WITH (shards = 10001)", diag.BadOption, "10001", ""},
		{"CREATE STREAM s (a BIGINT) WITH (shards = 'many')", diag.BadOption, "'many'", ""},
		{"CREATE STREAM s (a BIGINT) WITH (shards = 2, SHARDS = 3)", diag.BadOption, "SHARDS", `"2"`},
		{"CREATE STREAM s (a BIGINT) WITH (retention = '0')", diag.BadOption, "'0'", ""},
		{"CREATE STREAM s (a BIGINT) WITH (retention = '10ms')", diag.BadOption, "'10ms'", ""},
		{"CREATE STREAM s (a BIGINT) WITH (idle_timeout = '-5s')", diag.BadOption, "'-5s'", ""},
		{"CREATE STREAM s (a BIGINT) WITH (idle_timeout = 'soon')", diag.BadOption, "'soon'", ""},
		{"CREATE STREAM s (a BIGINT) WITH (format = 'xml')", diag.BadOption, "'xml'", ""},
		{"CREATE STREAM s (a BIGINT) WITH (format = 'tsv')", diag.BadOption, "'tsv'", "connector = 'file'"},
		{"CREATE STREAM s (a BIGINT) WITH (format = 'csv')", diag.BadOption, "'csv'", "connector = 'file'"},
		{"CREATE STREAM s (a BIGINT) WITH (time_unit = 'h')", diag.BadOption, "'h'", ""},
		{"CREATE STREAM s (a BIGINT) WITH (connector = 'kafka')", diag.BadOption, "'kafka'", "weir put"},
		{"CREATE STREAM s (a BIGINT) WITH (connector = 'file')", diag.BadOption, "'file'", "path ="},
		{"CREATE STREAM s (a BIGINT) WITH (connector = 'file', path = 'x', shards = 2)", diag.BadOption, "2", "leave"},
		{"CREATE STREAM s (a BIGINT) WITH (path = 'x')", diag.BadOption, "path", "connector = 'file'"},
		{"CREATE STREAM s (item BIGINT) WITH (partition_key = 'itm')", diag.UnknownColumn, "'itm'", "`item`"},
		{"CREATE STREAM s (ts DATETIME(3), WATERMARK FOR t AS t)", diag.UnknownColumn, "t", "`ts`"},
		{"CREATE STREAM s (ts BIGINT, WATERMARK FOR ts AS ts)", diag.WrongType, "ts", "DATETIME(3)"},
		{"CREATE STREAM `a$b` (a BIGINT)", diag.BadOption, "`a$b`", ""},
		{"CREATE STREAM " + long + " (a BIGINT)", diag.TooLarge, long, ""},
		{"CREATE STREAM s", diag.Syntax, "s", "list them"},
	} {
		s, err := sql.ParseOne(c.text)
		if err != nil {
			t.Errorf("parse %s: %v", c.text, err)
			continue
		}
		_, err = catalog.NewStream(s.(*ast.CreateStream))
		if err == nil {
			t.Errorf("%s is accepted", c.text)
			continue
		}
		e := diag.From(err)
		if at := c.text[e.Span.Start:e.Span.End]; e.Code != c.code || at != c.at || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s\ngives %s at %q\nhint %q", c.text, e, at, e.Hint)
		}
	}
}

func TestDuplicateColumns(t *testing.T) {
	def := define(t, "CREATE STREAM s (a BIGINT, b DOUBLE)")
	def.Columns[1].Name.Text = "A"
	_, err := catalog.NewStream(def)
	if err == nil || diag.From(err).Code != diag.ObjectExists || diag.From(err).Span != def.Columns[1].Name.At {
		t.Errorf("a duplicate column gives %v", err)
	}
}

func TestTooManyColumns(t *testing.T) {
	def := &ast.CreateStream{Name: ast.Name{Text: "s"}}
	for i := range catalog.ColumnsMax + 1 {
		def.Columns = append(def.Columns, ast.ColumnDef{Name: ast.Name{Text: fmt.Sprintf("c%d", i)}, Type: types.BigintType})
	}
	if _, err := catalog.NewStream(def); err == nil || diag.From(err).Code != diag.TooLarge {
		t.Errorf("%d columns give %v", len(def.Columns), err)
	}
	def.Columns = def.Columns[:catalog.ColumnsMax]
	if _, err := catalog.NewStream(def); err != nil {
		t.Errorf("%d columns give %v", len(def.Columns), err)
	}
}

// TestStreamOptionsAreDocumented: docs/sql.md has a line for each option, and with
// its default written out a stream is the same.
func TestStreamOptionsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "sql.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = catalog.NewStream(define(t, "CREATE STREAM s (n BIGINT) WITH (quorum = 3)"))
	_, names, ok := strings.Cut(diag.From(err).Hint, "the options are ")
	if !ok {
		t.Fatalf("no list of options in %v", err)
	}
	text := func(with string) string {
		s, err := catalog.NewStream(define(t, "CREATE STREAM s (n BIGINT)"+with))
		if err != nil {
			t.Fatalf("%s: %v", with, err)
		}
		s.Text = ""
		return fmt.Sprintf("%+v", *s)
	}
	defaults := 0
	for name := range strings.SplitSeq(names, ", ") {
		m := regexp.MustCompile("(?m)^\\| `" + name + "` \\| (.+?) \\| ").FindStringSubmatch(string(doc))
		if m == nil {
			t.Errorf("docs/sql.md has no line for the option %s", name)
			continue
		}
		value := strings.Trim(m[1], "`")
		if value != "4" && !strings.HasPrefix(value, "'") {
			continue // none, or a sentence
		}
		defaults++
		if got, want := text(" WITH ("+name+" = "+value+")"), text(""); got != want {
			t.Errorf("docs/sql.md says that %s is %s if nothing is said, but then a stream is\n%s\nand else\n%s", name, value, got, want)
		}
	}
	const documented = 6
	if defaults != documented {
		t.Errorf("%d options with a default in docs/sql.md", defaults)
	}
}

// TestSinkOptionsAreDocumented holds the options and docs/sinks.md together.
func TestSinkOptionsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "sinks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, connector := range catalog.Connectors() {
		var want strings.Builder
		for _, o := range catalog.SinkOptions(connector) {
			given := o.Default
			if o.Required {
				given = "required"
			}
			fmt.Fprintf(&want, "| `%s` | %s | %s |\n", o.Name, given, o.What)
		}
		if !strings.Contains(string(doc), want.String()) {
			t.Errorf("docs/sinks.md should have for %s:\n%s", connector, want.String())
		}
	}
}

// TestSinkSecrets: whatever is shown of a sink holds no secret.
func TestSinkSecrets(t *testing.T) {
	for _, with := range []string{
		"connector = 'influxdb', url = 'http://s3cret@h:8086', db = 'd'",
		"connector = 'influxdb', url = 'https://ann:s3cret@h', db = 'd', password = 's3cret'",
		"connector = 'postgres', url = 'postgres://ann:s3cret@h/d', PASSWORD = 's3cret'",
		"connector = 'postgres', url = 'postgres://ann:s3@cret@h/d?x=@'",
		"connector = 'postgres', url = 'postgres://ann:s3cret%@h/d'",
	} {
		s, err := sql.ParseOne("CREATE SINK s FROM v WITH (" + with + ")")
		if err != nil {
			t.Fatal(err)
		}
		def := s.(*ast.CreateSink)
		sink, err := catalog.NewSink(def)
		if err != nil {
			t.Errorf("%s: %v", with, err)
			continue
		}
		shown := sql.Print(catalog.Masked(def)) + fmt.Sprint(sink.Settings())
		if strings.Contains(shown, "s3") || strings.Contains(shown, "cret") || !strings.Contains(shown, "***") {
			t.Errorf("%s\nis shown as %s", with, shown)
		}
		if !strings.Contains(sink.Text("url")+sink.Text("password"), "cret") {
			t.Errorf("%s: the secret is lost", with)
		}
	}
}

func view(t testing.TB, name, from string, materialized bool) *catalog.View {
	t.Helper()
	s, err := sql.ParseOne("SELECT a FROM " + from)
	if err != nil {
		t.Fatal(err)
	}
	return &catalog.View{Name: name, Materialized: materialized, Query: s.(*ast.Select)}
}

func named(name string) ast.Name { return ast.Name{Text: name} }

func code(err error) diag.Code {
	if err == nil {
		return ""
	}
	return diag.From(err).Code
}

func TestCatalog(t *testing.T) {
	c := catalog.New()
	at := diag.Span{}
	check := func(what string, gotDone, wantDone bool, err error, want diag.Code) {
		t.Helper()
		if gotDone != wantDone || code(err) != want {
			t.Errorf("%s: done %v, error %v, want %v and %q", what, gotDone, err, wantDone, want)
		}
	}
	s := &catalog.Stream{Name: "s"}
	done, err := c.AddStream(s, false, at)
	check("add", done, true, err, "")
	done, err = c.AddStream(&catalog.Stream{Name: "s"}, false, at)
	check("add again", done, false, err, diag.ObjectExists)
	done, err = c.AddStream(&catalog.Stream{Name: "s"}, true, at)
	check("add if not exists", done, false, err, "")
	done, err = c.AddStream(&catalog.Stream{Name: "S"}, false, at)
	check("names differ by case", done, true, err, "")
	v := view(t, "v", "s", true)
	done, err = c.AddView(v, false, false, at)
	check("add view", done, true, err, "")
	done, err = c.AddStream(&catalog.Stream{Name: "v"}, true, at)
	check("a view has the name", done, false, err, diag.ObjectExists)
	done, err = c.AddView(view(t, "s", "S", false), true, false, at)
	check("a view cannot replace a stream", done, false, err, diag.ObjectExists)
	done, err = c.AddView(view(t, "v", "S", true), false, true, at)
	check("view if not exists", done, false, err, "")
	done, err = c.AddView(view(t, "w", "nothing", false), false, false, at)
	check("reads nothing", done, false, err, diag.UnknownObject)
	done, err = c.AddView(view(t, "w", "w", false), false, false, at)
	check("reads itself", done, false, err, diag.WrongObject)
	done, err = c.AddView(view(t, "w", "'file.jsonl'", false), false, false, at)
	check("reads a file", done, true, err, "")
	done, err = c.AddView(view(t, "x", "v", false), false, false, at)
	check("reads a view", done, true, err, "")
	done, err = c.AddView(view(t, "v", "S", true), true, false, at)
	check("replace what is read", done, false, err, diag.DependedOn)
	done, err = c.Drop(ast.StreamObject, named("s"), false)
	check("drop what is read", done, false, err, diag.DependedOn)
	if !strings.Contains(err.Error(), "`v` reads `s`") {
		t.Errorf("the reader is not named: %v", err)
	}
	done, err = c.Drop(ast.StreamObject, named("v"), false)
	check("drop a view as a stream", done, false, err, diag.WrongObject)
	done, err = c.Drop(ast.MaterializedView, named("x"), false)
	check("drop a plain view as a materialized one", done, false, err, diag.WrongObject)
	done, err = c.Drop(ast.ViewObject, named("x"), false)
	check("drop a view", done, true, err, "")
	done, err = c.AddView(view(t, "v", "S", true), true, false, at)
	check("replace", done, true, err, "")
	done, err = c.Drop(ast.AnyObject, named("s"), false)
	check("nobody reads it now", done, true, err, "")
	done, err = c.Drop(ast.ViewObject, named("nothing"), true)
	check("drop if exists", done, false, err, "")
	done, err = c.Drop(ast.ViewObject, named("vv"), false)
	check("drop nothing", done, false, err, diag.UnknownObject)
	if got := fmt.Sprint(c.Names()); got != "[S v w]" {
		t.Errorf("names are %s", got)
	}
	if len(c.Streams()) != 1 || len(c.Views()) != 2 || c.Views()[0].Name != "v" {
		t.Errorf("streams %v, views %v", c.Streams(), c.Views())
	}
	if got, ok := c.View("v"); !ok || got == v {
		t.Errorf("v is %v, %v", got, ok)
	}
}

// TestNumbersAreNeverReused adds and drops at random, with restarts that bring
// the numbers along.
func TestNumbersAreNeverReused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := catalog.New()
		seen := map[uint32]string{}
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
			if rapid.Bool().Draw(t, "add") {
				s := &catalog.Stream{Name: name}
				if created, err := c.AddStream(s, false, diag.Span{}); err == nil && created {
					if seen[s.ID] != "" || s.ID == 0 {
						t.Fatalf("step %d: the number %d is used again", i, s.ID)
					}
					seen[s.ID] = name
				}
				continue
			}
			if _, err := c.Drop(ast.StreamObject, ast.Name{Text: name}, true); err != nil {
				t.Fatal(err)
			}
		}
		again := catalog.New()
		again.Reserve(c.Last())
		if again.Last() != c.Last() {
			t.Fatalf("the last number was %d, now it is %d", c.Last(), again.Last())
		}
		for _, s := range c.Streams() {
			restored := *s
			if _, err := again.AddStream(&restored, false, diag.Span{}); err != nil || restored.ID != s.ID {
				t.Fatalf("stream %d came back as %d: %v", s.ID, restored.ID, err)
			}
		}
	})
}

func TestNumberInUse(t *testing.T) {
	c := catalog.New()
	if _, err := c.AddStream(&catalog.Stream{Name: "a", ID: 7}, false, diag.Span{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddStream(&catalog.Stream{Name: "b", ID: 7}, false, diag.Span{}); code(err) != diag.Internal {
		t.Errorf("a number is given twice: %v", err)
	}
	s := &catalog.Stream{Name: "c"}
	if _, err := c.AddStream(s, false, diag.Span{}); err != nil || s.ID != 8 {
		t.Errorf("the next number is %d: %v", s.ID, err)
	}
}

func TestConcurrentUse(t *testing.T) {
	c := catalog.New()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				name := fmt.Sprintf("s%d_%d", i, j)
				if _, err := c.AddStream(&catalog.Stream{Name: name}, false, diag.Span{}); err != nil {
					t.Error(err)
				}
				c.Names()
				c.Stream(name)
			}
		})
	}
	wg.Wait()
	ids := map[uint32]bool{}
	for _, s := range c.Streams() {
		ids[s.ID] = true
	}
	if len(ids) != 400 {
		t.Errorf("%d numbers for 400 streams", len(ids))
	}
}

package file

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"weir/operators/sinks"
	"weir/operators/stream"
	"weir/sql/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var schema = stream.Schema{{Name: "n", Type: types.BigintType}, {Name: "t", Type: types.VarcharType}}

func newSink(t testing.TB, dir string, change func(*Config)) *Sink {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	cfg := Config{Root: root, Dir: "a/b", ID: "me", Format: JSON, Schema: schema, Alloc: memory.DefaultAllocator}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func write(t testing.TB, s *Sink, commit stream.Commit, ops []stream.Op, numbers ...int64) error {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for _, n := range numbers {
		b.Field(0).(*array.Int64Builder).Append(n)
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("row, \"%d\"", n))
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	return s.Write(t.Context(), commit, stream.Batch{RecordBatch: rec, Ops: ops})
}

// read returns the parts of a directory by name.
func read(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	names, err := filepath.Glob(filepath.Join(dir, "a", "b", "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(n)] = string(text)
	}
	return out
}

// TestCrashes writes steps, and forgets the sink now and then as a crash would:
// the parts hold every step up to the cursor once, and nothing else.
func TestCrashes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "weir-file-")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		s := newSink(t, dir, nil)
		cursor, ok, err := s.Open(t.Context())
		if ok || err != nil {
			rt.Fatal(ok, err)
		}
		at := stream.Commit(0)
		for range rapid.IntRange(1, 30).Draw(rt, "moves") {
			switch rapid.IntRange(0, 5).Draw(rt, "move") {
			case 0: // a crash: what is open stays as it is
				if s.buf != nil && s.part != nil && rapid.Bool().Draw(rt, "flushed") {
					_ = s.buf.Flush()
				}
				if s.part != nil {
					_ = s.part.Close()
					s.part = nil
				}
				s = newSink(t, dir, nil)
				if at, ok, err = s.Open(t.Context()); err != nil || at != cursor {
					rt.Fatalf("it opens at %d, %v, %v; want %d", at, ok, err, cursor)
				}
			case 1:
				if at > cursor {
					if _, err := s.Commit(t.Context(), at); err != nil {
						rt.Fatal(err)
					}
					cursor = at
				}
			default:
				at++
				if err := write(t, s, at, nil, int64(at)); err != nil {
					rt.Fatal(err)
				}
			}
		}
		want, got := "", ""
		for n := stream.Commit(1); n <= cursor; n++ {
			want += fmt.Sprintf(`{"n":%d,"t":"row, \"%d\""}`+"\n", n, n)
		}
		names, _ := filepath.Glob(filepath.Join(dir, "a", "b", "part-*"))
		for _, n := range names { // in order
			text, err := os.ReadFile(n)
			if err != nil {
				rt.Fatal(err)
			}
			got += string(text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-want +parts):\n%s", diff)
		}
	})
}

func TestFormats(t *testing.T) {
	dir := t.TempDir()
	s := newSink(t, dir, func(c *Config) { c.Format, c.Changes = CSV, true })
	if _, _, err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := write(t, s, 3, []stream.Op{stream.Delete, stream.Insert}, 1, 2); err != nil {
		t.Fatal(err)
	}
	if s.Bytes() == 0 {
		t.Error("it counts no bytes")
	}
	if _, err := s.Commit(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"part-000000000003-000000000005.csv": "_op,n,t\ndelete,1,\"row, \"\"1\"\"\"\ninsert,2,\"row, \"\"2\"\"\"\n",
	}
	if diff := cmp.Diff(want, read(t, dir)); diff != "" {
		t.Errorf("(-want +parts):\n%s", diff)
	}
	if _, err := s.Commit(t.Context(), 6); err != nil || len(read(t, dir)) != 1 {
		t.Errorf("a commit without rows makes a part: %v", err)
	}
}

// TestRefusals: a directory has one owner, and a file in mode append takes
// nothing back.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	s := newSink(t, dir, nil)
	if _, _, err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := write(t, s, 1, []stream.Op{stream.Delete}, 1); !sinks.IsPermanent(err) || !strings.Contains(err.Error(), "changes") {
		t.Errorf("a row that leaves gives %v", err)
	}
	if err := s.Begin(t.Context(), sinks.Resync); !sinks.IsPermanent(err) {
		t.Errorf("a resync gives %v", err)
	}
	other := newSink(t, dir, func(c *Config) { c.ID = "you" })
	if _, _, err := other.Open(t.Context()); !sinks.IsPermanent(err) || !strings.Contains(err.Error(), "another sink") {
		t.Errorf("another sink gets %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c", "part-1-2.ndjson"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := newSink(t, dir, func(c *Config) { c.Dir = "c" })
	if _, _, err := foreign.Open(t.Context()); !sinks.IsPermanent(err) {
		t.Errorf("foreign parts give %v", err)
	}
	for _, cfg := range []Config{{}, {Root: s.cfg.Root, Dir: "../x"}, {Root: s.cfg.Root, Dir: "x", Changes: true, Schema: stream.Schema{{Name: "_op", Type: types.VarcharType}}}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func FuzzParsePart(f *testing.F) {
	f.Add("part-000000000003-000000000005.csv")
	f.Add("part-1-18446744073709551615.ndjson")
	f.Fuzz(func(t *testing.T, name string) {
		p, ok := parsePart(name)
		if !ok {
			return
		}
		if p.from > p.to {
			t.Fatalf("%q is %+v", name, p)
		}
		for _, format := range []Format{JSON, CSV} {
			if again, ok := parsePart(p.name(format)); !ok || again != p {
				t.Fatalf("%q is %+v, and that is %+v", name, p, again)
			}
		}
	})
}

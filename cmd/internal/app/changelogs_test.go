package app

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"weir/ingest/wal"
	"weir/operators/stream"
)

var updateChangelogs = flag.Bool("changelogs.update", false, "write testdata/changelogs.txt again")

// TestChangelogs runs queries over the logs of testdata/changelogs.txt, which say
// commit by commit what leaves. A case is views, a line `from N` if the query begins
// behind commit N of the records, the query, commits, ----, and the changelog. A commit is
// the second of its arrival and its rows: a group, a number and a second of event
// time each; no row is a tick, `end` ends the stream. Arrivals are seconds of
// 10:00, event times too, and the watermark is the greatest of them.
func TestChangelogs(t *testing.T) {
	const path = "testdata/changelogs.txt"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		asked, want, _ := strings.Cut(block+"\n", "----\n")
		got := runChangelog(t, asked)
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(asked + "----\n" + got)
		if strings.TrimSpace(got) != strings.TrimSpace(want) && !*updateChangelogs {
			t.Errorf("%s----\n%swant\n%s", asked, got, want)
		}
	}
	if *updateChangelogs {
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// runChangelog runs one case and returns the changes, each step with the second at
// which it came.
func runChangelog(t *testing.T, text string) string {
	t.Helper()
	base := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	c := &clock{}
	c.micros.Store(base.UnixMicro())
	p := openPlace(t, t.TempDir(), c)
	defer p.close()
	w := &world{t: t, place: p, clock: c}
	w.create(1, "idle_timeout = '0'")
	skip, query := 0, ""
	times := map[int64]string{} // by commit
	after := int64(0)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "#"):
			continue
		case fields[0] == "CREATE":
			if _, err := p.db.run(t.Context(), line, func(string, ...any) {}); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			continue
		case fields[0] == "from":
			if _, err := fmt.Sscan(fields[1], &skip); err != nil {
				t.Fatal(err)
			}
			continue
		case query == "":
			query = strings.TrimSpace(line)
			continue
		}
		var at float64
		if _, err := fmt.Sscan(fields[0], &at); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		c.micros.Store(base.Add(time.Duration(at * float64(time.Second))).UnixMicro())
		switch rows := fields[1:]; {
		case len(rows) == 0:
			w.control(wal.Tick)
		case rows[0] == "end":
			w.control(wal.End)
		default:
			var sent []string
			for _, row := range rows {
				var n, ts float64
				k, rest, _ := strings.Cut(row, ":")
				if _, err := fmt.Sscanf(rest, "%g@%g", &n, &ts); err != nil {
					t.Fatalf("%s: %v", row, err)
				}
				when := base.Add(time.Duration(ts * float64(time.Second))).Format("2006-01-02 15:04:05.000")
				sent = append(sent, fmt.Sprintf(`{"k":%q,"g":0,"n":%v,"x":0,"d":0,"ts":%q}`, k, n, when))
			}
			w.append([]wal.Block{w.block(0, sent)})
		}
		last, _ := p.log.Head()
		times[int64(last)] = fields[0]
		if skip--; skip >= 0 {
			after = int64(last)
		}
	}
	c.move(time.Second) // the last step is over
	last, _ := p.log.Head()
	h := how{start: "earliest"}
	if after > 0 {
		h = how{start: base.Add(time.Duration(secondOf(t, times[after])*float64(time.Second)) + time.Millisecond).Format("2006-01-02 15:04:05.000")}
	}
	e := p.begin(query, h)
	e.reach(t, last)
	e.end(t)
	short := strings.NewReplacer("2026-11-20 10:", "", ".000000", "", ".000", "")
	var out strings.Builder
	for commit := int64(1); commit <= int64(last); commit++ {
		for _, line := range e.out.steps[stream.Commit(commit)] {
			fmt.Fprintf(&out, "%s %s\n", times[commit], short.Replace(line))
		}
	}
	return out.String()
}

func secondOf(t *testing.T, text string) (at float64) {
	t.Helper()
	if _, err := fmt.Sscan(text, &at); err != nil {
		t.Fatal(err)
	}
	return at
}

package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/dashboard/hub"
	"weir/operators/stream"
)

// liveLines runs a live SELECT over HTTP and returns its lines as they come.
func liveLines(t *testing.T, s *server, text string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url()+"/v1/sql", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: status %d: %s", text, resp.StatusCode, body)
	}
	lines, done := make(chan string), make(chan struct{})
	go func() {
		defer close(done)
		defer close(lines)
		in := bufio.NewScanner(resp.Body)
		for in.Scan() {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = resp.Body.Close()
		<-done
	})
	return lines
}

// foldUntil adds lines up by the columns of a key until the table is what is
// wanted, and returns every line that came.
func foldUntil(t *testing.T, lines <-chan string, key []string, want map[string]string) []string {
	t.Helper()
	got, all := map[string]string{}, []string(nil)
	for !maps.Equal(got, want) {
		line, ok := <-lines
		if !ok {
			t.Fatalf("the answer ended; the table is %v, want %v; lines:\n%s", got, want, strings.Join(all, "\n"))
		}
		all = append(all, line)
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var id []string
		for _, k := range key {
			id = append(id, fmt.Sprint(row[k]))
		}
		k, n := strings.Join(id, " "), fmt.Sprint(row["n"])
		switch {
		case row["_op"] == "delete":
			if got[k] != n {
				t.Fatalf("%s leaves, but the table is %v", line, got)
			}
			delete(got, k)
		default:
			got[k] = n
		}
	}
	return all
}

func deletes(lines []string) int {
	n := 0
	for _, l := range lines {
		if strings.HasPrefix(l, `{"_op":"delete",`) {
			n++
		}
	}
	return n
}

// TestLiveChanges: groups without a window, and windows that are open, reach an
// HTTP client as they change. Rows of hits come one by one, each in its own step.
func TestLiveChanges(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, hits)
	const early = " WITH (start = 'earliest')"
	groups := map[string]string{"/0": "4", "/1": "3", "/2": "3"}
	some := map[string]string{"/0": "4"}
	open := map[string]string{"2026-11-20 10:00:00.000 /0": "4", "2026-11-20 10:00:00.000 /1": "3", "2026-11-20 10:00:00.000 /2": "3"}
	const grouped = "SELECT path, COUNT(*) AS n FROM hits GROUP BY path"
	const windowed = "SELECT window_start, path, COUNT(*) AS n FROM hits GROUP BY path, TUMBLE(ts, INTERVAL 1 MINUTE)"
	cases := []struct {
		text    string
		key     []string
		want    map[string]string
		deletes bool
	}{
		{grouped + early, []string{"path"}, groups, true},
		{grouped + " EMIT CHANGES" + early, []string{"path"}, groups, true},
		{grouped + " EMIT ON UPDATE" + early, []string{"path"}, groups, false},
		{grouped + " HAVING COUNT(*) > 3" + early, []string{"path"}, some, false},
		{windowed + " EMIT CHANGES" + early, []string{"window_start", "path"}, open, true},
		{windowed + " EMIT ON UPDATE" + early, []string{"window_start", "path"}, open, false},
		{"SELECT COUNT(*) AS n FROM hits" + early, nil, map[string]string{"": "10"}, true},
		{"SELECT path, COUNT(*) DIV 10 AS n FROM hits GROUP BY path" + early, []string{"path"}, map[string]string{"/0": "0", "/1": "0", "/2": "0"}, false},
		{grouped + " HAVING COUNT(*) = 3" + early, []string{"path"}, map[string]string{"/1": "3", "/2": "3"}, true},
	}
	var answers []<-chan string
	for _, c := range cases {
		answers = append(answers, liveLines(t, s, c.text))
	}
	for i := range 10 {
		s.send(t, i, i+1)
		time.Sleep(10 * time.Millisecond) // another step
	}
	for i, c := range cases {
		lines := foldUntil(t, answers[i], c.key, c.want)
		if got := deletes(lines) > 0; got != c.deletes {
			t.Errorf("%s: rows that leave are shown: %v\n%s", c.text, got, strings.Join(lines, "\n"))
		}
	}
}

// TestViewOfChanges: a view over groups without a window holds their current
// rows, also behind a restart, and subscribers get what changes.
func TestViewOfChanges(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	c.sql(hits)
	c.sql("CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n, MAX(ms) AS high FROM hits GROUP BY path HAVING COUNT(*) <> 2")
	c.sql("CREATE MATERIALIZED VIEW all_hits AS SELECT COUNT(*) AS n FROM hits")
	c.sql("CREATE MATERIALIZED VIEW minutes AS SELECT window_start, COUNT(*) AS n FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE) EMIT CHANGES")
	if rows := c.sql("SELECT * FROM all_hits"); len(rows) != 0 {
		t.Errorf("a count has the row %v before the first hit", rows)
	}
	send := func(from, to int) {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, `{"path":"/%d","ms":%d,"ts":"2026-11-20 10:%02d:%02d"}`+"\n", i%3, i, i/60%60, i%60)
		}
		if status, body := post(t, c.url+"/v1/streams/hits/records", "", b.String(), nil); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, body)
		}
	}
	check := func(totals, all, minutes string) {
		t.Helper()
		for text, want := range map[string]string{
			"SELECT path, n, high FROM totals ORDER BY path": totals, "SELECT * FROM all_hits": all, "SELECT n FROM minutes ORDER BY window_start": minutes,
		} {
			if got := fmt.Sprint(c.sql(text)); got != want {
				t.Errorf("%s gives %s, want %s", text, got, want)
			}
		}
		for _, row := range c.sql("SHOW QUERIES") {
			if strings.Contains(fmt.Sprint(row), "stopped") {
				t.Errorf("query %v", row)
			}
		}
	}
	send(0, 2)
	check("[[/0 1 0] [/1 1 1]]", "[[2]]", "[[2]]")
	send(2, 5)
	check("[[/2 1 2]]", "[[5]]", "[[5]]")
	send(5, 70)
	send(3, 4) // in a window that has closed
	check("[[/0 25 69] [/1 23 67] [/2 23 68]]", "[[71]]", "[[60] [10]]")
	c.kill()
	c = startServer(t, dir, port)
	check("[[/0 25 69] [/1 23 67] [/2 23 68]]", "[[71]]", "[[60] [10]]")
}

// TestViewRetention: rows leave a view when they are older than the watermark by
// its retention, and stay away behind a restart; a row that comes too late for
// the view, but not for its window, is no error.
func TestViewRetention(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	c.sql(hits)
	c.sql("CREATE MATERIALIZED VIEW lately WITH (retention = '10m') AS SELECT window_start, COUNT(*) AS n FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)")
	c.sql("CREATE MATERIALIZED VIEW always AS SELECT window_start, COUNT(*) AS n FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)")
	var b strings.Builder
	for m := range 40 {
		fmt.Fprintf(&b, `{"path":"/","ms":1,"ts":"2026-11-20 10:%02d:30"}`+"\n", m)
	}
	if status, body := post(t, c.url+"/v1/streams/hits/records", "", b.String(), nil); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	check := func() {
		t.Helper()
		for view, want := range map[string]string{"lately": "[[9]]", "always": "[[39]]"} {
			if got := fmt.Sprint(c.sql("SELECT COUNT(*) FROM " + view)); got != want {
				t.Errorf("%s has %s rows, want %s", view, got, want)
			}
		}
	}
	check()
	c.kill()
	c = startServer(t, dir, port)
	check()
}

// TestSubscribeToChanges: a subscriber gets rows that enter and that leave,
// from the query itself and from a view of it.
func TestSubscribeToChanges(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, hits)
	s.must(t, "CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n FROM hits GROUP BY path")
	s.must(t, "CREATE MATERIALIZED VIEW all_hits AS SELECT COUNT(*) AS n FROM hits")
	one := s.subscribe(t, "SELECT * FROM all_hits")
	if key := s.prepare(t, "SELECT * FROM all_hits").Key(); key == nil || len(key) > 0 {
		t.Errorf("the key of the one row is %v", key)
	}
	subs := []hub.Subscription{
		one,
		s.subscribe(t, "SELECT path, COUNT(*) AS n FROM hits GROUP BY path"),
		s.subscribe(t, "SELECT path, COUNT(*) AS n FROM hits GROUP BY path EMIT ON UPDATE"),
		s.subscribe(t, "SELECT path, n FROM totals"),
	}
	s.send(t, 0, 3)
	time.Sleep(20 * time.Millisecond) // another step
	s.send(t, 3, 6)
	for i, sub := range subs {
		err := next(t, sub, func(u hub.Update) bool {
			return slices.ContainsFunc(u.Batches, func(b stream.Batch) bool {
				return len(b.Ops) > 1 && b.Ops[0] == stream.Delete && b.Ops[1] == stream.Insert
			})
		})
		if err != nil {
			t.Errorf("subscription %d: %v", i, err)
		}
	}
}

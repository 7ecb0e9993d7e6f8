package app

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/ingest/httpapi"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// pumping is a query whose rows are written into a stream: where they go, and
// columns of that stream that hold them. The first is what rows are put into
// shards by.
type pumping struct {
	name, into, columns string
	query               string
	fits                string // the rows of the query that the stream takes; "": all
}

// firstPumps write rows of s into t, and secondPumps rows of t into u.
var (
	firstPumps = []pumping{
		{query: "SELECT k, g, n, x, d, ts FROM s"},
		{query: "SELECT CONCAT(k, '!') AS k, g + 1 AS g, -n AS n, x / 3 AS x, d, ts FROM s WHERE x > 10 / n"},
		{query: "SELECT k, g, n * 400 AS n, x, d, ts FROM s", fits: " WHERE n IS NULL OR ABS(n) < 82"}, // of a SMALLINT
		{query: "SELECT k, g, n, x, d, ts FROM s WHERE n > 0 UNION ALL SELECT 'u', g, n, x, d, ts FROM s WHERE n < -50"},
		{query: "SELECT k, g, n, x, d, ts FROM s WHERE n < 20 EMIT EVERY 1 SECOND"},
		{query: "SELECT k, window_rev AS g, COUNT(*) AS n, SUM(x) AS x, MAX(d) AS d, CAST(window_start AS DATETIME(3)) AS ts FROM s GROUP BY k, TUMBLE(ts, INTERVAL 2 SECOND) HAVING is_final"},
		{query: "SELECT k, COUNT(*) AS g, MAX(n) AS n, SUM(x) AS x, MAX(d) AS d, CAST(window_time AS DATETIME(3)) AS ts FROM s GROUP BY k, TUMBLE(ts, INTERVAL 2 SECOND)"},
		{query: "SELECT k, COUNT(*) AS g, MIN(n) AS n, AVG(x) AS x, MIN(d) AS d, CAST(window_start AS DATETIME(3)) AS ts FROM s GROUP BY k, SESSION(ts, INTERVAL 1 SECOND)"},
		{query: "SELECT k, COUNT(*) AS g, MIN(n) AS n, AVG(x) AS x, MIN(d) AS d, CAST(window_start AS DATETIME(3)) AS ts FROM s GROUP BY k, COUNT_WINDOW(3)"},
		{query: "SELECT k, COUNT(*) AS g, MIN(n) AS n, AVG(x) AS x, MIN(d) AS d, CAST(window_start AS DATETIME(3)) AS ts FROM s GROUP BY k, TUMBLE(ts, INTERVAL 1 SECOND) FILL(NULL)"},
	}
	secondPumps = []pumping{
		{query: "SELECT k, n AS c, ts FROM t WHERE x > 0"},
		{query: "SELECT k, COUNT(*) AS c, CAST(window_end AS DATETIME(3)) AS ts FROM t GROUP BY k, TUMBLE(ts, INTERVAL 4 SECOND)"},
		{query: "SELECT k, MAX(g) AS c, CAST(window_start AS DATETIME(3)) AS ts FROM t GROUP BY k, HOP(ts, INTERVAL 2 SECOND, INTERVAL 6 SECOND) HAVING COUNT(*) > 1"},
		{query: "SELECT k, SUM(n) DIV 1 AS c, CAST(window_start AS DATETIME(3)) AS ts FROM t GROUP BY k, CUMULATE(ts, INTERVAL 2 SECOND, INTERVAL 4 SECOND)"},
	}
)

// chain is two queries behind each other that write into streams.
type chain struct {
	w     *world
	links []pumping
}

// newChain makes the streams and the queries.
func newChain(w *world) *chain {
	w.t.Helper()
	c := &chain{w: w, links: []pumping{firstPumps[w.r.IntN(len(firstPumps))], secondPumps[w.r.IntN(len(secondPumps))]}}
	c.links[0].name, c.links[0].into, c.links[0].columns = "st", "t", "k, g, n, x, d, ts"
	c.links[1].name, c.links[1].into, c.links[1].columns = "tu", "u", "k, c, ts"
	w.run("CREATE STREAM t (k VARCHAR, g BIGINT, n SMALLINT, x DOUBLE, d DECIMAL(9,2), ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL %d SECOND) WITH (shards = %d, partition_key = 'k')",
		w.r.IntN(4), 1+w.r.IntN(3))
	w.run("CREATE STREAM u (k VARCHAR, c BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 1 SECOND) WITH (shards = %d, partition_key = 'k')", 1+w.r.IntN(3))
	for _, l := range c.links {
		w.run("CREATE PUMP %s AS INSERT INTO %s (%s) %s", l.name, l.into, l.columns, l.query)
	}
	return c
}

func (w *world) run(format string, args ...any) {
	w.t.Helper()
	text := fmt.Sprintf(format, args...)
	if _, err := w.place.db.run(w.t.Context(), text, func(string, ...any) {}); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}

// restart ends one of the queries wherever it is, and has it compute everything again.
func (c *chain) restart() {
	c.w.t.Helper()
	db := c.w.place.db
	m := db.pumps()[c.w.r.IntN(len(c.links))]
	db.stopView(m.def.ID)
	rel := &relations{db: db, notes: func(string, ...any) {}}
	rel.bound(m.plan)
	if err := db.startView(m.def, m.plan, rel); err != nil {
		c.w.t.Fatal(err)
	}
}

// end waits for the queries of a stream that has ended with a commit, and ends what
// they write. It does not wait for more: what they write is a step that ends with the
// next commit, as the clock stands still.
func (c *chain) end(ended stream.Commit) {
	c.w.t.Helper()
	for _, l := range c.links {
		c.w.place.wrote(l.name, ended)
		into, _ := c.w.place.db.catalog.Stream(l.into)
		var err error
		if ended, err = c.w.place.log.Control(c.w.t.Context(), wal.Control{Kind: wal.End, Stream: into.ID}); err != nil {
			c.w.t.Fatal(err)
		}
	}
}

// wrote waits until a query has written what follows from the log up to a commit, and
// returns its account.
func (p *place) wrote(name string, last stream.Commit) pumped {
	p.t.Helper()
	for _, m := range p.db.pumps() {
		if m.def.Name != name {
			continue
		}
		for until := time.Now().Add(time.Minute); m.view.State().Commit < last; time.Sleep(100 * time.Microsecond) {
			if err := m.failure(); err != nil {
				p.t.Fatalf("%s: %v", m.def.Text, err)
			}
			if time.Now().After(until) {
				p.t.Fatalf("%s: still at commit %d of %d", m.def.Text, m.view.State().Commit, last)
			}
		}
		return m.pump.stats()
	}
	p.t.Fatalf("no query is called %s", name)
	return pumped{}
}

// check compares what was written with what the queries compute, over a copy of the
// log in which they have run again.
func (c *chain) check(t *testing.T, seed uint64, again *place, last stream.Commit) {
	t.Helper()
	for _, l := range c.links {
		have := again.begin("SELECT "+l.columns+" FROM "+l.into, how{start: "earliest"})
		have.reach(t, last)
		have.end(t)
		got, rows := byKey(have.out)
		first, second := c.w.place.wrote(l.name, last), again.wrote(l.name, last)
		first.refusal, second.refusal = "", "" // of this process
		if first != second {
			t.Fatalf("seed %d: %s\n%+v, and when it runs again %+v", seed, l.query, first, second)
		}
		whole := 0
		for i, size := range []int{1, 3, 4096} {
			want := again.begin(l.query+l.fits, how{start: "earliest", rows: size})
			want.reach(t, last)
			want.end(t)
			wanted, n := byKey(want.out)
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Fatalf("seed %d: INSERT INTO %s %s\nwrites other rows than its query gives in batches of %d (-query +written)\n%s", seed, l.into, l.query, size, diff)
			}
			if i == 0 {
				whole = n
			}
		}
		if l.fits != "" {
			all := again.begin(l.query, how{start: "earliest"})
			all.reach(t, last)
			all.end(t)
			whole = all.out.rows
		}
		if int(first.written) != rows || int(first.written+first.refused) != whole {
			t.Fatalf("seed %d: INSERT INTO %s %s\nsays that %d rows are written and %d refused; there are %d of %d", seed, l.into, l.query, first.written, first.refused, rows, whole)
		}
	}
}

// byKey returns the rows of each key in order. Rows without a key are in any shard,
// and so in any order.
func byKey(c *changelog) (map[string][]string, int) {
	var commits []stream.Commit
	for k := range c.steps {
		commits = append(commits, k)
	}
	slices.Sort(commits)
	out, n := map[string][]string{}, 0
	for _, k := range commits {
		for _, line := range c.steps[k] {
			key := strings.Fields(line)[1]
			out[key] = append(out[key], line)
			n++
		}
	}
	slices.Sort(out["null"])
	return out, n
}

// overWritten has some of the queries read what is written.
func overWritten(r *rand.Rand, asked []string) {
	for i, q := range asked {
		if r.IntN(4) == 0 {
			asked[i] = strings.NewReplacer("FROM s", "FROM t", "TABLE s", "TABLE t").Replace(q)
		}
	}
}

// openDoor lets queries write into streams.
func (p *place) openDoor() {
	p.t.Helper()
	records, err := httpapi.New(httpapi.Config{Target: target{p.db}, Log: p.log, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		p.t.Fatal(err)
	}
	p.db.door = &door{target{p.db}, records}
	if err := p.db.startViews(); err != nil {
		p.t.Fatal(err)
	}
}

package app

import (
	"crypto/md5"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/ingest"
	"weir/ingest/keyed"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/catalog"
)

// world is a stream, and somebody who sends it records.
type world struct {
	t     *testing.T
	place *place
	clock *clock
	r     *rand.Rand
	def   *catalog.Stream
	event time.Time // of the records that are sent now
	delay time.Duration
	sent  int
}

const worldColumns = "k VARCHAR, g BIGINT, n BIGINT, x DOUBLE, d DECIMAL(9,2), ts DATETIME(3)"

func newWorld(t *testing.T, p *place, c *clock, r *rand.Rand) *world {
	w := &world{t: t, place: p, clock: c, r: r, event: c.now().Add(-time.Minute), delay: time.Duration(r.IntN(4)) * time.Second}
	w.create(1+r.IntN(4), fmt.Sprintf("idle_timeout = '%ds', idle_advance = '%ds'", 1+r.IntN(6), 1+r.IntN(20)))
	return w
}

func (w *world) create(shards int, options string) {
	w.t.Helper()
	text := fmt.Sprintf("CREATE STREAM s (%s, WATERMARK FOR ts AS ts - INTERVAL %d SECOND) WITH (shards = %d, partition_key = 'k', %s)",
		worldColumns, int(w.delay.Seconds()), shards, options)
	if _, err := w.place.db.run(w.t.Context(), text, func(string, ...any) {}); err != nil {
		w.t.Fatal(err)
	}
	w.def, _ = w.place.db.catalog.Stream("s")
}

// commit appends some records, after a while that may be long.
func (w *world) commit() {
	w.t.Helper()
	switch w.r.IntN(10) {
	case 0:
		w.clock.move(time.Duration(w.r.IntN(15)) * time.Second)
		w.control(wal.Tick)
	case 1, 2, 3:
		w.clock.move(time.Duration(w.r.IntN(3)) * time.Millisecond)
	default:
		w.clock.move(time.Duration(w.r.IntN(700)) * time.Millisecond)
	}
	if w.r.IntN(40) == 0 {
		w.control(wal.Start)
	}
	if w.r.IntN(25) == 0 {
		w.reshard()
	}
	var blocks []wal.Block
	for _, shard := range w.place.db.router(w.def).Map().Open() {
		if w.r.IntN(3) > 0 {
			continue
		}
		var rows []string
		for range 1 + w.r.IntN(9) {
			rows = append(rows, w.row())
		}
		if w.r.IntN(3) == 0 {
			blocks = append(blocks, w.keyed(shard, rows))
			continue
		}
		blocks = append(blocks, w.block(shard, rows))
	}
	w.append(blocks)
}

// reshard splits a shard, or merges two, for the records that follow.
func (w *world) reshard() {
	w.t.Helper()
	_, err := w.place.db.reshard(w.t.Context(), w.def, func(m *ingest.ShardMap, now stream.Time) (*ingest.Reshard, error) {
		i := w.r.IntN(len(m.Open()))
		id := m.Open()[i]
		if i > 0 && (w.r.IntN(2) == 0 || len(m.Open()) > 5) {
			return m.Merge(m.Open()[i-1], id, now)
		}
		s := m.All()[id]
		return m.Split(id, ingest.Hash{Hi: s.Start.Hi + (s.End.Hi-s.Start.Hi)/2, Lo: 1}, now)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) append(blocks []wal.Block) {
	w.t.Helper()
	if len(blocks) == 0 {
		return
	}
	if _, err := w.place.log.Append(w.t.Context(), wal.Request{Blocks: blocks}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) block(shard stream.Shard, rows []string) wal.Block {
	return wal.Block{Stream: w.def.ID, Shard: shard, Count: len(rows), Data: []byte(strings.Join(rows, "\n"))}
}

// keyed puts rows as a client of Kinesis does: one or several a record, some of the
// records put together by the producer library, some that are no rows at all.
func (w *world) keyed(shard stream.Shard, rows []string) wal.Block {
	b := wal.Block{Stream: w.def.ID, Shard: shard, Encoding: wal.Keyed}
	hash := w.place.db.router(w.def).Map().All()[shard].Start
	for len(rows) > 0 {
		n := min(1+w.r.IntN(3), len(rows))
		key, data := "key", []byte(strings.Join(rows[:n], "\n"))
		switch w.r.IntN(6) {
		case 0:
			key, data = "a", aggregated(hash, rows[:n]...)
		case 1:
			if w.r.IntN(4) == 0 {
				data = append(data, "{"...)
			}
		case 2:
			if w.r.IntN(8) == 0 {
				data = aggregated(ingest.HashMax, rows[:n]...) // which is in the last shard
				if w.r.IntN(2) == 0 {
					key = "a" // and will be put again
				}
			}
		}
		b.Data = keyed.Append(b.Data, key, data)
		b.Count++
		rows = rows[n:]
	}
	return b
}

// aggregated puts records together as the Kinesis Producer Library does, all with one
// explicit hash key, and with partition keys k0, k1, ….
func aggregated(hash ingest.Hash, records ...string) []byte {
	field := func(m []byte, number byte, data []byte) []byte {
		return append(binary.AppendUvarint(append(m, number<<3|2), uint64(len(data))), data...)
	}
	m := field(nil, 2, []byte(hash.String()))
	for i, data := range records {
		m = field(m, 1, fmt.Appendf(nil, "k%d", i))
		m = field(m, 3, field(append(binary.AppendUvarint([]byte{1 << 3}, uint64(i)), 2<<3, 0), 3, []byte(data)))
	}
	sum := md5.Sum(m)
	return append(append([]byte("\xf3\x89\x9a\xc2"), m...), sum[:]...)
}

// row is a record, some of them late, without values, without a time or from the future.
func (w *world) row() string {
	w.event = w.event.Add(time.Duration(w.r.IntN(900)) * time.Millisecond)
	at := w.event
	switch w.r.IntN(12) {
	case 0:
		at = at.Add(-time.Duration(w.r.IntN(40)) * time.Second)
	case 1, 2, 3:
		at = at.Add(-time.Duration(w.r.IntN(4000)) * time.Millisecond)
	}
	ts := at.Format(`"2006-01-02 15:04:05.000"`)
	switch w.r.IntN(60) {
	case 0:
		ts = "null"
	case 1:
		ts = w.clock.now().Add(time.Hour).Format(`"2006-01-02 15:04:05.000"`)
	}
	w.sent++
	return record(w.r, ts)
}

// record is a record with a time.
func record(r *rand.Rand, ts string) string {
	or := func(value string) string {
		if r.IntN(9) == 0 {
			return "null"
		}
		return value
	}
	return fmt.Sprintf(`{"k":%s,"g":%d,"n":%s,"x":%s,"d":%s,"ts":%s}`,
		or(fmt.Sprintf("%q", string(rune('a'+r.IntN(5))))), r.IntN(3), or(fmt.Sprint(r.IntN(200)-100)),
		or(fmt.Sprint(r.NormFloat64()*1000)), or(fmt.Sprintf(`"%.2f"`, r.Float64()*100)), ts)
}

func (w *world) control(kind wal.ControlKind) stream.Commit {
	w.t.Helper()
	commit, err := w.place.log.Control(w.t.Context(), wal.Control{Kind: kind, Stream: w.def.ID})
	if err != nil {
		w.t.Fatal(err)
	}
	return commit
}

// end ends the stream, so that everything fires.
func (w *world) end() stream.Commit {
	w.clock.move(time.Second)
	return w.control(wal.End)
}

// Parts that random queries are made of.
var (
	randomAggregates = []string{
		"COUNT(*)", "COUNT(n)", "SUM(n)", "SUM(x)", "SUM(d)", "AVG(n)", "AVG(x)", "AVG(d)", "MIN(n)", "MAX(x)", "MIN(k)", "MAX(ts)",
		"APPROX_PERCENTILE(x, 0.9)", "SUM(n) / COUNT(n)", "MAX(n) - MIN(n)",
		"COUNT(DISTINCT g)", "COUNT(DISTINCT k, g)", "SUM(DISTINCT n)", "SUM(n) FILTER (WHERE g = 1)", "COUNT(*) FILTER (WHERE x > 0)",
		"STDDEV(n)", "VAR_SAMP(d)", "CORR(n, d)", "BIT_XOR(g)", "GROUP_CONCAT(k)", "GROUP_CONCAT(n ORDER BY n DESC, ts SEPARATOR ';')",
		"JSON_ARRAYAGG(n)", "JSON_OBJECTAGG(g, n)", "FIRST_VALUE(n)", "LAST_VALUE(k)", "ARG_MAX(n, d)", "ARG_MIN(k, n)", "APPROX_COUNT_DISTINCT(n)",
		"PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY n)", "MEDIAN(d)", "TOP_K(k, 2)", "HISTOGRAM(n)", "BOOL_AND(n > -90)", "ANY_VALUE(g)",
	}
	randomWindows = []string{
		"TUMBLE(ts, INTERVAL 5 SECOND)", "TUMBLE(ts, INTERVAL 7 SECOND, INTERVAL 2 SECOND)",
		"HOP(ts, INTERVAL 2 SECOND, INTERVAL 10 SECOND)", "HOP(ts, INTERVAL 4 SECOND, INTERVAL 10 SECOND)",
		"CUMULATE(ts, INTERVAL 2 SECOND, INTERVAL 10 SECOND)", "TUMBLE(ts, INTERVAL 1 DAY, 'Asia/Kolkata')",
		"SESSION(ts, INTERVAL 2 SECOND)", "SESSION(ts, INTERVAL 900 MILLISECOND, INTERVAL 5 SECOND)", "STAGGER(ts, INTERVAL 4 SECOND)",
	}
	randomKeys    = []string{"", "k", "g", "k, g", "n % 3"}
	randomFilters = []string{"", "", " WHERE n > 0", " WHERE k <> 'b'", " WHERE x > 10 / n"}
	randomEmits   = []string{
		"", " EMIT ON WINDOW CLOSE", " EMIT ON WINDOW CLOSE ALLOWED LATENESS INTERVAL 6 SECOND",
		" EMIT CHANGES", " EMIT CHANGES ALLOWED LATENESS INTERVAL 4 SECOND",
		" EMIT EVERY 700 MILLISECOND", " EMIT EVERY INTERVAL 2 SECOND ALLOWED LATENESS INTERVAL 4 SECOND",
	}
	// randomWhole are queries that are not made of parts.
	randomWhole = []string{
		"SELECT k, n, ts FROM s WHERE n > 20",
		"SELECT k, n, x, ts FROM s WHERE n > 20 EMIT EVERY 3 SECOND",
		"SELECT COUNT(*) AS c, SUM(x) AS x FROM s GROUP BY k EMIT EVERY 900 MILLISECOND",
		"SELECT k, COUNT(*) AS c FROM s GROUP BY k UNION ALL SELECT k, n FROM s WHERE n > 30 EMIT EVERY 1 SECOND",
		"SELECT DISTINCT k, g FROM s",
		"SELECT c, COUNT(*) AS n FROM (SELECT k, COUNT(*) AS c FROM s GROUP BY k) GROUP BY c",
		"SELECT MAX(c) AS most, SUM(c) AS n FROM (SELECT k, g, COUNT(*) AS c FROM s GROUP BY k, g)",
		"WITH w AS (SELECT window_start, window_end, k, COUNT(*) AS c FROM s GROUP BY k, TUMBLE(ts, INTERVAL 2 SECOND)) " +
			"SELECT window_start, MAX(c) AS most FROM w GROUP BY window_start, window_end",
		"SELECT window_start, SUM(c) AS c, MAX(c) AS most FROM (SELECT window_time AS wt, k, COUNT(*) AS c FROM s GROUP BY k, TUMBLE(ts, INTERVAL 2 SECOND)) " +
			"GROUP BY TUMBLE(wt, INTERVAL 6 SECOND)",
		"SELECT k, n + 1 AS m, CASE WHEN x > 0 THEN 'up' ELSE 'down' END AS c FROM s",
		"SELECT * FROM TABLE(SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), INTERVAL '2' SECOND))",
		"SELECT window_start, window_time, n, x FROM TABLE(SESSION(TABLE s, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '5' SECOND)) WHERE n > 0",
		"SELECT window_start, window_end, COUNT(*) AS n, SUM(c) AS c FROM (SELECT window_time AS wt, k, COUNT(*) AS c FROM s GROUP BY k, TUMBLE(ts, INTERVAL 1 SECOND)) " +
			"GROUP BY SESSION(wt, INTERVAL 3 SECOND)",
		"SELECT window_start, k, COUNT(*) AS n, SUM(d) AS d FROM s GROUP BY k, TUMBLE(ts, INTERVAL 2 SECOND) FILL(NULL)",
		"SELECT window_start, k, COUNT(*) AS n, AVG(d) AS d, MAX(k) AS t FROM s GROUP BY k, HOP(ts, INTERVAL 1 SECOND, INTERVAL 2 SECOND) FILL(PREV)",
		"SELECT window_start, g, k, COUNT(*) AS n, AVG(d) AS d, MAX(k) AS t FROM s GROUP BY k, g, TUMBLE(ts, INTERVAL 2 SECOND) FILL(LINEAR)",
		"SELECT window_start, window_end, SUM(n) AS n, COUNT(*) AS k FROM (SELECT window_start, window_end, k, COUNT(*) AS n FROM s GROUP BY k, TUMBLE(ts, INTERVAL 1 SECOND) FILL(0)) " +
			"GROUP BY window_start, window_end",
		"SELECT window_start, k, COUNT(*) AS c, SUM(n) AS n, is_final FROM s GROUP BY k, TUMBLE(ts, INTERVAL 3 SECOND) HAVING is_final AND COUNT(*) > 1 EMIT CHANGES",
		"SELECT f, COUNT(*) AS windows, SUM(c) AS c FROM (SELECT window_start, k, COUNT(*) AS c, is_final AS f FROM s GROUP BY k, TUMBLE(ts, INTERVAL 3 SECOND)) AS q GROUP BY f EMIT CHANGES",
		"SELECT window_start, COUNT(*) AS n, SUM(f) AS f, window_rev, is_final, is_complete FROM (SELECT window_end AS we, k, COUNT(*) AS c, CASE WHEN is_final THEN 1 ELSE 0 END AS f " +
			"FROM s GROUP BY k, TUMBLE(ts, INTERVAL 2 SECOND)) GROUP BY TUMBLE(we, INTERVAL 2 SECOND) EMIT CHANGES",
		"SELECT window_end, SUM(c) AS c, window_rev, is_final FROM (SELECT window_time AS wt, is_final AS f, k, COUNT(*) AS c " +
			"FROM s GROUP BY k, HOP(ts, INTERVAL 1 SECOND, INTERVAL 2 SECOND)) GROUP BY HOP(wt, INTERVAL 2 SECOND, INTERVAL 4 SECOND) EMIT EVERY 500 MILLISECOND ALLOWED LATENESS INTERVAL 3 SECOND",
		ordered,
	}
)

// ordered is a query whose result depends on the order of the log.
const ordered = "SELECT window_start, window_end, k, COUNT(*) AS c, SUM(n) AS s, MIN(x) AS x FROM s GROUP BY k, COUNT_WINDOW(6, 4)"

// randomShapes are queries over queries: groups of groups, windows over windows,
// unions of several scans. %[1]s is a filter.
func randomShapes() []string {
	const (
		perKey = "(SELECT window_start, window_end, window_time, k, COUNT(*) AS c, SUM(d) AS s FROM s%[1]s GROUP BY k, TUMBLE(ts, INTERVAL 5 SECOND)) AS q"
		hops   = "(SELECT window_start, window_end, window_time, k, COUNT(*) AS c, SUM(d) AS s FROM s%[1]s GROUP BY k, HOP(ts, INTERVAL 2 SECOND, INTERVAL 6 SECOND)) AS q"
		two    = "(SELECT k, n, d, ts FROM s%[1]s UNION ALL SELECT 'u', -n, d, ts FROM s WHERE n > 5) AS q"
		counts = "(SELECT k, COUNT(*) AS c, SUM(d) AS s FROM s%[1]s GROUP BY k) AS q"
	)
	return []string{
		"SELECT window_start, window_end, MAX(c) AS most, SUM(s) AS s FROM " + perKey + " GROUP BY TUMBLE(window_time, INTERVAL 20 SECOND)",
		"SELECT window_start, window_end, k, MAX(c) AS most, SUM(s) AS s FROM " + perKey + " GROUP BY k, HOP(window_start, INTERVAL 5 SECOND, INTERVAL 15 SECOND)",
		"SELECT window_start, window_end, MAX(c) AS most, SUM(s) AS s FROM " + perKey + " GROUP BY TUMBLE(window_end, INTERVAL 20 SECOND) EMIT CHANGES",
		"SELECT window_start, window_end, MAX(c) AS most, SUM(s) AS s FROM " + hops + " GROUP BY window_start, window_end",
		"SELECT window_start, k, SUM(c) AS most, COUNT(*) AS w FROM " + hops + " GROUP BY k, TUMBLE(window_start, INTERVAL 7 SECOND)",
		"SELECT window_end, SUM(c) AS c FROM " + hops + " GROUP BY window_end EMIT CHANGES",
		"SELECT c, COUNT(*) AS keys_, SUM(s) AS s FROM " + counts + " GROUP BY c",
		"SELECT COUNT(*) AS n, MAX(c) AS most, MIN(s) AS low FROM " + counts,
		"SELECT k, MAX(c) AS most FROM " + perKey + " GROUP BY k",
		"SELECT DISTINCT k, n % 5 AS m FROM s%[1]s",
		"SELECT window_start, window_end, k, g, COUNT(*) AS c, SUM(d) AS s, GROUPING(k, g) AS gr FROM s%[1]s GROUP BY ROLLUP(k, g), HOP(ts, INTERVAL 3 SECOND, INTERVAL 6 SECOND)",
		"SELECT k, g, COUNT(*) AS c, MAX(n) AS m FROM s%[1]s GROUP BY CUBE(k, g)",
		"SELECT DISTINCT c FROM " + counts,
		"SELECT k, n, ts FROM " + two + " WHERE n > -40",
		"SELECT window_start, window_end, k, COUNT(*) AS c, SUM(d) AS s FROM " + two + " GROUP BY k, TUMBLE(ts, INTERVAL 5 SECOND)",
		"SELECT window_start, window_end, COUNT(*) AS c, SUM(d) AS s FROM " + two + " GROUP BY HOP(ts, INTERVAL 3 SECOND, INTERVAL 9 SECOND) EMIT CHANGES",
		"SELECT k, COUNT(*) AS c FROM " + two + " GROUP BY k",
		"SELECT k FROM s%[1]s UNION SELECT CONCAT(k, n % 3) FROM s",
		"SELECT k, COUNT(*) AS c FROM s%[1]s GROUP BY k UNION ALL SELECT 'all', COUNT(*) FROM s UNION ALL SELECT k, n FROM s WHERE n > 30",
		"SELECT window_end, COUNT(*) AS c FROM s%[1]s GROUP BY TUMBLE(ts, INTERVAL 4 SECOND) UNION ALL SELECT window_end, MAX(c) FROM " + perKey + " GROUP BY TUMBLE(window_time, INTERVAL 10 SECOND)",
	}
}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

// randomQueries returns n different queries over the stream of the world.
func randomQueries(r *rand.Rand, n int) []string {
	var out []string
	for len(out) < n {
		q := randomQuery(r)
		if !slices.Contains(out, q) {
			out = append(out, q)
		}
	}
	return out
}

func randomQuery(r *rand.Rand) string {
	switch r.IntN(11) {
	case 0:
		return pick(r, randomWhole)
	case 8, 9, 10:
		return fmt.Sprintf(strings.ReplaceAll(strings.ReplaceAll(pick(r, randomShapes()), "%", "%%"), "%%[1]s", "%[1]s"), pick(r, randomFilters))
	case 1, 2:
		return grouped(r, pick(r, []string{"", "", " EMIT EVERY 400 MILLISECOND"}))
	}
	return overWindow(r, pick(r, randomWindows), pick(r, randomEmits))
}

// someAggregates is one to four entries of a select list.
func someAggregates(r *rand.Rand, from []string) string {
	var list []string
	for i := range 1 + r.IntN(4) {
		list = append(list, fmt.Sprintf("%s AS a%d", pick(r, from), i))
	}
	return strings.Join(list, ", ")
}

// grouped is a query without a window.
func grouped(r *rand.Rand, emit string) string {
	key := pick(r, randomKeys)
	q := "SELECT " + comma(key) + someAggregates(r, randomAggregates) + " FROM s" + pick(r, randomFilters)
	if key != "" {
		q += " GROUP BY " + key
	}
	return q + emit
}

// overWindow is a query with a window.
func overWindow(r *rand.Rand, window, emit string) string {
	key := pick(r, randomKeys)
	marks := ""
	switch limited := strings.HasPrefix(window, "STAGGER") || strings.Count(window, "INTERVAL") > 1; {
	case r.IntN(3) > 0:
	case !strings.HasPrefix(window, "SESSION") && !strings.HasPrefix(window, "STAGGER"):
		marks = ", window_rev, is_final, is_complete"
	case !limited:
		marks = ", is_final"
	}
	return "SELECT window_start, window_end, " + comma(key) + someAggregates(r, randomAggregates) + marks + " FROM s" + pick(r, randomFilters) +
		" GROUP BY " + comma(key) + window + emit
}

func comma(key string) string {
	if key == "" {
		return ""
	}
	return key + ", "
}

var shardSeeds = flag.Int("shards.seeds", 40, "logs that TestShardCounts tries")

// TestShardCounts is what the number of shards must not change: where no row is
// late and no two rows of a key have one time, the rows that are left in the end
// are the same. (DOUBLEs are added in the order of the log, which differs, and
// ANY_VALUE takes the first of it; when a window fires, and so what revises it, is
// told by the shards' watermarks.)
func TestShardCounts(t *testing.T) {
	for seed := *determinismFirst; seed < *determinismFirst+uint64(*shardSeeds); seed++ {
		asked := randomQueries(rand.New(rand.NewPCG(seed, 5)), 3)
		asked = slices.DeleteFunc(asked, func(q string) bool { return q == ordered }) // which shards change
		for i, q := range asked {
			asked[i] = strings.NewReplacer("SUM(x)", "SUM(d)", "AVG(x)", "AVG(d)", "CORR(n, d)", "SUM(n)", "ANY_VALUE", "MIN", ", window_rev", "").Replace(q)
		}
		var want [][]string
		for _, shards := range []int{1, 2, 7} {
			got := overShards(t, seed, shards, asked)
			if want == nil {
				want = got
			}
			for i := range asked {
				if diff := cmp.Diff(want[i], got[i]); diff != "" {
					t.Fatalf("seed %d, %d shards instead of 1 (-1 +%d)\n%s\n%s", seed, shards, shards, asked[i], diff)
				}
			}
		}
	}
}

// overShards returns what queries leave over one set of records in so many shards.
func overShards(t *testing.T, seed uint64, shards int, asked []string) [][]string {
	t.Helper()
	c := &clock{}
	c.micros.Store(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).UnixMicro())
	p := openPlace(t, t.TempDir(), c)
	defer p.close()
	w := &world{t: t, place: p, clock: c, delay: 10 * time.Second}
	w.create(shards, "idle_timeout = '0'")
	r := rand.New(rand.NewPCG(seed, 6)) // the same records whatever the shards
	at, taken := c.now().Add(-time.Minute), map[time.Time]bool{}
	for range 12 {
		c.move(50 * time.Millisecond)
		rows := make([][]string, shards)
		for range 10 + r.IntN(20) {
			at = at.Add(time.Duration(1+r.IntN(400)) * time.Millisecond)
			ts := at.Add(-time.Duration(r.IntN(9)) * time.Second)
			for taken[ts] {
				ts = ts.Add(time.Millisecond)
			}
			taken[ts] = true
			row := record(r, ts.Format(`"2006-01-02 15:04:05.000"`))
			key := row[:strings.IndexByte(row, ',')]
			shard := 0
			for _, b := range []byte(key) {
				shard = (shard*31 + int(b)) % shards
			}
			rows[shard] = append(rows[shard], row)
		}
		var blocks []wal.Block
		for i, list := range rows {
			if len(list) > 0 {
				blocks = append(blocks, w.block(stream.Shard(i), list))
			}
		}
		w.append(blocks)
	}
	w.end()
	last, _ := p.log.Head()
	var out [][]string
	for _, q := range asked {
		e := p.begin(q, how{start: "earliest"})
		e.reach(t, last)
		e.end(t)
		if l := e.query.Ledger(); l.Late > 0 {
			t.Fatalf("seed %d: %d rows are late, and none should be", seed, l.Late)
		}
		out = append(out, e.out.content(t))
	}
	return out
}

//go:build linux

package app

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"weir/operators/sinks/sinktest"
)

var (
	acceptBytes = flag.Int64("accept.bytes", 20_000_000, "size of the file that TestAccept sends")
	acceptKills = flag.Int("accept.kills", 1, "how often TestAccept kills the server meanwhile")
	acceptNth   = flag.Int("accept.nth", 10, "TestAccept's filter lets one row of so many through")
)

const (
	acceptKeys = 500
	// acceptMemory is what the server may take, in bytes.
	acceptMemory = 500e6
	// acceptLarge is a file that takes long enough to see everything.
	acceptLarge = 500_000_000
)

// acceptKey names what a row of the aggregate is about.
type acceptKey struct {
	window int64 // start, in seconds since the epoch
	key    int
}

type acceptSum struct{ n, total int64 }

// order is what TestAccept sends, and what must come of it.
type order struct {
	path   string
	rows   int
	sums   map[acceptKey]acceptSum
	picked int // rows that go through the filter: ids divisible by acceptNth
}

// writeOrders writes rows of about 200 bytes, 10,000 for each second of event time
// and up to half a second out of order.
func writeOrders(t testing.TB, size int64) *order {
	t.Helper()
	o := &order{path: filepath.Join(t.TempDir(), "orders.jsonl"), sums: make(map[acceptKey]acceptSum)}
	f, err := os.Create(o.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	const begin = 1_795_168_800_000 // 2026-11-20 10:00:00
	note := strings.Repeat("as good as new, to be left at the door ", 3)
	var line []byte
	for written := int64(0); written < size; o.rows++ {
		id := int64(o.rows)
		key, cents := int(id*7919%acceptKeys), id*31%1000
		at := begin + id/10 - id*13%500
		line = append(line[:0], `{"id":`...)
		line = strconv.AppendInt(line, id, 10)
		line = append(line, `,"item":"item-`...)
		line = strconv.AppendInt(line, int64(key), 10)
		line = append(line, `","cents":`...)
		line = strconv.AppendInt(line, cents, 10)
		line = append(line, `,"ts":`...)
		line = strconv.AppendInt(line, at, 10)
		line = append(line, `,"note":"`...)
		line = append(line, note[:len(note)-int(id%17)]...)
		line = append(line, "\"}\n"...)
		if _, err := w.Write(line); err != nil {
			t.Fatal(err)
		}
		written += int64(len(line))
		k := acceptKey{at / 10_000 * 10, key}
		s := o.sums[k]
		o.sums[k] = acceptSum{s.n + 1, s.total + cents}
		if id%int64(*acceptNth) == 0 {
			o.picked++
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return o
}

const acceptSQL = `CREATE STREAM orders (id BIGINT, item VARCHAR, cents BIGINT, ts DATETIME(3), note VARCHAR, WATERMARK FOR ts AS ts - INTERVAL 2 SECOND)
	WITH (shards = 2, partition_key = 'item', idle_timeout = '0');
CREATE MATERIALIZED VIEW per_item AS
	SELECT window_start, item, COUNT(*) AS n, SUM(cents) AS total FROM orders GROUP BY item, TUMBLE(ts, INTERVAL 10 SECOND);
CREATE MATERIALIZED VIEW picked AS SELECT id, item, cents FROM orders WHERE id %% %[3]d = 0;
CREATE SINK f_items FROM per_item WITH (connector = 'file', path = 'items', roll_interval = '1s');
CREATE SINK f_picked FROM picked WITH (connector = 'file', path = 'picked', roll_interval = '1s');
CREATE SINK p_items FROM per_item WITH (connector = 'postgres', url = '%[1]s', table = 'items');
CREATE SINK p_picked FROM picked WITH (connector = 'postgres', url = '%[1]s', table = 'picked');
CREATE SINK i_items FROM per_item WITH (connector = 'influxdb', url = 'http://%[2]s', db = 'weir', measurement = 'items')`

// watchRates notes on the page which rates of the tree move, and how often the
// panel's picture changes.
const watchRates = `(window.seen = {}, window.drawn = new Set(), setInterval(() => {
	for (const leaf of document.querySelectorAll('[data-testid=leaf]')) {
		const rate = leaf.querySelector('[data-testid=rate]');
		if (rate) (window.seen[leaf.dataset.key] ??= new Set()).add(rate.textContent);
	}
	const c = document.querySelector('[data-testid=panel] [data-points]');
	if (c && +c.dataset.points > 0) window.drawn.add(c.dataset.version + '/' + c.dataset.points);
}, 50), true)`

// memory returns the most that a process has had in memory, in bytes.
func (c *child) memory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kb int64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		c.t.Fatalf("VmHWM: %v", err)
	}
	return kb << 10
}

// TestAccept sends a file with `weir put` while the page is open and five sinks
// write, and kills the server in between. Afterwards views, files and PostgreSQL
// hold each row once, and InfluxDB the right values. -accept.bytes is the size.
func TestAccept(t *testing.T) {
	postgres, influx := sinktest.Postgres(t, ""), sinktest.Influx(t)
	o := writeOrders(t, *acceptBytes)
	dir, files, port := t.TempDir(), t.TempDir(), freePort(t)
	s := startServer(t, dir, port, "--files", files)
	s.sql(fmt.Sprintf(acceptSQL, postgres.URL(), influx.Addr, *acceptNth))

	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(s.url)); err != nil {
		t.Fatal(err)
	}
	typeAndRun(t, ctx, "SELECT window_start, COUNT(*) AS orders FROM orders GROUP BY TUMBLE(ts, INTERVAL 2 SECOND)")
	await(t, ctx, "the tree has everything", `document.querySelectorAll('[data-testid=leaf]').length >= 8`)
	do(t, ctx, watchRates)

	began := time.Now()
	put := startPut(t, "orders", o.path, s.url)
	var peak int64
	for kill := range *acceptKills {
		s.stored(max(1, o.rows*kill/(*acceptKills+1)))
		peak = max(peak, s.memory())
		s.kill()
		s = startServer(t, dir, port, "--files", files)
	}
	put.wait(t, o.rows)
	sent := time.Since(began)
	if status, body := post(t, s.url+"/v1/streams/orders/end", "", "", nil); status != http.StatusOK {
		t.Fatalf("end: %d %s", status, body)
	}
	s.delivered("f_items", "f_picked", "p_items", "p_picked", "i_items")
	all := time.Since(began)
	await(t, ctx, "the panel shows the stream's end", fmt.Sprintf(`+document.querySelector('[data-testid=panel] [data-points]')?.dataset.points >= %d`, min(20, o.rows/20_000)))
	peak = max(peak, s.memory())

	sending := peak // what is read below makes more of it
	checkItems(t, s, o, files, postgres, influx)
	checkPicked(t, s, o, files, postgres)
	rates, pictures := 2, 1 // a small file has been sent before all rates, which are those of a second, are on the page
	if *acceptBytes >= acceptLarge {
		rates, pictures = 9, 10
	}
	await(t, ctx, "the rates of the tree move", fmt.Sprintf(`Object.values(window.seen).filter(s => s.size > 1).length >= %d && window.drawn.size >= %d`, rates, pictures))
	moved, drawn := moving(t, ctx)
	peak = max(peak, s.memory())
	if peak > acceptMemory {
		t.Errorf("the server took %d MB of memory", peak/1e6)
	}
	t.Logf("%d MB, %d rows: sent in %.1f s (%.0f rows/s), delivered to 5 sinks in %.1f s, peak memory %d MB (%d with all rows read back), rates moved of %v, the chart changed %d times, %d rows in views, %d points, %d restarts",
		*acceptBytes/1e6, o.rows, sent.Seconds(), float64(o.rows)/sent.Seconds(), all.Seconds(), sending/1e6, peak/1e6, moved, drawn, o.picked+len(o.sums), len(o.sums), *acceptKills)
}

// stored waits until the stream has so many rows.
func (c *child) stored(rows int) {
	c.t.Helper()
	for until := time.Now().Add(time.Minute); c.metric(`weir_stream_records_total{stream="orders"}`) < float64(rows); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			c.t.Fatalf("%d rows do not come", rows)
		}
	}
}

// putRun is a `weir put` in a process of its own.
type putRun struct {
	cmd  *exec.Cmd
	out  strings.Builder
	done chan error
	once sync.Once
}

func startPut(t testing.TB, stream, path, url string) *putRun {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &putRun{cmd: exec.Command(exe, "put", stream, path, "--url", url), done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), asWeir+"=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() { p.once.Do(func() { _ = p.cmd.Process.Kill(); <-p.done }) })
	return p
}

// wait waits until everything was sent.
func (p *putRun) wait(t testing.TB, rows int) {
	t.Helper()
	var err error
	select {
	case err = <-p.done:
		p.once.Do(func() {})
	case <-time.After(5 * time.Minute):
		t.Fatal("put does not end")
	}
	if err != nil || !strings.Contains(strings.ReplaceAll(p.out.String(), ",", ""), fmt.Sprintf("%d rows stored", rows)) {
		t.Fatalf("put: %v\n%s", err, p.out.String())
	}
	if !strings.Contains(p.out.String(), "waiting: ") && *acceptKills > 0 {
		if *acceptBytes >= acceptLarge {
			t.Error("the server was killed when nothing was under way: the test shows nothing")
		}
		t.Log("the file was sent before the server was killed: it went on from what it had")
	}
}

// moving returns the leaves of the tree whose rate changed, and how often the
// panel did.
func moving(t testing.TB, ctx context.Context) (leaves []string, drawn int) {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`JSON.stringify({drawn: window.drawn.size,
		leaves: Object.entries(window.seen).filter(([, s]) => s.size > 1).map(([k]) => k)})`))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Drawn  int
		Leaves []string
	}
	if err := json.Unmarshal([]byte(got), &m); err != nil {
		t.Fatal(err)
	}
	slices.Sort(m.Leaves)
	return m.Leaves, m.Drawn
}

// items are the rows of the aggregate as one of those who hold them has them.
type items struct {
	t    testing.TB
	who  string
	rows map[acceptKey]acceptSum
}

func newItems(t testing.TB, who string) *items {
	return &items{t: t, who: who, rows: make(map[acceptKey]acceptSum)}
}

func (i *items) add(window int64, item, n, total string) {
	key, err := strconv.Atoi(strings.TrimPrefix(item, "item-"))
	k := acceptKey{window, key}
	var s acceptSum
	if err == nil {
		_, err = fmt.Sscan(n+" "+total, &s.n, &s.total)
	}
	if _, twice := i.rows[k]; err != nil || twice {
		i.t.Fatalf("%s: row %d %s %s %s, twice: %t, %v", i.who, window, item, n, total, twice, err)
	}
	i.rows[k] = s
}

func (i *items) check(o *order) {
	i.t.Helper()
	if len(i.rows) != len(o.sums) {
		i.t.Errorf("%s has %d rows of %d", i.who, len(i.rows), len(o.sums))
	}
	for k, want := range o.sums {
		if got := i.rows[k]; got != want {
			i.t.Errorf("%s: window %d, item %d: %v, want %v", i.who, k.window, k.key, got, want)
			return
		}
	}
}

func seconds(t testing.TB, text string) int64 {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", text[:min(len(text), 19)])
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

func checkItems(t testing.TB, s *child, o *order, files string, postgres, influx *sinktest.Server) {
	t.Helper()
	view := newItems(t, "the view")
	for _, r := range s.sql("SELECT window_start, item, n, total FROM per_item") {
		view.add(seconds(t, r[0].(string)), r[1].(string), fmt.Sprint(r[2]), fmt.Sprint(r[3]))
	}
	view.check(o)
	table := newItems(t, "PostgreSQL")
	for _, r := range askPostgres(t, postgres.URL(), "SELECT extract(epoch FROM window_start)::bigint, item, n, total FROM items") {
		at, err := strconv.ParseInt(r[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		table.add(at, r[1], r[2], r[3])
	}
	table.check(o)
	points := newItems(t, "InfluxDB")
	for _, r := range askInflux(t, influx.Addr, "weir", `SELECT "item", "n", "total" FROM "items"`) {
		us, err := r[0].(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		points.add(us/1e6, r[1].(string), fmt.Sprint(r[2]), fmt.Sprint(r[3]))
	}
	points.check(o)
	written := newItems(t, "the files")
	eachLine(t, filepath.Join(files, "items"), func(line []byte) {
		var r struct {
			At       string `json:"window_start"`
			Item     string
			N, Total json.Number
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		written.add(seconds(t, strings.Replace(r.At, "T", " ", 1)), r.Item, r.N.String(), r.Total.String())
	})
	written.check(o)
}

// eachLine reads the finished files of a directory.
func eachLine(t testing.TB, dir string, f func(line []byte)) {
	t.Helper()
	for _, name := range parts(t, dir) {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			f(lines.Bytes())
		}
		file.Close()
		if lines.Err() != nil {
			t.Fatal(lines.Err())
		}
	}
}

// ids notes which rows of the filter somebody holds.
type ids struct {
	t    testing.TB
	who  string
	seen []bool
	n    int
}

func newIDs(t testing.TB, who string, o *order) *ids {
	return &ids{t: t, who: who, seen: make([]bool, (o.rows+*acceptNth-1) / *acceptNth)}
}

func (d *ids) add(text, cents string) {
	id, err := strconv.Atoi(text)
	if err != nil || id < 0 || id%*acceptNth != 0 || id / *acceptNth >= len(d.seen) || d.seen[id / *acceptNth] || cents != strconv.Itoa(id*31%1000) {
		d.t.Fatalf("%s: row %q with %s cents is wrong or there twice (%v)", d.who, text, cents, err)
	}
	d.seen[id / *acceptNth] = true
	d.n++
}

func (d *ids) check(o *order) {
	d.t.Helper()
	if d.n != o.picked {
		d.t.Errorf("%s has %d rows of %d", d.who, d.n, o.picked)
	}
}

func checkPicked(t testing.TB, s *child, o *order, files string, postgres *sinktest.Server) {
	t.Helper()
	view := newIDs(t, "the view", o)
	for _, r := range s.sql("SELECT id, cents FROM picked") {
		view.add(fmt.Sprint(r[0]), fmt.Sprint(r[1]))
	}
	view.check(o)
	table := newIDs(t, "PostgreSQL", o)
	for _, r := range askPostgres(t, postgres.URL(), "SELECT id, cents FROM picked") {
		table.add(r[0], r[1])
	}
	table.check(o)
	written := newIDs(t, "the files", o)
	eachLine(t, filepath.Join(files, "picked"), func(line []byte) {
		var r struct{ ID, Cents json.Number }
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		written.add(r.ID.String(), r.Cents.String())
	})
	written.check(o)
}

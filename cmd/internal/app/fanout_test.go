package app

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

var (
	fans     = flag.Int("fans", 60, "subscribers in TestFanOut")
	fansTime = flag.Duration("fans.time", 2*time.Second, "how long TestFanOut measures")
)

// crowd is subscribers of one view, some of which measure how old a row is when
// it comes.
type crowd struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	ages []time.Duration
	on   bool
}

// follow subscribes copies times over one connection. A stalled one never reads.
func (c *crowd) follow(ctx context.Context, t *testing.T, s *child, sql string, copies int, measure, stall bool) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"weir.v1"}, HandshakeTimeout: 20 * time.Second}
	d.NetDialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil && stall {
			err = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return conn, err
	}
	ws, resp, err := d.DialContext(ctx, strings.Replace(s.url, "http", "ws", 1)+"/v1/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for i := range copies {
		if err := ws.WriteJSON(map[string]any{"t": "sub", "id": strconv.Itoa(i), "sql": sql, "max_hz": 10}); err != nil {
			t.Fatal(err)
		}
	}
	context.AfterFunc(ctx, func() { ws.UnderlyingConn().Close() })
	if stall {
		return
	}
	c.wg.Go(func() {
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("a subscriber that reads is cut off: %v", err)
				}
				return
			}
			if measure {
				c.measure(data)
			}
		}
	})
}

// measure notes the age of the youngest row of a change.
func (c *crowd) measure(data []byte) {
	if !bytes.HasPrefix(data, []byte(`{"t":"delta"`)) {
		return
	}
	_, column, ok := bytes.Cut(data, []byte(`"cols":[[`))
	column, _, more := bytes.Cut(column, []byte(`]]`))
	newest := int64(0)
	for _, v := range bytes.Split(column[bytes.LastIndexByte(column, '[')+1:], []byte(",")) {
		at, err := strconv.ParseInt(string(v), 10, 64)
		ok = ok && more && err == nil
		newest = max(newest, at)
	}
	if !ok {
		return
	}
	age := time.Since(time.UnixMilli(newest))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on {
		c.ages = append(c.ages, age)
	}
}

// phase measures for a while.
func (c *crowd) phase(t *testing.T, s *child, name string, d time.Duration) (p99 time.Duration) {
	c.mu.Lock()
	c.ages, c.on = nil, true
	c.mu.Unlock()
	before, begin := cpuTime(t, s), time.Now()
	time.Sleep(d)
	share := float64(cpuTime(t, s)-before) / float64(time.Since(begin))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = false
	if len(c.ages) == 0 {
		t.Fatalf("%s: nothing came", name)
	}
	slices.Sort(c.ages)
	p99 = c.ages[len(c.ages)*99/100]
	t.Logf("%s: server at %.1f %% of a core; age of a row on arrival p50 %v, p99 %v (%d measured)", name,
		100*share, c.ages[len(c.ages)/2].Round(time.Millisecond), p99.Round(time.Millisecond), len(c.ages))
	return p99
}

// cpuTime is what the server's process has used.
func cpuTime(t *testing.T, s *child) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		t.Skipf("SKIPPED, no /proc: %v", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// TestFanOut: many subscribers of one view at 10 Hz; then a tenth of them stall,
// and the others do not notice. -fans and -fans.time set how many and how long.
func TestFanOut(t *testing.T) {
	const paths = 300
	s := startServer(t, t.TempDir(), freePort(t))
	s.sql(hits)
	s.sql("CREATE MATERIALIZED VIEW latest AS SELECT path, COUNT(*) AS n, MAX(ms) AS at FROM hits GROUP BY path")
	ctx, cancel := context.WithCancel(t.Context())
	c := new(crowd)
	defer c.wg.Wait()
	defer cancel()
	c.wg.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			var b strings.Builder
			now := time.Now().UnixMilli()
			for p := i % 2; p < paths; p += 2 {
				fmt.Fprintf(&b, `{"path":"/page/%d","ms":%d,"ts":"2026-11-20 10:00:00"}`+"\n", p, now)
			}
			if status, body := post(t, s.url+"/v1/streams/hits/records", "", b.String(), nil); status != http.StatusOK {
				t.Errorf("status %d: %s", status, body)
				return
			}
		}
	})
	const sql = "SELECT path, n, at FROM latest"
	stalled := *fans / 10
	for i := range *fans - stalled {
		c.follow(ctx, t, s, sql, 1, i%max(1, *fans/50) == 0, false)
	}
	time.Sleep(*fansTime / 2) // the snapshots are over
	quiet := c.phase(t, s, fmt.Sprintf("%d subscribers", *fans-stalled), *fansTime)
	for range stalled {
		c.follow(ctx, t, s, sql, 4, false, true)
	}
	time.Sleep(*fansTime / 2)
	busy := c.phase(t, s, fmt.Sprintf("and %d that stall", stalled), *fansTime)
	most := quiet*12/10 + 10*time.Millisecond
	if *fansTime < 10*time.Second { // too short to tell noise from a stall
		most = 2*quiet + time.Second
	}
	if busy > most {
		t.Errorf("p99 went from %v to %v, more than %v", quiet, busy, most)
	}
	for _, line := range strings.Split(metricsOf(t, s), "\n") {
		if strings.HasPrefix(line, "weir_websocket_") {
			t.Log(line)
		}
	}
}

func metricsOf(t *testing.T, s *child) string {
	resp, body := request(t, "GET", s.url+"/metrics", "", func(*http.Request) {})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("metrics: %s", resp.Status)
	}
	return body
}

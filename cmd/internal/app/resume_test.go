package app

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

var drops = flag.Int("drops", 30, "connections that TestDropped loses for each subscriber")

// frame is any message of a subscription.
type frame struct {
	T, ID, Op, Tok, Reason, Message string
	N                               int
	More, Resumed                   bool
	Cols                            json.RawMessage
}

// keeper keeps a table by the messages of one subscription, as a careful client
// does, and counts what does not fit it.
type keeper struct {
	t    *testing.T
	url  atomic.Pointer[string]
	sql  string
	rnd  *rand.Rand
	ws   *websocket.Conn
	most int     // messages that it reads between two losses
	part []frame // of a change or a snapshot that is not complete
	at   *contents

	mu                       sync.Mutex
	table                    map[string]string // first column -> the row
	tok                      string
	gaps, duplicates         int
	resumed, resets, snaps   int
	connections, deltas, got int
}

// contents is what the subscribers of one statement have at each token, whichever
// way they came there. They have to agree.
type contents struct {
	mu            sync.Mutex
	by            map[string]string // token -> the rows
	agree, differ int
}

// see compares a table with what another had at the token. It returns the other's
// if they differ.
func (c *contents) see(tok string, table map[string]string) (other string) {
	rows := strings.Join(sorted(table), "\n")
	c.mu.Lock()
	defer c.mu.Unlock()
	switch have, ok := c.by[tok]; {
	case !ok:
		c.by[tok] = rows
	case have == rows:
		c.agree++
	default:
		c.differ++
		return "other than\n" + have + "\nis\n" + rows
	}
	return ""
}

// probe subscribes anew again and again until stop: the content that it is given
// is the result at its token, which the others came to change by change.
func (k *keeper) probe(stop <-chan struct{}) {
	for {
		k.tok = ""
		k.connect()
		for before := k.snaps; k.snaps == before && k.read(); {
		}
		k.ws.UnderlyingConn().Close()
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// connect subscribes behind the token, as often as it takes.
func (k *keeper) connect() {
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		d := websocket.Dialer{Subprotocols: []string{"weir.v1"}, HandshakeTimeout: time.Minute}
		ws, resp, err := d.Dial(strings.Replace(*k.url.Load(), "http", "ws", 1)+"/v1/ws", nil)
		if err == nil {
			resp.Body.Close()
			k.ws, k.part = ws, nil
			sub := map[string]any{"t": "sub", "id": "a", "sql": k.sql, "start": "earliest", "max_hz": []int{0, 0, 20, 60}[k.rnd.IntN(4)]}
			if k.tok != "" {
				sub["tok"] = k.tok
			}
			if ws.WriteJSON(sub) == nil {
				k.connections++
				return
			}
			ws.Close()
		}
		if time.Now().After(end) {
			k.t.Errorf("no connection: %v", err)
			return
		}
	}
}

// read takes one message; false: the connection is lost.
func (k *keeper) read() bool {
	_ = k.ws.SetReadDeadline(time.Now().Add(time.Minute))
	_, data, err := k.ws.ReadMessage()
	if err != nil {
		return false
	}
	var m frame
	if err := json.Unmarshal(data, &m); err != nil {
		k.t.Errorf("%v in %s", err, data)
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch m.T {
	case "schema":
		if m.Resumed {
			k.resumed++
		}
	case "reset":
		k.resets++
		k.t.Logf("%s: reset, %s: %s", k.sql, m.Reason, m.Message)
	case "error":
		k.t.Errorf("%s: %s", k.sql, m.Message)
	case "snap", "delta":
		if k.part = append(k.part, m); !m.More {
			k.apply()
			k.tok, k.part = m.Tok, nil
		}
	case "mark":
		k.tok = m.Tok
	}
	if k.at != nil && k.tok != "" && len(k.part) == 0 && (m.T == "snap" || m.T == "delta" || m.T == "mark") {
		if other := k.at.see(k.tok, k.table); other != "" {
			k.t.Errorf("%s, at %s after a %s: %s", k.sql, k.tok, m.T, other)
		}
	}
	return true
}

// apply adds a whole change or snapshot up.
func (k *keeper) apply() {
	if k.part[0].T == "snap" {
		k.snaps++
		clear(k.table)
	} else {
		k.deltas++
	}
	for _, m := range k.part {
		var cols [][]any
		dec := json.NewDecoder(strings.NewReader(string(m.Cols)))
		dec.UseNumber()
		if err := dec.Decode(&cols); err != nil {
			k.t.Errorf("%v in %s", err, m.Cols)
		}
		for i := range m.N {
			row := make([]any, len(cols))
			for c := range cols {
				row[c] = cols[c][i]
			}
			k.row(m, i, fmt.Sprint(row[0]), fmt.Sprint(row))
		}
	}
}

func (k *keeper) row(m frame, i int, key, row string) {
	k.got++
	op := byte('i')
	if m.Op != "" {
		op = m.Op[i]
	}
	old, has := k.table[key]
	switch {
	case op == 'i' && has, op == 'u' && old == row:
		k.duplicates++
	case op != 'i' && !has:
		k.gaps++
	}
	if k.table[key] = row; op == 'd' {
		delete(k.table, key)
	}
}

// run loses its connection so many times, and then stays connected until stop.
func (k *keeper) run(times int, lost func(), stop <-chan struct{}) {
	for range times {
		k.connect()
		for n := k.rnd.IntN(k.most); n > 0 && k.read(); n-- {
		}
		k.ws.UnderlyingConn().Close()
		lost()
	}
	for {
		k.connect()
		closed := make(chan struct{})
		go func(ws *websocket.Conn) {
			select {
			case <-stop:
				ws.UnderlyingConn().Close()
			case <-closed:
			}
		}(k.ws)
		for k.read() {
		}
		close(closed)
		select {
		case <-stop:
			return
		default:
		}
	}
}

func (k *keeper) content() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.table)
}

// TestDropped: subscribers that lose their connections all the time, while the
// server is killed twice, keep a table that is the result, by going on behind
// their tokens. -drops sets how often.
func TestDropped(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	s := startServer(t, dir, port)
	s.sql(hits)
	s.sql("CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n, SUM(ms) AS total FROM hits GROUP BY path HAVING COUNT(*) % 7 <> 3")
	queries := []string{
		"SELECT path, n, total FROM totals WHERE n % 5 <> 2",
		"SELECT path, COUNT(*) AS n, SUM(ms) AS total FROM hits GROUP BY path",
		"SELECT path, n, total FROM totals ORDER BY n DESC, path LIMIT 5",
	}
	var keepers []*keeper
	var running sync.WaitGroup
	stop, left := make(chan struct{}), make(chan struct{}, len(queries)**drops)
	for i, q := range queries {
		most := 8
		if strings.Contains(q, "ORDER BY") { // comes four times a second
			most = 4
		}
		k := &keeper{t: t, sql: q, most: most, rnd: rand.New(rand.NewPCG(uint64(i), 9)), table: map[string]string{}, at: &contents{by: map[string]string{}}}
		k.url.Store(&s.url)
		steady := &keeper{t: t, sql: q, rnd: rand.New(rand.NewPCG(uint64(i), 10)), table: map[string]string{}, at: k.at}
		probe := &keeper{t: t, sql: q, rnd: rand.New(rand.NewPCG(uint64(i), 11)), table: map[string]string{}, at: k.at}
		steady.url.Store(&s.url)
		probe.url.Store(&s.url)
		running.Go(func() { steady.run(0, nil, stop) })
		running.Go(func() { probe.probe(stop) })
		keepers = append(keepers, k)
		running.Go(func() { k.run(*drops, func() { left <- struct{}{} }, stop) })
	}
	rnd, sent := rand.New(rand.NewPCG(7, 7)), 0
	for lost, kills := 0, 0; lost < cap(left); {
		if kills < 2 && lost > (kills+1)*cap(left)/3 {
			kills++
			s.kill()
			s = startServer(t, dir, port)
		}
		var b strings.Builder
		for range 1 + rnd.IntN(9) {
			fmt.Fprintf(&b, `{"path":"/%d","ms":%d,"ts":"2026-11-20 10:00:00"}`+"\n", rnd.IntN(40), rnd.IntN(100))
			sent++
		}
		if status, body := post(t, s.url+"/v1/streams/hits/records", "", b.String(), nil); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, body)
		}
		for more := true; more; {
			select {
			case <-left:
				lost++
			case <-time.After(time.Millisecond):
				more = false
			}
		}
	}
	for _, k := range keepers {
		k.settle(s)
	}
	close(stop)
	running.Wait()
	for _, k := range keepers {
		t.Logf("%s: %d connections, %d resumed, %d resets, %d snapshots, %d deltas with %d rows: %d gaps, %d duplicates",
			k.sql, k.connections, k.resumed, k.resets, k.snaps, k.deltas, k.got, k.gaps, k.duplicates)
		if k.gaps+k.duplicates+k.resets > 0 {
			t.Errorf("%s: gaps, duplicates or resets", k.sql)
		}
		t.Logf("at %d tokens: %d times two tables were compared, %d differed", len(k.at.by), k.at.agree, k.at.differ)
		if k.at.agree < *drops {
			t.Errorf("%s: only %d times two subscribers were at one token", k.sql, k.at.agree)
		}
	}
	if keepers[0].snaps > *drops/10+1 || keepers[0].resumed == 0 {
		t.Errorf("the view came whole %d times, was gone on with %d times", keepers[0].snaps, keepers[0].resumed)
	}
	t.Logf("%d rows sent, %d connections lost, 2 kills", sent, cap(left))
}

// settle waits until the keeper's table is what a new subscriber of the same
// gets, and compares the tokens, and with SQL where the statement ends.
func (k *keeper) settle(s *child) {
	k.t.Helper()
	fresh := &keeper{t: k.t, sql: k.sql, rnd: rand.New(rand.NewPCG(1, 1)), table: map[string]string{}}
	fresh.url.Store(&s.url)
	want := map[string]string{}
	if strings.Contains(k.sql, "FROM totals") {
		for _, row := range s.sql(k.sql) {
			want[fmt.Sprint(row[0])] = fmt.Sprint(row)
		}
	}
	fresh.connect()
	defer fresh.ws.Close()
	for fresh.snaps == 0 || (len(want) > 0 && !maps.Equal(fresh.table, want)) {
		if !fresh.read() {
			k.t.Fatalf("%s: a new subscriber has %v, want %v", k.sql, fresh.table, want)
		}
	}
	end := time.Now().Add(20 * time.Second)
	for !maps.Equal(k.content(), fresh.content()) {
		if time.Now().After(end) {
			k.t.Fatalf("%s: the table is\n%v, a new subscriber's\n%v", k.sql, sorted(k.content()), sorted(fresh.content()))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Values(m)) }

package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/gorilla/websocket"

	"weir/operators/stream"
)

func toTimestamps(us int64) []arrow.Timestamp { return []arrow.Timestamp{arrow.Timestamp(us)} }

// mirror is what a client has of a view: rows by key, or a bag with counts.
type mirror struct {
	key  []int
	rows map[string]row // keyed
	bag  map[row]int
	snap bool // the last snap said more
}

func newMirror(key []int) *mirror {
	return &mirror{key: key, rows: map[string]row{}, bag: map[row]int{}}
}

func (m *mirror) apply(t *testing.T, msg seen) {
	t.Helper()
	if msg.T == "snap" {
		if !m.snap {
			clear(m.rows)
			clear(m.bag)
		}
		m.snap = msg.More
	}
	var ts []float64
	var ks []string
	var ns []int64
	for i, into := range []any{&ts, &ks, &ns} {
		if err := json.Unmarshal(msg.Cols[i], into); err != nil {
			t.Fatalf("column %d: %v", i, err)
		}
	}
	if len(ts) != msg.N || len(ks) != msg.N || len(ns) != msg.N || (msg.Op != "" && len(msg.Op) != msg.N) {
		t.Fatalf("n is %d, columns have %d, %d, %d, op %q", msg.N, len(ts), len(ks), len(ns), msg.Op)
	}
	for i := range ts {
		r := row{ts: int64(ts[i] * 1000), k: ks[i], n: ns[i]}
		op := byte('i')
		if msg.Op != "" {
			op = msg.Op[i]
		}
		if m.key == nil {
			m.bag[r] += map[byte]int{'i': 1, 'd': -1}[op]
			if m.bag[r] == 0 {
				delete(m.bag, r)
			}
			continue
		}
		id := fmt.Sprint(r.ts, r.k)
		switch op {
		case 'd':
			delete(m.rows, id)
		default:
			m.rows[id] = r
		}
	}
}

// TestSnapshotPlusDeltas: whatever a source does, what a client adds up is the
// source's own relation.
func TestSnapshotPlusDeltas(t *testing.T) {
	for seed := range uint64(12) {
		for _, key := range [][]int{{0, 1}, nil} {
			t.Run(fmt.Sprintf("seed=%d,key=%v", seed, key), func(t *testing.T) {
				t.Parallel()
				snapshotPlusDeltas(t, rand.New(rand.NewPCG(seed, 1)), key)
			})
		}
	}
}

func snapshotPlusDeltas(t *testing.T, rnd *rand.Rand, key []int) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	sub := newFakeSub(key, false)
	_, url := serve(t, map[string]*fakeSub{"q": sub}, func(l *limits) {
		l.frameRows = 1 + rnd.IntN(9)
		l.pendingBytes = 1 + rnd.IntN(4000)
	})
	c := dial(t, url)
	c.say(map[string]any{"t": "sub", "id": "p1", "sql": "q", "max_hz": []int{0, 10, 60}[rnd.IntN(3)]})
	if m := c.want("schema"); m.Time == nil || *m.Time != "window_start" || len(m.Key) != len(key) {
		t.Fatalf("schema %+v", m)
	}
	model := newMirror(key)
	go func() {
		defer close(sub.updates)
		produce(rnd, mem, sub, model)
	}()
	seen := newMirror(key)
	first := true
	for {
		m, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if m.T == "done" {
			break
		}
		if first && m.T != "snap" {
			t.Fatalf("first comes %+v", m)
		}
		first = false
		if m.T == "error" {
			t.Fatalf("%+v", m)
		}
		if m.T != "mark" {
			seen.apply(t, m)
		}
	}
	if !maps.Equal(seen.rows, model.rows) || !maps.Equal(seen.bag, model.bag) {
		t.Errorf("client has %d/%d rows, source %d/%d", len(seen.rows), len(seen.bag), len(model.rows), len(model.bag))
	}
	mem.AssertSize(t, 0)
}

// produce sends a random history and keeps the model.
func produce(rnd *rand.Rand, mem memory.Allocator, sub *fakeSub, model *mirror) {
	snapshot := func() {
		clear(model.rows)
		clear(model.bag)
		var rows []row
		for range rnd.IntN(40) {
			r := row{int64(rnd.IntN(9)) * 1_500, fmt.Sprintf("p-%d", len(rows)), rnd.Int64N(100)}
			rows = append(rows, r)
			model.insert(r)
		}
		sub.send(Update{Kind: Snap, Batches: []stream.Batch{batchOf(mem, rows, nil)}, W: 5})
	}
	snapshot()
	for step := range 60 {
		switch rnd.IntN(12) {
		case 0:
			snapshot()
		case 1:
			sub.send(Update{Kind: Mark, W: stream.Time(step * 1000)})
		default:
			var batches []stream.Batch
			for range 1 + rnd.IntN(2) {
				rows, ops := randomChange(rnd, model)
				batches = append(batches, batchOf(mem, rows, ops))
			}
			sub.send(Update{Kind: Delta, Batches: batches, W: stream.Time(step * 1000)})
		}
		if rnd.IntN(4) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	sub.send(Update{Kind: Mark, W: stream.MaxTime})
}

func (m *mirror) insert(r row) {
	if m.key == nil {
		m.bag[r]++
		return
	}
	m.rows[fmt.Sprint(r.ts, r.k)] = r
}

func (m *mirror) remove(r row) {
	if m.key == nil {
		if m.bag[r]--; m.bag[r] == 0 {
			delete(m.bag, r)
		}
		return
	}
	delete(m.rows, fmt.Sprint(r.ts, r.k))
}

// randomChange makes deletes and inserts that fit the model, old before new.
func randomChange(rnd *rand.Rand, model *mirror) (rows []row, ops []stream.Op) {
	for range rnd.IntN(12) {
		r := row{int64(rnd.IntN(6)) * 1_000, fmt.Sprintf("k%d", rnd.IntN(5)), rnd.Int64N(50)}
		old, ok := model.rows[fmt.Sprint(r.ts, r.k)]
		if model.key == nil {
			for old = range model.bag {
				ok = rnd.IntN(2) == 0
				break
			}
		}
		if ok {
			rows, ops = append(rows, old), append(ops, stream.Delete)
			model.remove(old)
		}
		if !ok || rnd.IntN(3) > 0 {
			rows, ops = append(rows, r), append(ops, stream.Insert)
			model.insert(r)
		}
	}
	return rows, ops
}

func TestErrorsOfSubscriptions(t *testing.T) {
	_, url := serve(t, nil, nil)
	c := dial(t, url)
	c.sub("a", "SELECT devce FROM s")
	m := c.want("error")
	if m.ID != "a" || m.Code != "E1054" || len(m.Span) != 2 || m.Span[0] != 7 || m.Span[1] != 12 || m.Label == "" || m.Hint == "" {
		t.Errorf("error %+v", m)
	}
	c.sub("a", "panic") // the id is free again
	if m := c.want("error"); m.Code != "E9001" {
		t.Errorf("panic: %+v", m)
	}
	c.say(map[string]string{"t": "ping"})
	c.want("pong")
}

func TestBadMessages(t *testing.T) {
	h, url := serve(t, map[string]*fakeSub{"q": newFakeSub(nil, true)}, nil)
	tests := []struct {
		name, text string
		kind, code int
	}{
		{"no json", "{", websocket.TextMessage, CloseBadMessage},
		{"two values", `{"t":"ping"}{"t":"ping"}`, websocket.TextMessage, CloseBadMessage},
		{"unknown type", `{"t":"hack"}`, websocket.TextMessage, CloseBadMessage},
		{"binary", `{"t":"ping"}`, websocket.BinaryMessage, CloseBadMessage},
		{"no id", `{"t":"sub","sql":"q"}`, websocket.TextMessage, CloseBadMessage},
		{"long id", `{"t":"sub","id":"` + strings.Repeat("x", 65) + `","sql":"q"}`, websocket.TextMessage, CloseBadMessage},
		{"an array", `[]`, websocket.TextMessage, CloseBadMessage},
		{"no sql", `{"t":"sub","id":"x"}`, websocket.TextMessage, CloseBadMessage},
		{"wrong member", `{"t":"sub","id":7}`, websocket.TextMessage, CloseBadMessage},
		{"too long", `"` + strings.Repeat("x", 70_000) + `"`, websocket.TextMessage, websocket.CloseMessageTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, url)
			err := c.ws.WriteMessage(tt.kind, []byte(tt.text))
			if tt.code == websocket.CloseMessageTooBig && hungUp(err) {
				return // the server hung up before it had all
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.code == websocket.CloseMessageTooBig {
				// The server hangs up with bytes unread, so the reset of the
				// connection may overtake its goodbye.
				if _, err := c.read(); hungUp(err) {
					return
				} else if !websocket.IsCloseError(err, tt.code) {
					t.Errorf("closed with %v", err)
				}
				return
			}
			c.wantClose(tt.code)
		})
	}
	t.Run("id in use", func(t *testing.T) {
		c := dial(t, url)
		c.sub("p", "q")
		c.sub("p", "q")
		c.wantClose(CloseBadMessage)
	})
	if got := h.Stats().BadMessages; got != 10 {
		t.Errorf("%d bad messages counted", got)
	}
}

// hungUp tells whether the peer closed with bytes unread. The system says EPIPE where
// its goodbye was there before.
func hungUp(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func TestHandshake(t *testing.T) {
	_, url := serve(t, nil, nil)
	for _, tt := range []struct {
		name   string
		header http.Header
		protos []string
		status int
	}{
		{"another protocol", nil, []string{"graphql"}, http.StatusBadRequest},
		{"another origin", http.Header{"Origin": {"http://evil.example"}}, []string{Subprotocol}, http.StatusForbidden},
		{"no protocol", nil, nil, http.StatusSwitchingProtocols},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := websocket.Dialer{Subprotocols: tt.protos}
			ws, resp, err := d.Dial(url, tt.header)
			if resp == nil || resp.StatusCode != tt.status {
				t.Fatalf("%v %v", resp, err)
			}
			if ws != nil {
				ws.Close()
			}
		})
	}
}

func TestLimits(t *testing.T) {
	subs := map[string]*fakeSub{}
	for i := range 4 {
		subs[fmt.Sprint("q", i)] = newFakeSub(nil, true)
	}
	h, url := serve(t, subs, func(l *limits) { l.connections, l.subscriptions, l.subBurst, l.subsPerSecond = 2, 3, 6, 0.001 })
	c := dial(t, url)
	for i := range 4 {
		c.sub(fmt.Sprint(i), fmt.Sprint("q", i))
	}
	refused := 0
	for range 4 {
		m, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if m.T == "error" && m.Code == string(CodeTooManySubscriptions) && m.ID == "3" {
			refused++
		}
	}
	if refused != 1 || h.Stats().Subscriptions != 3 {
		t.Errorf("refused %d, running %d", refused, h.Stats().Subscriptions)
	}
	// unsub frees the place.
	c.say(map[string]string{"t": "unsub", "id": "0"})
	waitFor(t, func() bool { return h.Stats().Subscriptions == 2 })
	c.sub("again", "q3")
	c.want("schema")

	dial(t, url)
	waitFor(t, func() bool { return h.Stats().Open == 2 })
	dial(t, url).wantClose(CloseTooMany) // the third connection
	c.sub("x", "q1")                     // the sixth sub of the burst: too many at once
	c.want("error")
	c.sub("y", "q1")
	c.wantClose(CloseTooMany)
	waitFor(t, func() bool { return h.Stats().Subscriptions == 0 })
}

// TestSlowClient: who does not read is closed with 4408, and nobody else notices.
func TestSlowClient(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	slow, quick := newFakeSub([]int{0}, false), newFakeSub([]int{0}, false)
	h, url := serve(t, map[string]*fakeSub{"slow": slow, "quick": quick}, func(l *limits) {
		l.patience, l.pendingBytes = 100*time.Millisecond, 1<<20
		l.writeTimeout = time.Minute
	})
	a, b := dial(t, url), dial(t, url)
	a.sub("p", "slow")
	b.sub("p", "quick")
	slow.send(Update{Kind: Snap})
	quick.send(Update{Kind: Snap})
	b.want("schema")
	wide := strings.Repeat("x", 100_000)
	go func() {
		for i := 0; ; i++ {
			u := Update{Kind: Delta, Batches: []stream.Batch{batchOf(mem, []row{{int64(i), wide, 1}}, nil)}}
			select {
			case slow.updates <- u:
			case <-slow.ended:
				u.Release()
				return
			}
		}
	}()
	waitFor(t, func() bool {
		quick.send(Update{Kind: Delta, Batches: []stream.Batch{batchOf(mem, []row{{1, "k", 1}}, nil)}})
		for {
			m, err := b.read()
			if err != nil {
				t.Fatalf("the quick client: %v", err)
			}
			if m.T == "delta" {
				return h.Stats().Slow == 1
			}
		}
	})
	a.wantClose(CloseSlow)
	waitFor(t, func() bool { return h.Stats().Open == 1 })
	slow.drain()
	waitFor(t, func() bool { slow.drain(); return mem.CurrentAlloc() == 0 })
	mem.AssertSize(t, 0)
}

// TestTailDrops: an append-only result without a key forgets old rows for a slow
// client, says how many, and every row is either sent or counted.
func TestTailDrops(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	sub := newFakeSub(nil, true)
	_, url := serve(t, map[string]*fakeSub{"q": sub}, func(l *limits) {
		l.pendingBytes = 2000
	})
	c := dial(t, url)
	c.say(map[string]any{"t": "sub", "id": "p", "sql": "q", "max_hz": 5})
	c.want("schema")
	const n = 500
	sub.send(Update{Kind: Snap})
	c.want("snap")
	for i := range n {
		sub.send(Update{Kind: Delta, Batches: []stream.Batch{batchOf(mem, []row{{int64(i), "k", int64(i)}}, nil)}})
	}
	close(sub.updates)
	sent, dropped := 0, 0
	for {
		m, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if m.T == "done" {
			break
		}
		sent, dropped = sent+m.N, dropped+int(m.Dropped)
	}
	if sent+dropped != n || dropped == 0 {
		t.Errorf("sent %d, dropped %d of %d", sent, dropped, n)
	}
	mem.AssertSize(t, 0)
}

func TestCoalescing(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	sub := newFakeSub([]int{0, 1}, false)
	_, url := serve(t, map[string]*fakeSub{"q": sub}, nil)
	c := dial(t, url)
	c.sub("p", "q")
	c.want("schema")
	begin := time.Now()
	go func() {
		defer close(sub.updates)
		sub.send(Update{Kind: Snap})
		for i := range 400 {
			sub.send(Update{Kind: Delta, Batches: []stream.Batch{batchOf(mem, []row{{int64(i) * 1000, "k", 1}}, nil)}, W: 1})
			time.Sleep(time.Millisecond)
		}
	}()
	frames, rows := 0, 0
	for {
		m, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if m.T == "done" {
			break
		}
		frames, rows = frames+1, rows+m.N
	}
	if most := int(time.Since(begin)/(100*time.Millisecond)) + 3; rows != 400 || frames > most {
		t.Errorf("%d rows in %d frames, at most %d", rows, frames, most)
	}
	mem.AssertSize(t, 0)
}

func TestCloseEndsConnections(t *testing.T) {
	h, url := serve(t, map[string]*fakeSub{"q": newFakeSub(nil, true)}, nil)
	c := dial(t, url)
	c.sub("p", "q")
	c.want("schema")
	done := make(chan error, 1)
	go func() { done <- h.Close(t.Context()) }()
	c.wantClose(websocket.CloseGoingAway)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := h.Stats(); s.Open != 0 || s.Subscriptions != 0 {
		t.Errorf("left over: %+v", s)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited a minute in vain")
		}
	}
}

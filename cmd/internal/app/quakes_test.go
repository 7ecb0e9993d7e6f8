package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

// TestSubscriberEqualsView posts a week of earthquakes while a websocket
// subscriber listens: its snapshot plus its deltas must be the view.
func TestSubscriberEqualsView(t *testing.T) {
	data, err := os.ReadFile(shared(t, "data/usgs_earthquakes_1707.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, t.TempDir(), freePort(t))
	s.sql(`CREATE STREAM quakes (time_ms DATETIME(3), id VARCHAR, mag DOUBLE, place VARCHAR,
			WATERMARK FOR time_ms AS time_ms - INTERVAL 1 MINUTE)
			WITH (shards = 3, partition_key = 'id', idle_timeout = '0');
		CREATE MATERIALIZED VIEW hourly AS
			SELECT window_start, window_end, COUNT(*) AS n, MAX(mag) AS strongest FROM quakes
			GROUP BY HOP(time_ms, INTERVAL 10 MINUTE, INTERVAL 1 HOUR)`)
	pieces := splitLines(data, 40)
	half := len(pieces) / 2
	send := func(pieces [][]byte) {
		for _, p := range pieces {
			if status, body := post(t, s.url+"/v1/streams/quakes/records", "application/json", string(p), nil); status != http.StatusOK {
				t.Fatalf("status %d: %s", status, body)
			}
		}
	}
	send(pieces[:half])
	s.sql("SELECT * FROM hourly") // the view has caught up, so the snapshot holds something
	sub := subscribe(t, s, "SELECT window_start, n, strongest FROM hourly")
	defer sub.close()
	send(pieces[half:])
	if status, body := post(t, s.url+"/v1/streams/quakes/end", "", "", nil); status != http.StatusOK {
		t.Fatalf("end: status %d: %s", status, body)
	}
	want := s.sql("SELECT window_start, n, strongest FROM hourly ORDER BY window_start")
	for i := range want { // the websocket sends times as epoch milliseconds
		at, err := time.Parse("2006-01-02 15:04:05.000", want[i][0].(string))
		if err != nil {
			t.Fatal(err)
		}
		want[i][0] = json.Number(fmt.Sprint(at.UnixMilli()))
	}
	got := sub.readUntil(len(want))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("subscriber differs from the view (-view +subscriber):\n%s", diff)
	}
	if sub.snapshot == 0 || sub.deltas == 0 {
		t.Errorf("%d rows by snapshot and %d by deltas: both were to be seen", sub.snapshot, sub.deltas)
	}
	t.Logf("%d windows, %d by snapshot, %d by deltas", len(got), sub.snapshot, sub.deltas)
}

// subscriber keeps a table by the messages of one subscription.
type subscriber struct {
	t                *testing.T
	conn             *websocket.Conn
	rows             [][]any
	snapshot, deltas int
}

// message is what the server sends; fields of other kinds stay empty.
type message struct {
	T, ID, Op, Message string
	N                  int
	Cols               json.RawMessage
}

func subscribe(t *testing.T, s *child, sql string) *subscriber {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"weir.v1"}, HandshakeTimeout: time.Minute}
	conn, _, err := d.Dial(strings.Replace(s.url, "http", "ws", 1)+"/v1/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.WriteJSON(map[string]string{"t": "sub", "id": "p1", "sql": sql}); err != nil {
		t.Fatal(err)
	}
	sub := &subscriber{t: t, conn: conn}
	for sub.snapshot == 0 {
		sub.read()
	}
	return sub
}

// read applies one message.
func (s *subscriber) read() {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	var m message
	if err := s.conn.ReadJSON(&m); err != nil {
		s.t.Fatalf("read with %d rows: %v", len(s.rows), err)
	}
	switch m.T {
	case "snap":
		s.apply(m)
		s.snapshot += m.N
	case "delta":
		s.apply(m)
		s.deltas += m.N
	case "error":
		s.t.Fatalf("server says: %s", m.Message)
	}
}

func (s *subscriber) apply(m message) {
	s.t.Helper()
	var cols [][]any
	dec := json.NewDecoder(strings.NewReader(string(m.Cols)))
	dec.UseNumber()
	if err := dec.Decode(&cols); err != nil {
		s.t.Fatal(err)
	}
	for i := range m.N {
		row := make([]any, len(cols))
		for c := range cols {
			row[c] = cols[c][i]
		}
		if m.Op != "" && m.Op[i] != 'i' {
			s.rows = slices.DeleteFunc(s.rows, func(r []any) bool { return r[0] == row[0] })
		}
		if m.Op == "" || m.Op[i] != 'd' {
			s.rows = append(s.rows, row)
		}
	}
}

// readUntil reads until the table has n rows and returns it, ordered by the first column.
func (s *subscriber) readUntil(n int) [][]any {
	s.t.Helper()
	for len(s.rows) < n {
		s.read()
	}
	slices.SortFunc(s.rows, func(a, b []any) int {
		return strings.Compare(a[0].(json.Number).String(), b[0].(json.Number).String())
	})
	return s.rows
}

func (s *subscriber) close() { s.conn.Close() }

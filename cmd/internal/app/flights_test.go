package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// flightsQuery is a day's flights by origin, over a relation.
func flightsQuery(from string) string {
	return fmt.Sprintf(`SELECT window_start, origin, COUNT(*) AS n, AVG(delay) AS d FROM %s
		GROUP BY origin, TUMBLE(date, INTERVAL 1 DAY)`, from)
}

// TestFlightsFromFile runs the query in process over the file.
func TestFlightsFromFile(t *testing.T) {
	path := shared(t, "data/us_flights_20k.jsonl")
	out, errs, code := weir(t, "", "query", flightsQuery("'"+path+"'"))
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	rows := rowsOf(t, out)
	total, want := int64(0), map[string]string{"DFW": "21", "ORD": "21"}
	for _, r := range rows {
		n, err := r["n"].(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		total += n
		if r["window_start"] == "2001-03-09 00:00:00.000" {
			origin := r["origin"].(string)
			if w, ok := want[origin]; ok && w != r["n"].(json.Number).String() {
				t.Errorf("2001-03-09 has %v flights from %s, want %s", r["n"], origin, w)
			}
			delete(want, origin)
		}
	}
	t.Logf("%d rows, n adds up to %d, stderr %q", len(rows), total, errs)
	if len(rows) != 6901 || total != 20000 {
		t.Errorf("%d rows with %d flights, want 6901 with 20000", len(rows), total)
	}
	if len(want) > 0 {
		t.Errorf("2001-03-09 lacks %v", want)
	}
}

// TestFlightsThroughCrashes posts the file to a server that is killed twice in
// the middle, and compares its view with what the query over the file gives.
func TestFlightsThroughCrashes(t *testing.T) {
	path := shared(t, "data/us_flights_20k.jsonl")
	out, errs, code := weir(t, "", "query",
		"SELECT * FROM '"+path+"' LIMIT 0; "+flightsQuery("'"+path+"'")+" ORDER BY window_start, origin")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var want [][]any
	for _, r := range rowsOf(t, out) {
		want = append(want, []any{r["window_start"], r["origin"], r["n"], r["d"]})
	}
	for _, shards := range []int{1, 4, 7} {
		t.Run(fmt.Sprintf("shards=%d", shards), func(t *testing.T) {
			got := postThroughCrashes(t, path, shards)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("view differs from the query over the file (-file +view):\n%s", diff)
			}
			t.Logf("%d rows, equal to the query over the file", len(got))
		})
	}
}

func postThroughCrashes(t *testing.T, path string, shards int) [][]any {
	dir, port := t.TempDir(), freePort(t)
	s := startServer(t, dir, port)
	s.sql(fmt.Sprintf(`CREATE STREAM flights (date DATETIME(3), delay BIGINT, distance BIGINT, origin VARCHAR(8),
		destination VARCHAR(8), WATERMARK FOR date AS date)
		WITH (shards = %d, partition_key = 'origin', idle_timeout = '0');
		CREATE MATERIALIZED VIEW daily AS `, shards) + flightsQuery("flights"))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pieces := splitLines(data, 333)
	for i, piece := range pieces {
		if i == len(pieces)/3 || i == 2*len(pieces)/3 {
			s = crashDuring(t, s, dir, port, func(s *child) { postPiece(t, s, i, piece) })
		}
		for !postPiece(t, s, i, piece) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if status, body := post(t, s.url+"/v1/streams/flights/end", "", "", nil); status != http.StatusOK {
		t.Fatalf("end: status %d: %s", status, body)
	}
	return s.sql("SELECT * FROM daily ORDER BY window_start, origin")
}

// crashDuring kills the server while a request is under way and starts it again.
func crashDuring(t *testing.T, s *child, dir string, port int, request func(*child)) *child {
	t.Helper()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		request(s)
	}()
	time.Sleep(time.Millisecond) // somewhere between the first byte and the answer
	s.kill()
	<-sent
	return startServer(t, dir, port)
}

// postPiece sends one piece under its key and tells whether it was acknowledged.
func postPiece(t *testing.T, s *child, i int, piece []byte) bool {
	status, body := post(t, s.url+"/v1/streams/flights/records", "application/x-ndjson", string(piece),
		map[string]string{"Idempotency-Key": fmt.Sprintf("piece-%d", i)})
	if status == 0 {
		return false
	}
	var ack struct{ Accepted, Rejected int }
	if err := json.Unmarshal(body, &ack); err != nil || status != http.StatusOK {
		t.Errorf("piece %d: status %d: %s", i, status, body)
	}
	if want := bytes.Count(piece, []byte("\n")); ack.Accepted != want || ack.Rejected != 0 {
		t.Errorf("piece %d: %d accepted and %d rejected of %d", i, ack.Accepted, ack.Rejected, want)
	}
	return true
}

// splitLines cuts text into pieces of n lines.
func splitLines(data []byte, n int) [][]byte {
	var pieces [][]byte
	for len(data) > 0 {
		end := 0
		for range n {
			i := bytes.IndexByte(data[end:], '\n')
			if i < 0 {
				end = len(data)
				break
			}
			end += i + 1
		}
		pieces = append(pieces, data[:end])
		data = data[end:]
	}
	return pieces
}

package app

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSelectEndsWithItsStreams: a live SELECT is over once every stream that it
// reads has ended, whether it names the streams or a view over them, and whether it
// begins in front of the ends or behind them. What comes behind an end changes
// nothing of that.
func TestSelectEndsWithItsStreams(t *testing.T) {
	c := startServer(t, t.TempDir(), freePort(t))
	c.sql(`CREATE STREAM a (k BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 2);
		CREATE STREAM b (k BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts);
		CREATE VIEW plain AS SELECT k FROM a;
		CREATE VIEW pair AS SELECT k, ts FROM a UNION ALL SELECT k, ts FROM b;
		CREATE VIEW counted AS SELECT k, COUNT(*) AS n FROM a GROUP BY k, TUMBLE(ts, INTERVAL 1 MINUTE)`)
	send := func(stream, rows string) {
		t.Helper()
		if status, answer := post(t, c.url+"/v1/streams/"+stream+"/records", "", rows, nil); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	whole := func(text string) chan string {
		t.Helper()
		got := make(chan string, 1)
		go func() {
			_, body := post(t, c.url+"/v1/sql", "text/plain", text, nil)
			got <- string(body)
		}()
		return got
	}
	is := func(text string, got chan string, want string) {
		t.Helper()
		select {
		case body := <-got:
			if body != want {
				t.Errorf("%s: %q, not %q", text, body, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: the answer does not end", text)
		}
	}
	send("a", `{"k":1,"ts":"2025-11-20 10:00:00"}`)
	send("b", `{"k":3,"ts":"2025-11-20 10:00:00"}`)
	const fromFirst = " WITH (start = 'earliest')"
	over := whole("SELECT * FROM pair" + fromFirst)
	c.sql("ALTER STREAM a END")
	send("a", `{"k":1,"ts":"2025-11-20 10:00:01"}`) // behind the end
	for _, q := range []struct{ text, want string }{
		{"SELECT * FROM plain" + fromFirst, `{"k":1}` + "\n"},
		{"SELECT k FROM a" + fromFirst, `{"k":1}` + "\n"},
		{"SELECT * FROM counted" + fromFirst, `{"k":1,"n":1}` + "\n"},
		{"SELECT COUNT(*) AS n FROM plain" + fromFirst, `{"n":1}` + "\n"},
		{"SELECT * FROM plain", ""}, // it begins now
		{"SELECT * FROM a", ""},
		{"SELECT COUNT(*) AS n FROM a", `{"n":0}` + "\n"},
	} {
		is(q.text, whole(q.text), q.want)
	}
	select {
	case body := <-over:
		t.Fatalf("one of two streams goes on, and the SELECT over both is over: %s", body)
	case <-time.After(50 * time.Millisecond):
	}
	// One that begins in between: it has begun once it shows a row.
	late, begun := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(late)
		resp, err := http.Post(c.url+"/v1/sql", "text/plain", strings.NewReader("SELECT k FROM pair"))
		if err != nil {
			late <- err.Error()
			return
		}
		defer resp.Body.Close()
		r := bufio.NewReader(resp.Body)
		_, _ = r.Peek(1)
		close(begun)
		body, _ := io.ReadAll(r)
		late <- string(body)
	}()
	fives := 0
	for waiting, end := true, time.Now().Add(time.Minute); waiting; {
		send("b", `{"k":5,"ts":"2025-11-20 10:00:01"}`)
		fives++
		select {
		case <-begun:
			waiting = false
		case <-time.After(20 * time.Millisecond):
			if time.Now().After(end) {
				t.Fatal("the SELECT does not begin")
			}
		}
	}
	send("b", `{"k":4,"ts":"2025-11-20 10:00:02"}`)
	c.sql("ALTER STREAM b END")
	// The row behind the end of a came while b went on, and is one of a SELECT's rows.
	for _, got := range []chan string{over, late} {
		select {
		case body := <-got:
			if !strings.Contains(body, `{"k":4`) {
				t.Errorf("a row in front of the end of b is missing: %s", body)
			}
		case <-time.After(time.Minute):
			t.Fatal("both streams have ended, and the SELECT goes on")
		}
	}
	is("both", whole("SELECT k FROM pair"+fromFirst), `{"k":1}`+"\n"+`{"k":3}`+"\n"+`{"k":1}`+"\n"+strings.Repeat(`{"k":5}`+"\n", fives)+`{"k":4}`+"\n")
}

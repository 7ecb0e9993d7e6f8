package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/dashboard/hub"
	"weir/sql/diag"
)

// serveHere runs a server in this process until the test ends.
func serveHere(t testing.TB, dir string) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(serverConfig{Listener: ln, Dir: dir, Logger: slog.New(slog.DiscardHandler), Kinesis: kinesisConfig{Open: true}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.run(ctx, "", func(time.Duration) { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	<-ready
	return s
}

// exec runs statements and lets go of their rows.
func (s *server) exec(t testing.TB, text string) error {
	t.Helper()
	res, err := s.db.run(t.Context(), text, func(string, ...any) {})
	if err != nil {
		return err
	}
	return res.Close()
}

func (s *server) must(t testing.TB, text string) {
	t.Helper()
	if err := s.exec(t, text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// send posts rows of the stream hits: one a second from a second on.
func (s *server) send(t testing.TB, from, to int) {
	t.Helper()
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"path":"/%d","ms":%d,"ts":"2026-11-20 10:%02d:%02d"}`+"\n", i%3, i, i/60%60, i%60)
	}
	if status, body := post(t, s.url()+"/v1/streams/hits/records", "", b.String(), nil); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
}

// next reads updates of a subscription until one is wanted or the time is up.
func next(t testing.TB, sub hub.Subscription, want func(hub.Update) bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		u, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		found := want(u)
		u.Release()
		if found {
			return nil
		}
	}
}

func never(hub.Update) bool { return false }

func (s *server) subscribe(t testing.TB, text string) hub.Subscription {
	t.Helper()
	_, sub, err := s.open(t.Context(), text)
	if err != nil {
		t.Fatalf("subscribe to %s: %v", text, err)
	}
	t.Cleanup(func() { sub.Close() })
	return sub
}

// open runs a plan as a hub would.
func (s *server) open(ctx context.Context, text string) (hub.Plan, hub.Subscription, error) {
	plan, err := s.db.Prepare(ctx, hub.Request{SQL: text})
	if err != nil {
		return nil, nil, err
	}
	sub, err := plan.Open(ctx, hub.Place{})
	return plan, sub, err
}

func (s *server) prepare(t testing.TB, text string) hub.Plan {
	t.Helper()
	plan, err := s.db.Prepare(t.Context(), hub.Request{SQL: text})
	if err != nil {
		t.Fatalf("prepare %s: %v", text, err)
	}
	return plan
}

// TestViewIsReplaced: the query of a view that is replaced ends, whatever takes
// its place, and who follows it is told.
func TestViewIsReplaced(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, hits)
	const byPath = `MATERIALIZED VIEW per_second AS SELECT window_start, path, COUNT(*) AS n FROM hits GROUP BY path, TUMBLE(ts, INTERVAL 1 SECOND)`
	for _, statement := range []string{
		"CREATE OR REPLACE " + byPath,
		"CREATE OR REPLACE VIEW per_second AS SELECT path FROM hits",
		"CREATE OR REPLACE " + byPath,
		"DROP VIEW per_second",
	} {
		v, ok := s.db.catalog.View("per_second")
		if !ok {
			t.Fatal("the view is gone")
		}
		var subs []hub.Subscription
		if v.Materialized {
			subs = append(subs, s.subscribe(t, "SELECT * FROM per_second"), s.subscribe(t, "SELECT * FROM per_second ORDER BY n LIMIT 3"))
		}
		s.must(t, statement)
		for _, sub := range subs {
			var e *diag.Error
			if err := next(t, sub, never); !errors.As(err, &e) || e.Code != diag.UnknownObject || !strings.Contains(e.Message, "per_second") {
				t.Errorf("%s: a follower gets %v", statement, err)
			}
		}
		want := 0
		if v, ok := s.db.catalog.View("per_second"); ok && v.Materialized {
			want = 1
		}
		s.db.mu.Lock()
		n := len(s.db.views)
		s.db.mu.Unlock()
		if n != want {
			t.Errorf("%s: %d queries run, want %d", statement, n, want)
		}
	}
}

// TestViewFails: who follows a view whose query fails is told, then and later.
func TestViewFails(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, hits)
	s.send(t, 0, 10)
	m := s.db.running()[0]
	row, all := s.subscribe(t, "SELECT n FROM per_second"), s.subscribe(t, "SELECT COUNT(*) FROM per_second")
	m.cancel()
	<-m.done
	m.fail(errors.New("a bug"))
	for _, sub := range []hub.Subscription{row, all} {
		if err := next(t, sub, never); err == nil || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("a follower gets %v", err)
		}
	}
	if _, sub, err := s.open(t.Context(), "SELECT n FROM per_second"); err == nil {
		sub.Close()
		t.Error("a view whose query failed can be followed")
	}
	s.send(t, 10, 11)
	if err := s.exec(t, "SELECT * FROM per_second"); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("a reader gets %v", err)
	}
}

// TestFollowRefinedView: rows of a view that are refined leave, so no
// subscription to it may call itself append-only, whatever its plan says.
func TestFollowRefinedView(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, hits)
	s.must(t, `CREATE MATERIALIZED VIEW refined AS SELECT window_start, COUNT(*) AS n FROM hits
		GROUP BY TUMBLE(ts, INTERVAL 10 SECOND) EMIT ON WINDOW CLOSE ALLOWED LATENESS INTERVAL 1 MINUTE`)
	for text, want := range map[string]bool{
		"SELECT n FROM refined": false, "SELECT n FROM per_second": true, "SELECT path FROM hits": true,
	} {
		if got := s.prepare(t, text).AppendOnly(); got != want {
			t.Errorf("%s: append-only is %v", text, got)
		}
	}
}

// TestStreamIsDropped: who reads a stream that is dropped is told.
func TestStreamIsDropped(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM gone (x BIGINT)")
	sub := s.subscribe(t, "SELECT x FROM gone")
	res, err := s.db.run(t.Context(), "SELECT x FROM gone", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	s.must(t, "DROP STREAM gone; CREATE STREAM gone (x BIGINT, y BIGINT)")
	_, err = res.Next(t.Context())
	for _, err := range []error{err, next(t, sub, never)} {
		if err == nil || !strings.Contains(err.Error(), "`gone` was dropped") {
			t.Errorf("a reader gets %v", err)
		}
	}
	if len(s.db.lives) > 0 {
		t.Errorf("streams that are gone are kept: %v", s.db.lives)
	}
}

// TestViewOfNothing: a view whose input has ended is whole.
func TestViewOfNothing(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE MATERIALIZED VIEW one AS SELECT 1 AS x")
	s.must(t, "SELECT * FROM one")
	u, err := s.subscribe(t, "SELECT x FROM one").(hub.Snapshotter).Snapshot(t.Context())
	if err != nil || len(u.Batches) != 1 || u.Batches[0].NumRows() != 1 {
		t.Errorf("the content is %v, %v", u, err)
	}
	u.Release()
	if err := next(t, s.subscribe(t, "SELECT SUM(x) FROM one"), never); !errors.Is(err, io.EOF) {
		t.Errorf("the aggregate of a view that is whole ends with %v", err)
	}
}

// TestEmptyStreamIsWhole: a query that starts at the head of a stream without
// records misses none, so its first window is whole.
func TestEmptyStreamIsWhole(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, hits)
	const perSecond = "SELECT window_start, COUNT(*) AS n FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 SECOND)"
	first := func(sub hub.Subscription) (second int64) {
		second = -1
		err := next(t, sub, func(u hub.Update) bool {
			for _, b := range u.Batches {
				second = int64(b.Column(0).(*array.Timestamp).Value(0)) / 1e6 % 60
				return true
			}
			return false
		})
		if err != nil {
			t.Fatal(err)
		}
		return second
	}
	whole := s.subscribe(t, perSecond)
	s.send(t, 0, 10)
	if got := first(whole); got != 0 {
		t.Errorf("on an empty stream the first window begins at second %d", got)
	}
	part := s.subscribe(t, perSecond)
	for i := 10; i < 50; i += 10 {
		s.send(t, i, i+10)
		time.Sleep(10 * time.Millisecond) // another step
	}
	if got := first(part); got < 12 { // 2 s is what the watermark keeps
		t.Errorf("behind records the first window begins at second %d", got)
	}
}

// TestLikeIsNotExponential matches a pattern that a naive matcher needs years for.
func TestLikeIsNotExponential(t *testing.T) {
	rows := [][]any{{strings.Repeat("a", 60)}, {"aXb"}, {"a%b"}}
	for pattern, want := range map[string]int{
		strings.Repeat("%a", 20) + "b": 0, "a_b": 2, `a\%b`: 1, "%": 3, "": 0, strings.Repeat("%_", 30): 1,
	} {
		got, err := likeRows(rows, pattern)
		if err != nil || len(got) != want {
			t.Errorf("LIKE %s keeps %d rows, want %d; %v", pattern, len(got), want, err)
		}
	}
}

// TestEarlierStatements: a mistake in a SELECT whose rows nobody sees is one.
func TestEarlierStatements(t *testing.T) {
	_, errs, code := weir(t, "", "query", "SELECT 1 AS a; SELECT b; SELECT 2 AS c")
	if code != 1 || !strings.Contains(errs, "`b`") {
		t.Errorf("exit %d: %s", code, errs)
	}
	out, errs, code := weir(t, "", "query", "SELECT 1 AS a; SHOW STREAMS; SELECT 2 AS c; CREATE STREAM s (x BIGINT)")
	if code != 0 || out != `{"c":2}`+"\n" {
		t.Errorf("exit %d, %q: %s", code, out, errs)
	}
}

// TestTurmoil makes, replaces, drops, follows and reads views while rows pour in.
// Nothing may hang, and every row must be accounted for in the view that stays.
func TestTurmoil(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir := t.TempDir()
	s := serveHere(t, dir)
	s.must(t, hits)
	stop := time.Now().Add(2 * time.Second)
	sent := 0
	var wg sync.WaitGroup
	wg.Go(func() {
		for ; time.Now().Before(stop); sent += 50 {
			s.send(t, sent, sent+50)
		}
	})
	allowed := func(err error) bool {
		return err == nil || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) || diag.From(err).Code == diag.UnknownObject
	}
	for i := range 2 {
		wg.Go(func() {
			name := fmt.Sprintf("v%d", i)
			create := "CREATE OR REPLACE MATERIALIZED VIEW " + name + " AS SELECT window_start, COUNT(*) AS n FROM hits GROUP BY TUMBLE(ts, INTERVAL 10 SECOND)"
			for n := 0; time.Now().Before(stop); n++ {
				statement := create
				if n%3 == 2 {
					statement = "DROP MATERIALIZED VIEW " + name
				}
				if err := s.exec(t, statement); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}
		})
		for _, text := range []string{"SELECT n FROM v%d", "SELECT COUNT(*), SUM(n) FROM v%d", "SELECT * FROM v%d ORDER BY n LIMIT 2"} {
			text := fmt.Sprintf(text, i)
			wg.Go(func() {
				for time.Now().Before(stop) {
					if err := s.exec(t, text); !allowed(err) {
						t.Errorf("%s: %v", text, err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
					_, sub, err := s.open(ctx, text)
					for err == nil {
						var u hub.Update
						if u, err = sub.Next(ctx); err == nil {
							u.Release()
						}
					}
					if !allowed(err) {
						t.Errorf("subscription to %s: %v", text, err)
					}
					if sub != nil {
						sub.Close()
					}
					cancel()
				}
			})
		}
	}
	wg.Wait()
	s.must(t, "SELECT * FROM per_second")
	p := s.db.running()[0].query.Progress()
	if p.Ledger.In != int64(sent) || !p.Ledger.Closes() {
		t.Errorf("%d rows were sent; the ledger is %+v", sent, p.Ledger)
	}
}

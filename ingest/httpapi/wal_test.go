package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"weir/ingest/wal"
)

var _ Log = (*wal.Log)(nil)

// serve opens a log in dir and serves it until the returned function is called.
func serve(t *testing.T, dir string) (url string, h *Handler, stop func()) {
	t.Helper()
	log, err := wal.Open(wal.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	h = open(t, log, nil)
	srv := httptest.NewServer(h)
	return srv.URL, h, func() {
		srv.Close()
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
}

func post(t *testing.T, url, key, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestRepeatsAfterARestart has several producers post to the real log, restarts
// it, and has all of them repeat what they sent.
func TestRepeatsAfterARestart(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	const producers, bodies = 4, 10
	dir := t.TempDir()
	var first, second [producers][bodies]string
	for run, answers := range []*[producers][bodies]string{&first, &second} {
		url, h, stop := serve(t, dir)
		var wg sync.WaitGroup
		for p := range producers {
			wg.Go(func() {
				for b := range bodies {
					body := strings.Repeat(good+"\n", 1+b) + wrong
					status, answer := post(t, url+records, fmt.Sprintf("%d-%d", p, b), body)
					if status != 200 || !strings.HasPrefix(answer, fmt.Sprintf(`{"accepted":%d,"rejected":1,`, 1+b)) {
						t.Errorf("%d %s", status, answer)
					}
					answers[p][b] = answer
				}
			})
		}
		wg.Wait()
		if got := h.Stats().Repeats; got != int64(run*producers*bodies) {
			t.Errorf("run %d: %d repeats", run, got)
		}
		stop()
	}
	if first != second {
		t.Errorf("the answers of a repeat differ:\n%v\n%v", first, second)
	}
	url, _, stop := serve(t, dir)
	defer stop()
	if status, answer := post(t, url+records, "0-0", other); status != 422 {
		t.Errorf("another body after a restart: %d %s", status, answer)
	}
	if status, answer := post(t, url+"/v1/streams/bids/end", "", ""); status != 200 {
		t.Errorf("end: %d %s", status, answer)
	}
}

// TestABodyThatIsTooLargeIsAnswered: a client gets its answer although the server has not read all.
func TestABodyThatIsTooLargeIsAnswered(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	url, _, stop := serve(t, t.TempDir())
	defer stop()
	status, answer := post(t, url+records, "", strings.Repeat(" ", DefaultMaxBody+1))
	if status != 413 {
		t.Errorf("%d %s", status, answer)
	}
}

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// flaky is a server of one stream that keeps each body once, as weir does, and
// fails as often as it is told.
type flaky struct {
	t     testing.TB
	mu    sync.Mutex
	fail  func(n int) string // how the n-th request fails: before, after, busy, down, or ""
	n     int
	keys  map[string]string
	lines []string
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		return // healthz
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	how := ""
	if f.fail != nil {
		how = f.fail(f.n)
	}
	switch how {
	case "before":
		panic(http.ErrAbortHandler)
	case "busy":
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error":{"code":"BUSY","message":"busy"}}`)
		return
	case "down":
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"error":{"code":"CLOSING","message":"going down"}}`)
		return
	}
	if len(body) > pieceBytes {
		f.t.Errorf("a piece has %d bytes", len(body))
	}
	var got receipt
	type bad struct {
		Row                   int
		Code, Column, Message string
	}
	var errs []bad
	key, n := r.Header.Get("Idempotency-Key"), 0
	before, repeated := f.keys[key]
	for line := range strings.Lines(string(body)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		n++
		if !strings.HasPrefix(line, "{") {
			got.Rejected++
			errs = append(errs, bad{n, "BAD_JSON", "", "no object: " + line[:min(len(line), 20)]})
			continue
		}
		got.Accepted++
		if !repeated {
			f.lines = append(f.lines, line)
		}
	}
	if repeated && before != string(body) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"error":{"code":"KEY_REUSED","message":"another body"}}`)
		return
	}
	f.keys[key] = string(body)
	if how == "after" {
		panic(http.ErrAbortHandler)
	}
	if got.Accepted == 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"accepted": got.Accepted, "rejected": got.Rejected, "errors": errs})
}

func newFlaky(t testing.TB, fail func(int) string) (*flaky, *Client) {
	f := &flaky{t: t, fail: fail, keys: map[string]string{}}
	return f, serve(t, f.ServeHTTP)
}

func config(c *Client, in string, errs io.Writer) PutConfig {
	return PutConfig{
		Client: c, Stream: "hits", In: strings.NewReader(in), Name: "in.jsonl", File: true, Size: int64(len(in)),
		Err: errs, Patience: time.Minute, Command: "weir put hits in.jsonl",
	}
}

func rows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"n":%d,"pad":"%s"}`+"\n", i, strings.Repeat("x", i%300))
	}
	return b.String()
}

// TestPutThroughTrouble: whatever a server does, each row counts once, in order.
func TestPutThroughTrouble(t *testing.T) {
	f, c := newFlaky(t, func(n int) string {
		return []string{"before", "busy", "after", "down", "", ""}[n%6]
	})
	in := rows(70_000) // three pieces
	var errs bytes.Buffer
	if err := Put(t.Context(), config(c, in, &errs)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.lines, "\n") + "\n"; got != in {
		t.Errorf("%d rows were kept, or not in order", len(f.lines))
	}
	for _, want := range []string{"waiting: ", "70,000 rows stored in "} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("nothing says %q: %s", want, errs.String())
		}
	}
}

// TestResume: what the message says to type goes on where a run ended, without a
// row twice, also if the last piece was stored and the answer was lost.
func TestResume(t *testing.T) {
	for _, how := range []string{"before", "after"} {
		var broken atomic.Bool
		broken.Store(true)
		f, c := newFlaky(t, func(n int) string {
			if broken.Load() && n >= 2 {
				return how
			}
			return ""
		})
		in := rows(70_000)
		cfg := config(c, in, io.Discard)
		cfg.Patience = time.Millisecond
		err := Put(t.Context(), cfg)
		if err == nil {
			t.Fatal("no error")
		}
		var from int64
		var run string
		_, after, _ := strings.Cut(err.Error(), "Go on with: weir put hits in.jsonl ")
		if _, serr := fmt.Sscanf(after, "--from %d --run %s", &from, &run); serr != nil || from < 2 {
			t.Fatalf("no way to go on in %q: %v", err, serr)
		}
		broken.Store(false)
		cfg = config(c, in, io.Discard)
		cfg.From, cfg.Run = from, run
		if err := Put(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(f.lines, "\n") + "\n"; got != in {
			t.Errorf("%s: %d rows were kept", how, len(f.lines))
		}
		// The whole run again under the same name adds nothing.
		cfg = config(c, in, io.Discard)
		cfg.Run = run
		if err := Put(t.Context(), cfg); err != nil || len(f.lines) != 70_000 {
			t.Errorf("%s: again: %d rows, %v", how, len(f.lines), err)
		}
	}
}

// TestRejected: bad rows are reported with their lines, and good ones stored.
func TestRejected(t *testing.T) {
	f, c := newFlaky(t, nil)
	in := `{"n":1}` + "\n\n  \nbad\n" + `{"n":2}` + "\n[1]\n\n" + `{"n":3}` + "\n" + strings.Repeat("y", pieceBytes+10) + "\n" + `{"n":4}` + "\nlast"
	var errs bytes.Buffer
	cfg := config(c, in, &errs)
	err := Put(t.Context(), cfg)
	if err == nil || err.Error() != "4 rows were rejected by hits" {
		t.Errorf("error %v", err)
	}
	if got := strings.Join(f.lines, ""); got != `{"n":1}{"n":2}{"n":3}{"n":4}` {
		t.Errorf("kept %s", got)
	}
	for _, want := range []string{"in.jsonl:4: BAD_JSON: no object: bad", "in.jsonl:6: ", "in.jsonl:9: the line is longer than 4 MiB", "in.jsonl:11: BAD_JSON: no object: last", "4 rows stored, 4 rejected"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("nothing says %q:\n%s", want, errs.String())
		}
	}
	errs.Reset()
	cfg = config(c, strings.Repeat("bad\n", 99), &errs)
	if err := Put(t.Context(), cfg); err == nil || strings.Count(errs.String(), "in.jsonl:") != rejectedShown || !strings.Contains(errs.String(), "99 rejected rows in all") {
		t.Errorf("%v:\n%s", err, errs.String())
	}
}

func TestPutRefuses(t *testing.T) {
	_, c := newFlaky(t, nil)
	dead, err := New("127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		change func(*PutConfig)
		want   string
	}{
		{func(c *PutConfig) { c.Client = dead }, "weir serve"},
		{func(c *PutConfig) { c.In = strings.NewReader("\n [{}, 5") }, "the array breaks off"},
		{func(c *PutConfig) { c.In = strings.NewReader("[{}] x") }, "behind the array's end"},
		{func(c *PutConfig) { c.In, c.Format = strings.NewReader("{}"), Array }, "--format ndjson"},
		{func(c *PutConfig) { c.In, c.From = strings.NewReader("[{}]"), 2 }, "--run"},
		{func(c *PutConfig) { c.Name = "rows.tsv" }, "CSV"},
		{func(c *PutConfig) { c.Format = "xml" }, "auto, ndjson"},
		{func(c *PutConfig) { c.In = strings.NewReader("\x1f\x8bnonsense") }, "unpack gzip"},
		{func(c *PutConfig) { c.In = strings.NewReader("\x28\xb5\x2f\xfdnonsense") }, "read the input"},
		{func(c *PutConfig) { c.From = 9 }, "has only 3 lines"},
		{func(c *PutConfig) { c.From = -1 }, "--from -1"},
		{func(c *PutConfig) { c.Run = "a b" }, "--run"},
		{func(c *PutConfig) { c.Run = strings.Repeat("x", 201) }, "--run"},
		{func(c *PutConfig) { c.In = iotest.ErrReader(errors.New("disk on fire")) }, "disk on fire"},
		{func(c *PutConfig) {
			c.In = io.MultiReader(strings.NewReader("{}\n{"), iotest.ErrReader(errors.New("disk on fire")))
		}, "disk on fire"},
	} {
		cfg := config(c, "{}\n{}\n{}\n", io.Discard)
		tt.change(&cfg)
		if err := Put(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
	c404 := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{"code":"UNKNOWN_STREAM","message":"no such stream","hint":"did you mean x?"}}`)
		}
	})
	if err := Put(t.Context(), config(c404, "{}\n", io.Discard)); err == nil || err.Error() != "no such stream; did you mean x?" {
		t.Errorf("unknown stream: %v", err)
	}
}

// TestSlowInput: lines of a slow input do not wait for a full piece, an interrupt
// ends the wait for more, and the message says how far it came.
func TestSlowInput(t *testing.T) {
	came, hold := make(chan int, 2), make(chan struct{})
	_, c := newFlaky(t, func(n int) string {
		came <- n
		if n == 2 { // which comes when the first is answered
			<-hold
		}
		return ""
	})
	in, feed := io.Pipe()
	defer feed.Close()
	defer close(hold)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := config(c, "", io.Discard)
	cfg.In, cfg.File, cfg.Name = in, false, "stdin"
	ended := make(chan error, 1)
	go func() { ended <- Put(ctx, cfg) }()
	if _, err := io.WriteString(feed, "{}\n{}\n{\"half"); err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"\":1}\n{\"half", ""} {
		select {
		case <-came:
		case <-time.After(time.Minute):
			t.Fatal("the rows wait")
		}
		if _, err := io.WriteString(feed, more); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "interrupted; lines 1 to 2 of stdin were sent and answered, of lines 3 to 3 it is not known. With the same input again, --from 3") {
		t.Errorf("error %v", err)
	}
}

// TestPieces: pieces are whole lines in order, and cut the same however the bytes
// come.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.IntRange(0, 9).Draw(t, "lines")
		rnd := rand.New(rand.NewPCG(seed, 1))
		var text strings.Builder
		for range n {
			switch rnd.IntN(6) {
			case 0:
				text.WriteString("[1]\n")
			case 1:
				text.WriteString("\n")
			case 2:
				text.WriteString(strings.Repeat("z", pieceBytes/2+rnd.IntN(pieceBytes)) + "\n")
			default:
				text.WriteString(strings.Repeat("x", rnd.IntN(1000)) + "\n")
			}
		}
		text.WriteString(rapid.SampledFrom([]string{"", "tail", "[tail"}).Draw(t, "tail"))
		cut := func(in io.Reader) (out []string) {
			p := newPieces(&meter{in: in}, false, Lines)
			defer p.close()
			line := int64(1)
			var all strings.Builder
			for {
				pc, err := p.next(context.Background())
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if pc.first != line || len(pc.body) > pieceBytes || pc.bad == "" && startsArray(pc.body) {
					t.Fatalf("piece of line %d at line %d with %d bytes", pc.first, line, len(pc.body))
				}
				line += pc.lines
				all.Write(pc.body)
				if pc.bad != "" && !strings.HasSuffix(pc.bad, "object") {
					all.WriteString("!")
				}
				out = append(out, fmt.Sprintf("%d %d %d %s", pc.first, pc.lines, len(pc.body), pc.bad))
			}
			want := text.String()
			lines := strings.Split(want, "\n")
			for i, l := range lines {
				if len(l) >= pieceBytes { // what is behind the limit is left out with its end
					lines[i] = l[:pieceBytes] + "!"
				}
			}
			want = strings.ReplaceAll(strings.Join(lines, "\n"), "!\n", "!")
			if all.String() != want {
				t.Fatalf("%d bytes of pieces, %d of lines", all.Len(), len(want))
			}
			return out
		}
		a := cut(strings.NewReader(text.String()))
		b := cut(iotest.HalfReader(strings.NewReader(text.String())))
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("cut as %v and as %v", a, b)
		}
	})
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(PutConfig{Err: &out, Terminal: true, Stream: "hits", Size: 1000})
	p.began = p.began.Add(-2 * time.Second)
	p.at = p.began
	p.skip(100)
	p.add(piece{data: make([]byte, 400)}, 1234, 5)
	p.waiting("the server \x1b[2J is away")
	p.note("note")
	p.summary("hits", 1234, 5)
	text := out.String()
	for _, want := range []string{clearLine + "hits: 1,234 rows  61", " rows/s  0.0 MB/s  5 rejected  50 %  ETA 0:0", "waiting: the server \uFFFD[2J is away" + clearLine + "note\n", "1,234 rows stored, 5 rejected in 2s ("} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing says %q: %q", want, text)
		}
	}
	if got := clock(time.Hour + 2*time.Minute + 3*time.Second); got != "1:02:03" {
		t.Error(got)
	}
}

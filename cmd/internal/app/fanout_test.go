package app

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	fans       = flag.Int("fans", 60, "subscribers in TestFanOut")
	fansTime   = flag.Duration("fans.time", 800*time.Millisecond, "how long a phase of TestFanOut is measured")
	fansRounds = flag.Int("fans.rounds", 2, "how often a tenth of TestFanOut's subscribers stall")
)

// shown is what one phase of TestFanOut came to.
type shown struct {
	p50, p99 time.Duration // from POST to a subscriber
	ack      time.Duration // from POST to its answer, p99
	late     time.Duration // of the test's own wake-ups, p99
	cpu      float64       // of a core, the server's
	frames   float64       // messages a second
	bytes    float64       // a second
	encoded  float64       // messages made a second
}

func (s shown) String() string {
	return fmt.Sprintf("POST to subscriber p50 %v, p99 %v (POST to answer p99 %v; the test itself wakes up to %v late); "+
		"server %.1f %% of a core, %.0f messages/s, %.1f MB/s, %.1f encoded/s",
		s.p50.Round(time.Millisecond), s.p99.Round(time.Millisecond), s.ack.Round(time.Millisecond), s.late.Round(100*time.Microsecond),
		100*s.cpu, s.frames, s.bytes/1e6, s.encoded)
}

// phase measures for a while.
func (c *crowd) phase(t *testing.T, s *child, d time.Duration) (out shown) {
	t.Helper()
	counters := func() [3]float64 {
		text := metricsOf(t, s)
		return [3]float64{figure(t, text, "weir_websocket_messages_total"), figure(t, text, "weir_websocket_bytes_total"),
			figure(t, text, "weir_websocket_encoded_total")}
	}
	count, cpu, begin := counters(), cpuTime(t, s), time.Now()
	c.start()
	time.Sleep(d)
	ages, acks, lates := c.stop()
	took := time.Since(begin).Seconds()
	out.cpu = (cpuTime(t, s) - cpu).Seconds() / took
	after := counters()
	out.frames, out.bytes, out.encoded = (after[0]-count[0])/took, (after[1]-count[1])/took, (after[2]-count[2])/took
	if len(ages) == 0 {
		t.Fatal("nothing came")
	}
	out.p50, out.p99 = quantile(ages, 50), quantile(ages, 99)
	out.ack, out.late = quantile(acks, 99), quantile(lates, 99)
	return out
}

func quantile(d []time.Duration, percent int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)*percent/100]
}

// medianOf is the median of one figure over phases.
func medianOf(phases []shown, of func(shown) time.Duration) time.Duration {
	var all []time.Duration
	for _, p := range phases {
		all = append(all, of(p))
	}
	return quantile(all, 50)
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

// TestFanOut: many subscribers of one view at 10 Hz; a tenth of them stop reading
// and go on again by turns, and the others do not notice. Each POST carries the
// moment before it was sent, and probes among the subscribers note how old it is
// when they have it; 100 ms of that are the rate's own. -fans, -fans.time and
// -fans.rounds set how many, how long and how often.
func TestFanOut(t *testing.T) {
	s := startServer(t, t.TempDir(), freePort(t))
	s.sql(hits)
	s.sql("CREATE MATERIALIZED VIEW latest AS SELECT path, COUNT(*) AS n, MAX(ms) AS at FROM hits GROUP BY path")
	ctx, cancel := context.WithCancel(t.Context())
	c := newCrowd(ctx, t, s, "SELECT path, n, at FROM latest")
	defer c.wg.Wait()
	defer cancel()
	c.wg.Go(c.feed)
	stall := *fans / 10
	probes := max(5, *fans/50)
	for i := range *fans {
		switch {
		case i < stall:
			c.wg.Go(c.moody)
		case i < stall+probes:
			c.wg.Go(c.probe)
		default:
			c.wg.Go(c.reader)
		}
	}
	settle := *fansTime / 2
	for begin := time.Now(); figure(t, metricsOf(t, s), "weir_websocket_subscriptions") < float64(*fans); {
		if time.Since(begin) > time.Minute {
			t.Fatal("not all could subscribe")
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(settle) // the snapshots are over
	var calm, stalled []shown
	round := func() {
		calm = append(calm, c.phase(t, s, *fansTime))
		t.Logf("%d read: %v", *fans, calm[len(calm)-1])
		c.stall(true)
		time.Sleep(settle) // their socket buffers are full
		stalled = append(stalled, c.phase(t, s, *fansTime))
		t.Logf("%d stall: %v", stall, stalled[len(stalled)-1])
		c.stall(false)
		time.Sleep(settle) // they are back
	}
	p99 := func(p shown) time.Duration { return p.p99 }
	var quiet, busy, most time.Duration
	long := *fansTime >= 8*time.Second
	// What others do on the machine is not the same in both phases, but does not choose
	// between them: a difference that is ours stays, however often it is measured.
	for n := 0; n < *fansRounds || busy > most && n < *fansRounds+4; n++ {
		round()
		quiet, busy = medianOf(calm, p99), medianOf(stalled, p99)
		if most = quiet * 12 / 10; !long { // too short to fill sockets, and to tell noise from a stall
			most = 2*quiet + time.Second
		}
	}
	t.Logf("medians of p99: %v while all read, %v while %d of %d stall (%+.1f %%)", quiet.Round(time.Millisecond),
		busy.Round(time.Millisecond), stall, *fans, 100*(float64(busy)/float64(quiet)-1))
	if long && calm[0].frames*0.97 < stalled[0].frames {
		t.Errorf("%.0f messages a second while all read, %.0f while %d stall: they do not", calm[0].frames, stalled[0].frames, stall)
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

// feed posts until the end, at uneven times so that no frame's rhythm is met.
func (c *crowd) feed() {
	const paths = 300
	rng := rand.New(rand.NewPCG(1, 2))
	for i := 0; c.ctx.Err() == nil; i++ {
		time.Sleep(time.Duration(20+rng.IntN(60)) * time.Millisecond) // the load's own rate
		var b strings.Builder
		now := time.Now()
		for p := i % 2; p < paths; p += 2 {
			fmt.Fprintf(&b, `{"path":"/page/%d","ms":%d,"ts":"2026-11-20 10:00:00"}`+"\n", p, now.UnixMicro())
		}
		if status, body := post(c.t, c.server.url+"/v1/streams/hits/records", "", b.String(), nil); status != http.StatusOK {
			if c.ctx.Err() == nil {
				c.t.Errorf("status %d: %s", status, body)
			}
			return
		}
		c.note(&c.acks, time.Since(now))
	}
}

func metricsOf(t *testing.T, s *child) string {
	resp, body := request(t, "GET", s.url+"/metrics", "", func(*http.Request) {})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("metrics: %s", resp.Status)
	}
	return body
}

// figure reads one figure out of an exposition.
func figure(t *testing.T, text, name string) float64 {
	t.Helper()
	_, rest, ok := strings.Cut("\n"+text, "\n"+name+" ")
	line, _, _ := strings.Cut(rest, "\n")
	v, err := strconv.ParseFloat(line, 64)
	if !ok || err != nil {
		t.Fatalf("no metric %s: %v", name, err)
	}
	return v
}

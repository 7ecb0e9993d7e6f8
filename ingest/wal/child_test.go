package wal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/operators/stream"
)

// childMain is the process that TestKill kills: 8 writers append records that
// say who wrote them, and a line is printed for each that is acknowledged.
func childMain(dir string) {
	cfg := Config{Dir: dir, SegmentBytes: 256 << 10}
	if os.Getenv("WAL_TEST_RETAIN") != "" {
		cfg.SegmentBytes = 16 << 10
	}
	l, err := Open(cfg)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if os.Getenv("WAL_TEST_RETAIN") != "" {
		go removeAll(l)
	}
	var out sync.Mutex
	run := os.Getenv("WAL_TEST_RUN")
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				rec := fmt.Sprintf("%s.%d.%d", run, w, i)
				data := rec
				if i%50 == 0 {
					data += strings.Repeat(" ", 6000)
				}
				ack, err := l.Append(context.Background(), one(1, 0, 1, data))
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println("ack", rec, ack.Commit)
				out.Unlock()
			}
		}()
	}
	select {}
}

// removeAll lets nothing live longer than 50 ms, and removes it as fast as it can.
func removeAll(l *Log) {
	l.SetRetention(Retention{Streams: map[uint32]time.Duration{1: 50 * time.Millisecond}, Last: 1})
	l.ReleaseControls(1 << 60)
	for {
		if err := l.drop(context.Background()); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
}

// A process that is killed while it removes segments under 8 writers leaves a
// log that begins where it says, goes on without a gap and loses no record that
// it did not remove.
func TestKillRetention(t *testing.T) {
	t.Setenv("WAL_TEST_RETAIN", "1")
	dir := t.TempDir()
	acked := map[string]string{}
	first := stream.Commit(1)
	// On a busy machine a child may not live long enough to remove anything.
	for run := 0; run < 4 || first == 1 && run < 20; run++ {
		childUntil(t, dir, 4+run, acked, func(p *os.Process) { _ = p.Kill() })
		l := openAt(t, Config{Dir: dir, SegmentBytes: 256 << 10})
		if l.First() < first {
			t.Fatalf("the log begins at %d again, after %d", l.First(), first)
		}
		first = l.First()
		checkRemoved(t, l, acked)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if first == 1 {
		t.Fatal("nothing was removed")
	}
	t.Logf("%d acknowledged records, the log begins at commit %d", len(acked), first)
}

// checkRemoved looks for what was acknowledged from the log's first commit on.
func checkRemoved(t *testing.T, l *Log, acked map[string]string) {
	t.Helper()
	seqs, err := l.FirstSeqs(1, 1, l.First()-1)
	if err != nil {
		t.Fatal(err)
	}
	found := recordsFrom(t, l, l.First()-1)
	if n := int(l.NextSeq(1, 0) - seqs[0]); n != len(found) {
		t.Fatalf("sequences %d to %d for %d records", seqs[0], l.NextSeq(1, 0), len(found))
	}
	for rec, text := range acked {
		var commit stream.Commit
		if _, err := fmt.Sscan(text, &commit); err != nil {
			t.Fatal(err)
		}
		// A line that the kill cut short may lack digits of its commit.
		if commit >= l.First() && !strings.HasPrefix(found[rec], text) {
			t.Fatalf("%s was acknowledged in commit %d, and the log begins at %d", rec, commit, l.First())
		}
	}
}

// A process that is killed under 8 writers leaves a log that has everything it
// acknowledged, once, dense and in each writer's order.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]string{}
	rounds := 5
	for run := range rounds {
		childUntil(t, dir, run, acked, func(p *os.Process) { _ = p.Kill() })
		l := openAt(t, Config{Dir: dir, SegmentBytes: 256 << 10})
		checkKilled(t, l, acked)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged records in %d rounds", len(acked), rounds)
}

// childUntil runs the child, lets it work for a moment, calls end, and notes in
// acked what the child says until it is gone.
func childUntil(t *testing.T, dir string, run int, acked map[string]string, end func(*os.Process)) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "WAL_TEST_CHILD="+dir, fmt.Sprintf("WAL_TEST_RUN=%d", run))
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ended chan struct{} // closed when end has returned; nil before it is planned
	sc := bufio.NewScanner(pipe)
	for sc.Scan() {
		if ended == nil {
			ended = make(chan struct{})
			time.AfterFunc(time.Duration(100+run*37)*time.Millisecond, func() {
				defer close(ended)
				end(cmd.Process)
			})
		}
		f := strings.Fields(sc.Text())
		if len(f) != 3 || f[0] != "ack" {
			t.Log(sc.Text()) // the last line, cut short, or why the log failed
			continue
		}
		acked[f[1]] = f[2]
	}
	_ = cmd.Wait()
	if ended != nil {
		<-ended // the child may be gone before end has let go of the mount
	}
}

// recordsFrom returns the commit of each record behind a commit, and checks that
// none is there twice and that each writer's are in order and without a gap.
func recordsFrom(t *testing.T, l *Log, after stream.Commit) map[string]string {
	t.Helper()
	r, err := l.NewReader(after)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head, _ := l.Head()
	found, last := map[string]string{}, map[string]int{}
	for {
		f, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Blocks {
			data, err := f.Data(i)
			if err != nil {
				t.Fatal(err)
			}
			for rec := range strings.SplitSeq(string(data), "\n") {
				rec = strings.TrimSpace(rec)
				if _, twice := found[rec]; twice {
					t.Fatalf("%s is there twice", rec)
				}
				found[rec] = fmt.Sprint(f.Commit)
				var run, w, n int
				if _, err := fmt.Sscanf(rec, "%d.%d.%d", &run, &w, &n); err != nil {
					t.Fatalf("%q: %v", rec, err)
				}
				who := fmt.Sprint(run, ".", w)
				if before, known := last[who]; n != before+1 && (known || after == 0 && n != 0) {
					t.Fatalf("%s follows %d", rec, before)
				}
				last[who] = n
			}
		}
		if f.Commit == head {
			return found
		}
	}
}

func checkKilled(t *testing.T, l *Log, acked map[string]string) {
	t.Helper()
	found := recordsFrom(t, l, 0)
	for rec, commit := range acked {
		// A line that the kill cut short may lack digits of its commit.
		if !strings.HasPrefix(found[rec], commit) {
			t.Fatalf("%s was acknowledged in commit %s and is in %q", rec, commit, found[rec])
		}
	}
	if int(l.NextSeq(1, 0)) != len(found) {
		t.Fatalf("%d records, next sequence %d", len(found), l.NextSeq(1, 0))
	}
}

package wal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/operators/stream"
)

// closedLog makes a log of several segments and returns what is in it.
func closedLog(t testing.TB, dir string) []string {
	t.Helper()
	l, err := Open(Config{Dir: dir, SegmentBytes: 800})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range 30 {
		req := one(1, 0, 1, fmt.Sprintf(`{"n":%d}`, i))
		req.Key = fmt.Sprint("k", i)
		if i%10 == 3 {
			req.Blocks[0].Data = []byte(strings.Repeat("abcdefgh", 600))
		}
		mustAppend(t, l, req)
	}
	return replay(t, l, 0)
}

func copyDir(t testing.TB, from, to string) []string {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(from, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		names[i] = filepath.Join(to, filepath.Base(n))
		if err := os.WriteFile(names[i], b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// read opens a log that may be damaged and reads all of it.
func read(dir string) ([]string, error) {
	l, err := Open(Config{Dir: dir, SegmentBytes: 800})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	r, err := l.NewReader(0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head, _ := l.Head()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out []string
	for {
		f, err := r.Next(ctx)
		if err != nil {
			return out, err
		}
		out = append(out, line(panics{}, f))
		if f.StepDone && f.Commit == head {
			return out, nil
		}
	}
}

// panics is a testing.TB for helpers that are called where a failure is a surprise.
type panics struct{ testing.TB }

func (panics) Helper()           {}
func (panics) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (panics) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Whatever is done to one file of a closed log, it is either told or harmless:
// never is a commit missing or different without an error.
func TestDamage(t *testing.T) {
	base := t.TempDir()
	want := closedLog(t, base+"/whole")
	n, told := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := fmt.Sprintf("%s/%d", base, n)
		names := copyDir(panics{}, base+"/whole", dir)
		name := rapid.SampledFrom(names).Draw(t, "file")
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		what := rapid.SampledFrom([]string{"flip", "flip", "flip", "zero", "cut", "remove", "swap"}).Draw(t, "what")
		at := 0
		if len(b) > 0 {
			at = rapid.IntRange(0, len(b)-1).Draw(t, "at")
		}
		switch {
		case len(b) == 0 || what == "remove":
			err = os.Remove(name)
		case what == "flip":
			b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			err = os.WriteFile(name, b, 0o644)
		case what == "zero":
			clear(b[at:min(at+512, len(b))])
			err = os.WriteFile(name, b, 0o644)
		case what == "cut":
			err = os.WriteFile(name, b[:at], 0o644)
		case what == "swap":
			other := rapid.SampledFrom(names).Draw(t, "other")
			if filepath.Base(other) == "HEAD" || filepath.Base(name) == "HEAD" {
				return
			}
			err = errors.Join(os.Rename(other, dir+"/x"), os.Rename(name, other), os.Rename(dir+"/x", name))
			if other == name {
				err = nil
				_ = os.Rename(dir+"/x", name)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(dir)
		if err != nil {
			told++
			var d *DamageError
			if filepath.Base(name) != "HEAD" && !errors.As(err, &d) {
				t.Logf("told otherwise: %v", err)
			}
			return
		}
		if len(got) < len(want) || !slices.Equal(want, got[:len(want)]) {
			if filepath.Base(name) == "HEAD" {
				t.Fatalf("damage to HEAD changed the log")
			}
			t.Fatalf("%s of %s at %d: %d lines of %d and no error", what, name, at, len(got), len(want))
		}
	})
	t.Logf("%d of %d damages were told, the others did no harm", told, n)
}

// A torn frame behind the last acknowledged one is cut off; the same bytes
// anywhere else are damage.
func TestTornTail(t *testing.T) {
	base := t.TempDir()
	want := closedLog(t, base+"/whole")
	segs, err := filepath.Glob(base + "/whole/*.wal")
	if err != nil {
		t.Fatal(err)
	}
	last := filepath.Base(segs[len(segs)-1])
	whole, err := os.ReadFile(segs[len(segs)-1])
	if err != nil {
		t.Fatal(err)
	}
	// The torn frame is a real one: what the log writes when it is opened again.
	torn, err := func() ([]byte, error) {
		copyDir(t, base+"/whole", base+"/next")
		if _, err := read(base + "/next"); err != nil {
			return nil, err
		}
		b, err := os.ReadFile(base + "/next/" + last)
		return b[len(whole):], err
	}()
	if err != nil || len(torn) < fixedSize {
		t.Fatal(err, len(torn))
	}
	for n := range len(torn) {
		dir := fmt.Sprintf("%s/torn%d", base, n)
		copyDir(t, base+"/whole", dir)
		tail := append(append([]byte(nil), torn[:n]...), make([]byte, n%3*700)...)
		if err := os.WriteFile(dir+"/"+last, append(append([]byte(nil), whole...), tail...), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := read(dir)
		if err != nil {
			t.Fatalf("%d bytes of a torn frame: %v", n, err)
		}
		if len(got) != len(want)+2 || !slices.Equal(want, got[:len(want)]) {
			t.Fatalf("%d bytes of a torn frame: %d lines of %d", n, len(got), len(want))
		}
	}
	t.Run("acknowledged", func(t *testing.T) {
		dir := base + "/lost"
		copyDir(t, base+"/whole", dir)
		if err := os.Truncate(dir+"/"+last, int64(len(whole)-10)); err != nil {
			t.Fatal(err)
		}
		_, err := read(dir)
		var d *DamageError
		if !errors.As(err, &d) || d.First == 0 || d.Last < d.First || d.Segment != dir+"/"+last {
			t.Fatal(err)
		}
		if st, err := os.Stat(dir + "/" + last); err != nil || st.Size() != int64(len(whole)-10) {
			t.Fatalf("a refused segment was cut: %v", err)
		}
		t.Log(err)
	})
}

func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	openAt(t, Config{Dir: dir})
	if _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatal(err)
	}
}

// A footer that is damaged costs a scan and nothing else.
func TestLostFooter(t *testing.T) {
	dir := t.TempDir()
	want := closedLog(t, dir)
	segs, err := filepath.Glob(dir + "/*.wal")
	if err != nil || len(segs) < 4 {
		t.Fatal(err, len(segs))
	}
	for i, name := range segs[:len(segs)-1] {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			b = b[:len(b)-1-i*5] // no trailer
		} else {
			b[len(b)-trailerSize-3] ^= 1 // the lists
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l := openAt(t, Config{Dir: dir})
	if got := replay(t, l, 0); !slices.Equal(want, got[:len(want)]) {
		t.Fatalf("%d lines of %d", len(got), len(want))
	}
	for i := range 30 {
		if a := mustAppend(t, l, Request{Key: fmt.Sprint("k", i), Blocks: one(1, 0, 1, "x").Blocks}); !a.Repeated {
			t.Fatalf("key %d is forgotten", i)
		}
	}
}

// Damage in the middle of the last segment is told also where HEAD is gone, by
// the frames behind it, and whoever is told finds the files as they were.
func TestDamagedMiddle(t *testing.T) {
	for _, head := range []bool{true, false} {
		dir := t.TempDir()
		l := openAt(t, Config{Dir: dir})
		for i := range 5 {
			mustAppend(t, l, one(1, 0, 1, fmt.Sprint(i)))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, segmentName(1))
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 4
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if !head {
			if err := os.Remove(filepath.Join(dir, "HEAD")); err != nil {
				t.Fatal(err)
			}
		}
		_, err = Open(Config{Dir: dir})
		var d *DamageError
		if !errors.As(err, &d) || d.First < 2 || d.First > 4 {
			t.Fatal(err)
		}
		after, err := os.ReadFile(name)
		if err != nil || !slices.Equal(b, after) {
			t.Fatalf("the damaged segment was changed: %v", err)
		}
	}
}

func TestTracker(t *testing.T) {
	block := func(first stream.Seq, n int) []FrameBlock {
		return []FrameBlock{{Stream: 1, Shard: 2, First: first, Count: n}}
	}
	good := Frame{Commit: 6, Step: 3, Arrival: 10, Blocks: block(4, 2)}
	for what, f := range map[string]Frame{
		"":                      good,
		"commit 7 follows":      {Commit: 7, Step: 3, Arrival: 10, Blocks: block(4, 2)},
		"step 2 follows":        {Commit: 6, Step: 2, Arrival: 10, Blocks: block(4, 2)},
		"step 5 follows":        {Commit: 6, Step: 5, Arrival: 10, Blocks: block(4, 2)},
		"arrival time falls":    {Commit: 6, Step: 3, Arrival: 9, Blocks: block(4, 2)},
		"sequence 5 where 4 is": {Commit: 6, Step: 3, Arrival: 10, Blocks: block(5, 2)},
		"sequence 3 where 4 is": {Commit: 6, Step: 3, Arrival: 10, Blocks: block(3, 2)},
	} {
		tr := tracker{commit: 5, step: 3, arrival: 10, seqs: map[shardKey]stream.Seq{{1, 2}: 4}}
		err := tr.check(&f)
		if what == "" && (err != nil || tr.seqs[shardKey{1, 2}] != 6) || what != "" && (err == nil || !strings.Contains(err.Error(), what)) {
			t.Errorf("%q: %v", what, err)
		}
	}
}

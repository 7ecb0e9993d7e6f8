package wal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"weir/operators/stream"
)

// expiring is a log of several segments whose first ones can go: records of
// stream 1, which are kept for 10 s, then a minute, then a few more.
func expiring(t testing.TB, cfg Config, clock *fakeClock) (*Log, []Ack) {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var acks []Ack
	for i := range 20 {
		req := one(1, stream.Shard(i%2), 1, fmt.Sprintf("%d %0*d", i, 300, 0))
		req.Key = fmt.Sprint("key ", i)
		acks = append(acks, mustAppend(t, l, req))
		if i == 3 {
			if _, err := l.Control(t.Context(), Control{Kind: End, Stream: 2}); err != nil {
				t.Fatal(err)
			}
		}
		if i == 15 {
			clock.advance(time.Minute)
		}
	}
	head, _ := l.Head()
	l.ReleaseControls(head)
	return l, acks
}

func tenSeconds() Retention {
	return Retention{Streams: map[uint32]time.Duration{1: 10 * time.Second}, Last: 2}
}

func expiringConfig(t testing.TB) (Config, *fakeClock) {
	clock := newFakeClock()
	return Config{Dir: t.TempDir(), SegmentBytes: 1500, Clock: clock.wall, Monotonic: clock.mono, DiskReserve: -1}, clock
}

// checkExpired looks at everything that a removal must leave.
func checkExpired(t testing.TB, l *Log, acks []Ack) {
	t.Helper()
	if a, b := l.NextSeq(1, 0), l.NextSeq(1, 1); a != 10 || b != 10 {
		t.Fatalf("next sequences %d and %d, want 10 and 10", a, b)
	}
	if end, err := l.EndOf(t.Context(), 2); err != nil || end != acks[3].Commit+1 {
		t.Fatalf("stream 2 ended at %d (%v), want %d", end, err, acks[3].Commit+1)
	}
	for i, want := range acks {
		ack, err := l.Append(t.Context(), Request{Key: fmt.Sprint("key ", i), Blocks: []Block{{Stream: 1, Count: 1, Data: []byte("x")}}})
		if want.Repeated, want.First = true, nil; err != nil || !reflect.DeepEqual(ack, want) {
			t.Fatalf("key %d again: %+v %v, want %+v", i, ack, err, want)
		}
	}
	lines := strings.Join(replay(t, l, l.First()-1), "\n")
	for i := 16; i < 20; i++ {
		if !strings.Contains(lines, fmt.Sprintf("%q", fmt.Sprintf("%d %0*d", i, 300, 0))) {
			t.Fatalf("record %d is gone:\n%s", i, lines)
		}
	}
}

// The machine may stop between any two operations of a removal and lose any
// change of names that was not synced: the log opens, with all that is kept.
func TestDropPowerCut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	removed, kept, swept := 0, 0, 0
	for left := 0; ; left++ {
		done := false
		for range 3 {
			cfg, clock := expiringConfig(t)
			fs := newCrashFS(-1)
			cfg.FS = fs
			l, acks := expiring(t, cfg, clock)
			l.SetRetention(tenSeconds())
			fs.mu.Lock()
			fs.left = left
			fs.mu.Unlock()
			err := l.drop(context.Background())
			if err != nil && !errors.Is(err, errDead) {
				t.Fatal(err)
			}
			done = err == nil
			fs.mu.Lock()
			fs.dead = true
			fs.mu.Unlock()
			_ = l.Close()
			if err := fs.powerCut(r); err != nil {
				t.Fatal(err)
			}
			before := len(segmentFiles(t, cfg.Dir))
			cfg.FS = nil
			l = openAt(t, cfg)
			if l.First() == 1 {
				kept++
			} else {
				removed++
			}
			if len(segmentFiles(t, cfg.Dir)) < before {
				swept++
			}
			checkExpired(t, l, acks)
			l.SetRetention(tenSeconds())
			head, _ := l.Head()
			l.ReleaseControls(head)
			if err := l.drop(context.Background()); err != nil {
				t.Fatal(err)
			}
			if l.First() == 1 {
				t.Fatal("nothing was removed the second time")
			}
			checkExpired(t, l, acks)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if done {
			break
		}
	}
	if removed == 0 || kept == 0 || swept == 0 {
		t.Fatalf("the cuts met only one side of BASE: %d removed, %d kept, %d had rubbish", removed, kept, swept)
	}
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Without a word of who keeps the catalog no segment with a DDL commit goes.
func TestDropKeepsControls(t *testing.T) {
	cfg, clock := expiringConfig(t)
	l := openAt(t, cfg)
	ddl, err := l.Control(t.Context(), Control{Kind: DDL, Payload: []byte("create")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		mustAppend(t, l, one(1, 0, 1, strings.Repeat("x", 900)+fmt.Sprint(i)))
	}
	clock.advance(time.Hour)
	l.SetRetention(tenSeconds())
	for _, released := range []stream.Commit{0, ddl - 1, ddl} {
		l.ReleaseControls(released)
		if err := l.drop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if gone := l.First() > 1; gone != (released == ddl) {
			t.Fatalf("controls up to %d of %d are kept elsewhere, and the log begins at %d", released, ddl, l.First())
		}
	}
	if l.RemovedControls() != ddl {
		t.Fatalf("removed controls up to %d, want %d", l.RemovedControls(), ddl)
	}
	err = l.Hold("late", ddl-1)
	var behind *BehindRetentionError
	if !errors.As(err, &behind) || behind.From != ddl || behind.To != l.First()-1 {
		t.Fatalf("hold before the log's begin: %v", err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("commits %d to %d", behind.From, behind.To)) {
		t.Fatalf("%q does not name the range", err)
	}
}

// Nobody writes and no tick comes: the last records expire all the same.
func TestSilentLogExpires(t *testing.T) {
	cfg, clock := expiringConfig(t)
	l, _ := expiring(t, cfg, clock)
	t.Cleanup(func() { l.Close() })
	l.SetRetention(tenSeconds())
	clock.advance(time.Minute)
	head, _ := l.Head()
	if err := l.rollByTime(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := l.Head(); now != head && now != head+1 { // the jump of the clock may be noted
		t.Fatalf("the head went from %d to %d", head, now)
	}
	if first := l.First(); first != head+1 {
		t.Fatalf("the log begins at %d, want %d", first, head+1)
	}
	if got := l.Retained(1); got.Bytes != 0 {
		t.Fatalf("%+v is left", got)
	}
	ack := mustAppend(t, l, one(1, 0, 1, "next"))
	clock.advance(time.Second) // the step is over
	lines := replay(t, l, l.First()-1)
	if last := lines[len(lines)-2]; !strings.Contains(last, "[1/0 10+1") || !strings.Contains(last, fmt.Sprint("commit ", ack.Commit)) {
		t.Fatalf("the next record: %s", last)
	}
}

// What a hold keeps is there; what it keeps beyond the limit is not, and who
// reads it is told which commits it missed.
func TestHoldLimit(t *testing.T) {
	for _, limit := range []int64{1 << 20, 2000} {
		cfg, clock := expiringConfig(t)
		cfg.HoldBytesMax = limit
		l, acks := expiring(t, cfg, clock)
		if err := l.Hold("view", 2); err != nil {
			t.Fatal(err)
		}
		r, err := l.NewReader(acks[2].Commit)
		if err != nil {
			t.Fatal(err)
		}
		l.SetRetention(tenSeconds())
		if err := l.drop(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = l.Hold("view", 2)
		_, rerr := r.Next(t.Context())
		r.Close()
		var behind *BehindRetentionError
		if broken := limit == 2000; errors.As(err, &behind) != broken || errors.As(rerr, &behind) != broken {
			t.Fatalf("limit %d: hold: %v, reader: %v", limit, err, rerr)
		}
		if limit == 2000 && (behind.From != acks[2].Commit+1 || behind.To != l.First()-1 || l.Stats().Broken != 2) {
			t.Fatalf("%+v, first %d, %d broken", behind, l.First(), l.Stats().Broken)
		}
		l.Release("view")
		if err := l.drop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if limit > 2000 && l.First() == 1 {
			t.Fatal("nothing was removed after the hold was released")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A BASE that is not what was written is damage, and so is a missing segment
// behind it.
func TestBaseDamage(t *testing.T) {
	cfg, clock := expiringConfig(t)
	l, _ := expiring(t, cfg, clock)
	l.SetRetention(tenSeconds())
	if err := l.drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.Dir, baseName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte(nil), good...)
	bad[len(bad)/2] ^= 4
	var damage *DamageError
	for name, content := range map[string][]byte{"flipped": bad, "short": good[:20], "gone": nil} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if content == nil {
			os.Remove(path)
		}
		if _, err := Open(cfg); !errors.As(err, &damage) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(segmentFiles(t, cfg.Dir)[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cfg); !errors.As(err, &damage) {
		t.Fatalf("without the first segment: %v", err)
	}
}

// Files that an earlier version sealed do not say which streams they hold: they
// go when every stream is done with them, and not before.
func TestOldFooter(t *testing.T) {
	cfg, clock := expiringConfig(t)
	l, acks := expiring(t, cfg, clock)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range segmentFiles(t, cfg.Dir) {
		oldFooter(t, path, l.seed)
	}
	l = openAt(t, cfg)
	l.ReleaseControls(l.commit)
	both := Retention{Streams: map[uint32]time.Duration{1: 10 * time.Second, 2: time.Hour}, Last: 2}
	l.SetRetention(both)
	if err := l.drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.First() != 1 {
		t.Fatal("what an hour may be kept for was removed")
	}
	l.SetRetention(tenSeconds())
	if err := l.drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.First() == 1 {
		t.Fatal("nothing was removed")
	}
	checkExpired(t, l, acks)
}

// oldFooter makes the footer of a sealed segment one of version 1.
func oldFooter(t *testing.T, path string, seed uint32) {
	t.Helper()
	f, err := osFS{}.OpenFile(path, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &segment{path: path}
	if _, err := fmt.Sscanf(filepath.Base(path), "%d", &s.first); err != nil {
		t.Fatal(err)
	}
	if err := readTrailer(f, s, seed); errors.Is(err, errNoFooter) {
		return // the active one
	} else if err != nil {
		t.Fatal(err)
	}
	ft, err := readFooter(f, s, seed)
	if err != nil {
		t.Fatal(err)
	}
	b := encodeFooterV1(s, ft, seed)
	if _, err := f.WriteAt(b, s.end); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(s.end + int64(len(b))); err != nil {
		t.Fatal(err)
	}
}

func encodeFooterV1(s *segment, ft *footer, seed uint32) []byte {
	b := encodeFooter(s, ft, seed)
	lists, t := b[:len(b)-trailerSize], b[len(b)-trailerSize:]
	le := binary.LittleEndian
	lists = lists[:len(lists)-int(le.Uint32(t[72:]))]
	le.PutUint32(t[4:], 1)
	le.PutUint64(t[16:], uint64(len(lists)))
	clear(t[72:88])
	le.PutUint32(t[88:], checksum(seed, lists))
	le.PutUint32(t[92:], checksum(seed, t[:92]))
	return append(append([]byte(nil), lists...), t...)
}

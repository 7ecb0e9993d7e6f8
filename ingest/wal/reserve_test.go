package wal

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// The reserve, with a disk that says what the test wants.
func TestDiskReserve(t *testing.T) {
	var free atomic.Int64
	for _, c := range []struct {
		reserve, size, floor int64
	}{
		{0, 1 << 40, 512 << 20}, {0, 1 << 30, 1 << 30 / 50}, {1 << 20, 1 << 40, 1 << 20}, {-1, 1 << 40, -1},
	} {
		free.Store(c.floor)
		l := openAt(t, Config{Dir: t.TempDir(), DiskReserve: c.reserve, Disk: func() (int64, int64, error) { return free.Load(), c.size, nil }})
		mustAppend(t, l, one(1, 0, 1, "there is room"))
		free.Store(c.floor - 1)
		l.lookAtDisk()
		_, err := l.Append(t.Context(), one(1, 0, 1, "there is none"))
		if refused := errors.Is(err, ErrDiskReserve); refused != (c.reserve >= 0) {
			t.Fatalf("%+v: %v", c, err)
		}
		if _, err := l.Control(t.Context(), Control{Kind: DDL, Payload: []byte("DROP STREAM s")}); err != nil {
			t.Fatalf("%+v: what may help is refused: %v", c, err)
		}
		free.Store(c.floor)
		l.lookAtDisk()
		mustAppend(t, l, one(1, 0, 1, "there is room again"))
	}
}

// A reader of the disk that fails is no reason to refuse records.
func TestDiskUnknown(t *testing.T) {
	l := openAt(t, Config{Dir: t.TempDir(), Disk: func() (int64, int64, error) { return 0, 0, errors.New("who knows") }})
	mustAppend(t, l, one(1, 0, 1, "a"))
	if st := l.Stats(); st.DiskLow || st.DiskFree != -1 {
		t.Fatalf("%+v", st)
	}
}

// A real file system that fills up: the log stops taking records before the disk
// is full, stays healthy, and goes on when there is room.
func TestSmallDisk(t *testing.T) {
	mount := smallDisk(t, 96<<20)
	l, err := Open(Config{Dir: filepath.Join(mount, "log"), DiskReserve: 24 << 20, SegmentBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ballast := filepath.Join(mount, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(data) // which cannot be compressed
	taken := 0
	for ; ; taken++ {
		req := one(1, 0, 1, string(data))
		req.Blocks[0].Encoding = Raw
		_, err = l.Append(t.Context(), req)
		if err != nil || taken > 96 {
			break
		}
	}
	if !errors.Is(err, ErrDiskReserve) || l.Err() != nil {
		t.Fatalf("after %d MiB: %v, the log: %v", taken, err, l.Err())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	l.lookAtDisk()
	mustAppend(t, l, one(1, 0, 1, "again"))
	if n := l.NextSeq(1, 0); int(n) != taken+1 {
		t.Fatalf("%d records, want %d", n, taken+1)
	}
}

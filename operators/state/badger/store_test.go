package badger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"weir/operators/state"
	"weir/operators/state/badger"
	"weir/operators/state/statetest"
)

func open(t testing.TB, dir string) *badger.Store {
	t.Helper()
	s, err := badger.Open(badger.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreIsMemory(t *testing.T) {
	base, runs := t.TempDir(), 0
	statetest.Check(t, func(t *rapid.T) (state.Store, func() state.Store) {
		runs++
		dir := filepath.Join(base, fmt.Sprint(runs))
		t.Cleanup(func() { os.RemoveAll(dir) })
		var s *badger.Store
		reopen := func() state.Store {
			if s != nil {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			if s, err = badger.Open(badger.Config{Dir: dir}); err != nil {
				t.Fatal(err)
			}
			return s
		}
		return reopen(), reopen
	})
}

// TestManyWriters checks that writes that share a transaction are each whole.
func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 20 {
				var b state.Batch
				b.Put(fmt.Appendf(nil, "w%02d", w), fmt.Appendf(nil, "%d", i))
				b.Put(fmt.Appendf(nil, "v%02d/%02d", w, i), bytes.Repeat([]byte{byte(i)}, 100))
				if i > 0 {
					b.Delete(fmt.Appendf(nil, "v%02d/%02d", w, i-1))
				}
				if err := s.Write(context.Background(), &b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	n := 0
	err := s.Scan(nil, func(k, v []byte) error {
		n++
		if k[0] == 'w' && string(v) != "19" || k[0] == 'v' && !strings.HasSuffix(string(k), "/19") {
			t.Errorf("%s is %q", k, v)
		}
		return nil
	})
	if err != nil || n != 32 {
		t.Errorf("%d keys, error %v", n, err)
	}
}

func TestTooLargeForOneTransaction(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	var b state.Batch
	for i := range 20 {
		b.Put(fmt.Appendf(nil, "k%d", i), make([]byte, 200<<10))
	}
	if err := s.Write(t.Context(), &b); err == nil || !strings.Contains(err.Error(), "put more of it into pages") {
		t.Errorf("4 MB at once gives %v", err)
	}
	if _, err := s.Get([]byte("k0")); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("a part of it was written: %v", err)
	}
	if err := s.Write(t.Context(), &state.Batch{Pages: b.Puts}); err != nil {
		t.Errorf("as pages it gives %v", err)
	}
	if err := s.Write(t.Context(), &state.Batch{Puts: []state.Pair{{}}}); err == nil {
		t.Error("an empty key is accepted")
	}
}

func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	_, err := badger.Open(badger.Config{Dir: dir})
	want := fmt.Sprintf("process %d has it open", os.Getpid())
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) || errors.Is(err, badger.ErrDamaged) {
		t.Errorf("a second store of %s gives %v", dir, err)
	}
}

// TestSpaceComesBack checks that what was deleted and replaced leaves the disk, and
// that nothing ever gets into Badger's value log.
func TestSpaceComesBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	const rounds, pages = 20, 40
	value := make([]byte, 256<<10)
	for r := range rounds {
		var b state.Batch
		for p := range pages {
			for i := range value {
				value[i] = byte(i*r>>3) ^ byte(p) ^ byte(i*i>>7)
			}
			b.Page(fmt.Appendf(nil, "s%04d/%02d", r, p), bytes.Clone(value))
			if r > 0 {
				b.Delete(fmt.Appendf(nil, "s%04d/%02d", r-1, p))
			}
		}
		if err := s.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if got := size(t, dir, "*.sst") >> 20; got > 100 {
		t.Errorf("10 MiB of values after %d rounds take %d MiB", rounds, got)
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "*.vlog"))
	for _, name := range logs {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if rest := bytes.TrimRight(data[min(len(data), 20):], "\x00"); len(rest) > 0 {
			t.Errorf("%s holds %d bytes", name, len(rest))
		}
	}
}

func size(t testing.TB, dir, pattern string) int64 {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			n += info.Size()
		}
	}
	return n
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	s, err := badger.Open(badger.Config{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil || out.Len() > 0 {
		t.Errorf("error %v; to open and close a store says %s", err, out.String())
	}
	if err := s.Write(t.Context(), &state.Batch{Deletes: [][]byte{{'k'}}}); !errors.Is(err, badger.ErrClosed) {
		t.Errorf("a write to a closed store gives %v", err)
	}
}

package statetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"weir/operators/state"
)

// Opener opens a store of its own for one run; reopen closes the store and opens
// what it left, and is nil for a store that forgets.
type Opener func(t *rapid.T) (s state.Store, reopen func() state.Store)

// Check runs random batches against a store and against state.Memory, opening the
// store again in between, and fails where Get or Scan tell them apart.
func Check(t *testing.T, open Opener) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		s, reopen := open(t)
		model := state.NewMemory()
		defer func() {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}()
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if reopen != nil && rapid.IntRange(0, 4).Draw(t, "reopen") == 0 {
				s = reopen()
			}
			b := batch(t)
			if err := errors.Join(s.Write(t.Context(), b), model.Write(t.Context(), b)); err != nil {
				t.Fatalf("write: %v", err)
			}
			compare(t, model, s)
		}
		if reopen != nil {
			s = reopen()
			compare(t, model, s)
		}
		cancelled(t, s)
	})
}

// keys are few, so that batches meet; some are prefixes of others.
var keys = []string{"a", "ab", "abc", "b", "b\x00", "b\x00\x01", "b\xff", "c", "k", "l", "t\xff\xff"}

func batch(t *rapid.T) *state.Batch {
	var b state.Batch
	for range rapid.IntRange(0, 3).Draw(t, "pages") {
		b.Page(key(t), content(t))
	}
	for range rapid.IntRange(0, 5).Draw(t, "puts") {
		b.Put(key(t), content(t))
	}
	for range rapid.IntRange(0, 3).Draw(t, "deletes") {
		b.Delete(key(t))
	}
	return &b
}

func key(t *rapid.T) []byte { return []byte(rapid.SampledFrom(keys).Draw(t, "key")) }

// content returns a value; one in eight is longer than a store keeps in one piece.
func content(t *rapid.T) []byte {
	n := rapid.IntRange(0, 64).Draw(t, "bytes")
	if rapid.IntRange(0, 7).Draw(t, "size") == 0 {
		n = rapid.SampledFrom([]int{256<<10 - 1, 256 << 10, 256<<10 + 1, 512 << 10, 700_001}).Draw(t, "long")
	}
	seed := rapid.Byte().Draw(t, "seed")
	out := make([]byte, n)
	for i := range out {
		out[i] = seed ^ byte(i*7) ^ byte(i>>9)
	}
	return out
}

func compare(t *rapid.T, model, s state.Store) {
	t.Helper()
	for _, prefix := range []string{"", "a", "ab", "b\x00", "zz"} {
		want, err := dump(model, prefix)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dump(s, prefix)
		if err != nil {
			t.Fatalf("scan %q: %v", prefix, err)
		}
		if fmt.Sprint(names(got)) != fmt.Sprint(names(want)) {
			t.Fatalf("scan %q finds %q, want %q", prefix, names(got), names(want))
		}
		for i := range want {
			if !bytes.Equal(got[i].Value, want[i].Value) {
				t.Fatalf("scan %q: the value of %q differs", prefix, want[i].Key)
			}
		}
	}
	for _, k := range keys {
		want, wantErr := model.Get([]byte(k))
		got, err := s.Get([]byte(k))
		if !errors.Is(err, wantErr) || !bytes.Equal(got, want) {
			t.Fatalf("get %q: %d bytes and %v, want %d bytes and %v", k, len(got), err, len(want), wantErr)
		}
	}
}

// cancelled checks that a write that was given up before it began changes nothing,
// and that Scan hands on what its function returns.
func cancelled(t *rapid.T, s state.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b state.Batch
	b.Put([]byte("never"), []byte("written"))
	if err := s.Write(ctx, &b); err == nil {
		return // it was quicker
	}
	if _, err := s.Get([]byte("never")); !errors.Is(err, state.ErrNotFound) {
		t.Fatalf("a cancelled write left %v", err)
	}
	if err := s.Write(t.Context(), &state.Batch{Puts: b.Puts}); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	if err := s.Scan(nil, func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("scan returns %v, not what its function did", err)
	}
}

func dump(s state.Store, prefix string) ([]state.Pair, error) {
	var out []state.Pair
	err := s.Scan([]byte(prefix), func(k, v []byte) error {
		out = append(out, state.Pair{Key: bytes.Clone(k), Value: bytes.Clone(v)})
		return nil
	})
	return out, err
}

func names(pairs []state.Pair) []string {
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = string(p.Key)
	}
	return out
}

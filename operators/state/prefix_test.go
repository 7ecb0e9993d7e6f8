package state_test

import (
	"fmt"
	"slices"
	"testing"

	"weir/operators/state"
)

// damagedStore is a store in which some values cannot be read, wherever a scan meets them.
type damagedStore struct {
	state.Store
	damaged func(key string) bool
}

func (d damagedStore) Scan(prefix []byte, fn func(key, value []byte) error) error {
	return d.Store.Scan(prefix, func(key, value []byte) error {
		if d.damaged(string(key)) {
			return &state.DamagedError{Key: key, Why: "it was changed"}
		}
		return fn(key, value)
	})
}

// DeletePrefix deletes more keys than one write takes, and damaged ones, and nothing else.
func TestDeletePrefix(t *testing.T) {
	m := state.NewMemory()
	var b state.Batch
	for i := range 2500 {
		b.Put(fmt.Appendf(nil, "p%04d", i), nil)
	}
	b.Put([]byte("o"), nil)
	b.Put([]byte("q"), nil)
	if err := m.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	damaged := []string{"p0000", "p0001", "p1024", "p2499"}
	s := damagedStore{m, func(key string) bool { return slices.Contains(damaged, key) }}
	if err := state.DeletePrefix(t.Context(), s, []byte("p")); err != nil {
		t.Fatal(err)
	}
	var left []string
	if err := m.Scan(nil, func(key, _ []byte) error { left = append(left, string(key)); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(left, []string{"o", "q"}) {
		t.Errorf("%q are left", left)
	}
}

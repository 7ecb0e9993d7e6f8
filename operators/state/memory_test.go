package state_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/operators/state"
	"weir/operators/state/statetest"
)

func TestMemory(t *testing.T) {
	ctx := context.Background()
	m := state.NewMemory()
	var b state.Batch
	b.Page([]byte("s2"), []byte("page"))
	b.Put([]byte("s1"), []byte("one"))
	b.Put([]byte("t"), []byte("other"))
	if err := m.Write(ctx, &b); err != nil {
		t.Fatal(err)
	}
	var del state.Batch
	del.Delete([]byte("t"))
	del.Delete([]byte("was never there"))
	if err := m.Write(ctx, &del); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Get([]byte("t")); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("a deleted key gives %v", err)
	}
	var got []string
	err := m.Scan([]byte("s"), func(k, v []byte) error {
		got = append(got, string(k)+"="+string(v))
		return nil
	})
	if diff := cmp.Diff([]string{"s1=one", "s2=page"}, got); diff != "" || err != nil {
		t.Errorf("scan (-want +got): %v\n%s", err, diff)
	}
}

func TestMemoryIsAStore(t *testing.T) {
	statetest.Check(t, func(*rapid.T) (state.Store, func() state.Store) { return state.NewMemory(), nil })
}

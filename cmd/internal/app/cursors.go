package app

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"weir/operators/state"
	"weir/operators/stream"
)

// storedCursors keeps the cursors of sinks in a store, under `k` and the sink's
// id. A value is a version and the commit. It implements sinks.Cursors.
type storedCursors struct{ store state.Store }

const cursorVersion = 1

func cursorKey(sink string) []byte { return append([]byte("k"), sink...) }

// Load returns the cursor of a sink.
func (c storedCursors) Load(sink string) (stream.Commit, bool, error) {
	v, err := c.store.Get(cursorKey(sink))
	switch {
	case errors.Is(err, state.ErrNotFound):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case len(v) != 9 || v[0] != cursorVersion:
		return 0, false, fmt.Errorf("the cursor of sink %s is of another version of weir", sink)
	}
	return stream.Commit(binary.BigEndian.Uint64(v[1:])), true, nil
}

// Save keeps it.
func (c storedCursors) Save(ctx context.Context, sink string, cursor stream.Commit) error {
	var b state.Batch
	b.Put(cursorKey(sink), binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(cursor)))
	return c.store.Write(ctx, &b)
}

// forget removes the cursor of a sink that was dropped.
func (c storedCursors) forget(ctx context.Context, sink string) error {
	return c.store.Write(ctx, &state.Batch{Deletes: [][]byte{cursorKey(sink)}})
}

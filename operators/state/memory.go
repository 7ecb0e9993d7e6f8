package state

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Memory is a Store that forgets everything at the end of the process.
type Memory struct {
	mu     sync.Mutex
	values map[string][]byte
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{values: make(map[string][]byte)} }

// Get returns a copy of the value of a key.
func (m *Memory) Get(key []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[string(key)]
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(v), nil
}

// Scan calls fn for the keys with a prefix, in order, as they were when it began.
func (m *Memory) Scan(prefix []byte, fn func(key, value []byte) error) error {
	m.mu.Lock()
	values := maps.Clone(m.values)
	m.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(values)) {
		if !strings.HasPrefix(k, string(prefix)) {
			continue
		}
		if err := fn([]byte(k), bytes.Clone(values[k])); err != nil {
			return err
		}
	}
	return nil
}

// Write applies a batch at once.
func (m *Memory) Write(ctx context.Context, b *Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, pairs := range [][]Pair{b.Pages, b.Puts} {
		for _, p := range pairs {
			m.values[string(p.Key)] = bytes.Clone(p.Value)
		}
	}
	for _, k := range b.Deletes {
		delete(m.values, string(k))
	}
	return nil
}

// Close does nothing.
func (m *Memory) Close() error { return nil }

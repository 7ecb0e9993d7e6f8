package ingest

import "sync"

// Router holds the shard map of a stream while it changes. Whoever appends records
// keeps the map from changing until they are in the log, so no record of a shard
// follows the commit that closed it.
type Router struct {
	mu sync.RWMutex
	m  *ShardMap
}

// NewRouter returns a router with a map.
func NewRouter(m *ShardMap) *Router { return &Router{m: m} }

// Map returns the map as it is now.
func (r *Router) Map() *ShardMap {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.m
}

// Hold returns the map, which does not change until release is called.
func (r *Router) Hold() (m *ShardMap, release func()) {
	r.mu.RLock()
	return r.m, r.mu.RUnlock
}

// Change waits until nobody holds the map, and replaces it by what change makes of
// it; those who want to hold it wait. Where change fails the map stays as it is.
func (r *Router) Change(change func(m *ShardMap) (*ShardMap, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := change(r.m)
	if err == nil {
		r.m = m
	}
	return err
}

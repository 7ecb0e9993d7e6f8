package wal

import "weir/operators/stream"

// KeysMax is how many idempotency keys the log remembers: the newest ones. An
// older key is taken for a new one.
const KeysMax = 100_000

// keyEntry is what is known of a key: who carries it now, or the commit it came with.
type keyEntry struct {
	hash    [32]byte
	info    uint64
	flight  *pending // nil once it is durable
	commit  stream.Commit
	arrival stream.Time
}

// keyMemory is the keys of the newest requests. Those in flight are bounded by
// the queue, the others by a ring.
type keyMemory struct {
	entries map[string]keyEntry
	ring    []keySlot
	next    int // the slot to overwrite, once the ring is full
	max     int
}

type keySlot struct {
	key    string
	commit stream.Commit
}

func newKeyMemory(limit int) *keyMemory {
	return &keyMemory{entries: map[string]keyEntry{}, max: limit}
}

// remember notes that a key is durable and forgets the oldest beyond the limit.
func (m *keyMemory) remember(k *keyAt) {
	m.entries[k.key] = keyEntry{hash: k.hash, info: k.info, commit: k.commit, arrival: k.arrival}
	slot := keySlot{k.key, k.commit}
	if len(m.ring) < m.max {
		m.ring = append(m.ring, slot)
		return
	}
	old := m.ring[m.next]
	// The same key may have come again after it was forgotten; that one stays.
	if e := m.entries[old.key]; e.flight == nil && e.commit == old.commit {
		delete(m.entries, old.key)
	}
	m.ring[m.next] = slot
	m.next = (m.next + 1) % m.max
}

// since returns the keys of the commits from first on, oldest first.
func (m *keyMemory) since(first stream.Commit) []keyAt {
	return m.list(func(c stream.Commit) bool { return c >= first })
}

// until returns the keys of the commits before first, oldest first.
func (m *keyMemory) until(first stream.Commit) []keyAt {
	return m.list(func(c stream.Commit) bool { return c < first })
}

func (m *keyMemory) list(want func(stream.Commit) bool) []keyAt {
	var out []keyAt
	for i := range m.ring {
		s := m.ring[(m.next+i)%len(m.ring)]
		e, ok := m.entries[s.key]
		if !ok || !want(s.commit) || e.commit != s.commit {
			continue
		}
		out = append(out, keyAt{keyRecord{s.key, e.hash, e.info}, e.commit, e.arrival})
	}
	return out
}

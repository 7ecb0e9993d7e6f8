package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"

	"weir/operators/state"
	"weir/operators/stream"
)

// QueryID is the number of a query's object in the catalog.
type QueryID uint32

// manifestsKept is how many manifests of a query there are.
const manifestsKept = 3

const (
	manifestPrefix = 'm'
	pagePrefix     = 's'
)

// manifestKey is one of the places for a query's manifests.
func manifestKey(id QueryID, slot int) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{manifestPrefix}, uint32(id)), byte(slot))
}

func pageKey(id QueryID, epoch stream.Epoch, path string) []byte {
	k := binary.BigEndian.AppendUint32([]byte{pagePrefix}, uint32(id))
	return append(binary.BigEndian.AppendUint64(k, uint64(epoch)), path...)
}

// parsePageKey takes a page's key apart.
func parsePageKey(k []byte) (id QueryID, epoch stream.Epoch, path string, ok bool) {
	if len(k) < 13 || k[0] != pagePrefix {
		return 0, 0, "", false
	}
	return QueryID(binary.BigEndian.Uint32(k[1:])), stream.Epoch(binary.BigEndian.Uint64(k[5:])), string(k[13:]), true
}

// How a page is stored: its first byte.
const (
	codecRaw byte = 1
	codecS2  byte = 2
)

// pageBytesMax bounds what a page expands to.
const pageBytesMax = 4 << 30

// encodePage compresses a page where that pays.
func encodePage(data []byte) []byte {
	out := make([]byte, 1+s2.MaxEncodedLen(len(data)))
	out[0] = codecS2
	small := s2.Encode(out[1:], data)
	if len(small) < len(data)-len(data)/16 {
		return bytes.Clone(out[:1+len(small)])
	}
	out[0] = codecRaw
	return out[:1+copy(out[1:], data)]
}

func decodePage(stored []byte) ([]byte, error) {
	if len(stored) == 0 {
		return nil, fmt.Errorf("%w: an empty page", ErrDamaged)
	}
	switch stored[0] {
	case codecRaw:
		return stored[1:], nil
	case codecS2:
		return expand(stored[1:], pageBytesMax)
	}
	return nil, fmt.Errorf("%w: a page stored in way %d", ErrDamaged, stored[0])
}

// History is what a store has of one query.
type History struct {
	id    QueryID
	store state.Store
	slots [manifestsKept]*Manifest // nil: none, or one that cannot be read
}

// Find reads the manifests of a query. problems says which cannot be read; they
// count as none. err is an error of the store itself.
func Find(store state.Store, id QueryID) (h *History, problems []error, err error) {
	h = &History{id: id, store: store}
	for slot := range h.slots {
		b, err := store.Get(manifestKey(id, slot))
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		var damaged *state.DamagedError
		if err != nil && !errors.As(err, &damaged) {
			return nil, nil, err
		}
		if err == nil {
			h.slots[slot], err = DecodeManifest(b)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("manifest %d: %w", slot, err))
		}
	}
	return h, problems, nil
}

// Manifests returns those of a plan, the newest first.
func (h *History) Manifests(plan string) []*Manifest {
	var out []*Manifest
	for _, m := range h.slots {
		if m != nil && m.Plan == plan {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b *Manifest) int { return cmp.Compare(b.Epoch, a.Epoch) })
	return out
}

// Commits returns the commits of those that a query which goes on from one keeps,
// the oldest first.
func (h *History) Commits(from *Manifest) []stream.Commit {
	return commitsOf(slices.DeleteFunc(h.Manifests(from.Plan), func(m *Manifest) bool { return m.Epoch > from.Epoch }))
}

// Empty tells whether there is no manifest of any plan that can be read.
func (h *History) Empty() bool {
	return !slices.ContainsFunc(h.slots[:], func(m *Manifest) bool { return m != nil })
}

// Load reads the pages of a manifest.
func (h *History) Load(m *Manifest) (*Snapshot, error) {
	s := &Snapshot{Point: m.Point, Pages: make([]Page, len(m.Pages))}
	for i, p := range m.Pages {
		stored, err := h.store.Get(pageKey(h.id, p.Epoch, p.Path))
		var data []byte
		if err == nil {
			data, err = decodePage(stored)
		}
		if err != nil {
			return nil, fmt.Errorf("page %s of epoch %d: %w", p.Path, p.Epoch, err)
		}
		s.Pages[i] = Page{Path: p.Path, Data: data}
	}
	return s, nil
}

// Sweep finds what a crash left behind: pages that no kept manifest names, and
// everything of queries that nobody began, unless keep says that they are to be
// left alone. Clean deletes it. It must be called before the first Add, and reads
// all pages.
func (c *Coordinator) Sweep(store state.Store, keep func(QueryID) bool) error {
	named := make(map[QueryID]map[pageID]bool)
	for id, q := range c.queries {
		named[id] = q.named()
	}
	err := store.Scan([]byte{pagePrefix}, func(key, value []byte) error {
		id, epoch, path, ok := parsePageKey(key)
		if ok {
			c.epoch = max(c.epoch, epoch)
		}
		if !ok || !named[id][pageID{epoch, path}] && (c.queries[id] != nil || !keep(id)) {
			c.garbage = append(c.garbage, dead{bytes.Clone(key), len(value)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return store.Scan([]byte{manifestPrefix}, func(key, value []byte) error {
		if len(key) == 6 {
			if id := QueryID(binary.BigEndian.Uint32(key[1:])); c.queries[id] != nil || keep(id) {
				return nil
			}
		}
		c.garbage = append(c.garbage, dead{bytes.Clone(key), len(value)})
		return nil
	})
}

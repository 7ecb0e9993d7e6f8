package badger

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"weir/operators/state"
)

// groupMax is how many writes share a transaction.
const groupMax = 64

// request is one Write in the queue.
type request struct {
	batch *state.Batch
	taken atomic.Bool // by the committer, or by a caller who does not wait any more
	done  chan error
}

// commitAll is the committer.
func (s *Store) commitAll() {
	defer s.wg.Done()
	var next *request
	for {
		if next == nil {
			select {
			case next = <-s.queue:
			case <-s.closed:
				return
			}
		}
		var group []*request
		group, next = s.gather(next)
		s.commitGroup(group)
	}
}

// gather returns a request and those that wait behind it, up to the first with
// pages: pages come before everything else of a group, so behind others they
// could overtake what those write.
func (s *Store) gather(first *request) (group []*request, next *request) {
	group = append(group, first)
	for len(group) < groupMax {
		select {
		case r := <-s.queue:
			if len(r.batch.Pages) > 0 {
				return group, r
			}
			group = append(group, r)
		default:
			return group, nil
		}
	}
	return group, nil
}

// commitGroup writes a group and answers each of it.
func (s *Store) commitGroup(group []*request) {
	t := s.begin()
	var waiting []*request
	answer := func(err error) {
		for _, r := range waiting {
			r.done <- err
		}
		waiting = waiting[:0]
	}
	for _, r := range group {
		if !r.taken.CompareAndSwap(false, true) {
			continue
		}
		if s.failure != nil {
			r.done <- s.failure
			continue
		}
		count, bytes := s.cost(r.batch)
		if count > s.countMax || bytes > s.bytesMax {
			r.done <- fmt.Errorf("state: the atomic part of a batch takes %d entries and %d bytes; the most are %d and %d: put more of it into pages",
				count, bytes, s.countMax, s.bytesMax)
			continue
		}
		if !t.fits(count, bytes) {
			answer(s.fail(t.finish()))
			t = s.begin()
		}
		if err := s.fail(s.stage(t, r.batch)); err != nil {
			r.done <- err
			continue
		}
		waiting = append(waiting, r)
	}
	if len(waiting) > 0 {
		answer(s.fail(t.finish()))
	}
}

// fail keeps the first error of a commit: what it left on disk is unknown, so
// nothing is written behind it.
func (s *Store) fail(err error) error {
	if err != nil && s.failure == nil {
		s.failure = fmt.Errorf("state store %s stopped: %w", s.dir, err)
	}
	return s.failure
}

// cost returns what the atomic part of a batch takes, at most.
func (s *Store) cost(b *state.Batch) (count, bytes int) {
	old := func(key []byte) {
		if l, ok := s.longs[string(key)]; ok {
			count += int(l.chunks) + 1
			bytes += int(l.chunks)*(13+entryBytes) + len(key) + 1 + entryBytes
		}
	}
	for _, p := range b.Puts {
		old(p.Key)
		count++
		bytes += len(p.Key) + 1 + entryBytes
		if len(p.Value) <= chunkBytes {
			bytes += len(p.Value) + sealBytes
			continue
		}
		// Its index and its intent; and its chunks, if the batch names the key twice.
		n := int(newLong(0, len(p.Value)).chunks)
		count += 3 + n
		bytes += 2*len(p.Key) + 100 + 3*entryBytes + n*(13+entryBytes)
	}
	for _, k := range b.Deletes {
		old(k)
		count++
		bytes += len(k) + 1 + entryBytes
	}
	return count, bytes
}

// stage writes the pages and chunks of a batch, and puts the rest into t, which
// has room for it and, if there are any pages, nothing in it.
func (s *Store) stage(t *txn, b *state.Batch) error {
	for _, p := range b.Pages {
		es, err := s.put(t, p)
		if err != nil {
			return err
		}
		if err := t.addAll(es); err != nil {
			return err
		}
	}
	// Chunks go before the atomic part; then the transaction is emptied for it.
	var atomic []entry
	staged := len(b.Pages) > 0
	for _, p := range b.Puts {
		if len(p.Value) > chunkBytes && !staged && !t.empty() {
			if err := t.commit(); err != nil {
				return err
			}
		}
		es, err := s.put(t, p)
		if err != nil {
			return err
		}
		staged = staged || len(p.Value) > chunkBytes
		atomic = append(atomic, es...)
	}
	for _, k := range b.Deletes {
		atomic = append(atomic, s.remove(k)...)
		atomic = append(atomic, entry{key: valueKey(k), del: true})
	}
	if staged && !t.empty() {
		if err := t.commit(); err != nil {
			return err
		}
	}
	t.entries = append(t.entries, atomic...)
	for _, e := range atomic {
		t.bytes += e.size()
	}
	return nil
}

// put returns what puts a value at once. Chunks are written on the way.
func (s *Store) put(t *txn, p state.Pair) ([]entry, error) {
	key := valueKey(p.Key)
	out := s.remove(p.Key)
	if len(p.Value) <= chunkBytes {
		return append(out, entry{key: key, value: seal(kindInline, key, p.Value)}), nil
	}
	s.mark.gen++
	l := newLong(s.mark.gen, len(p.Value))
	intent := intentKey(l.gen)
	if err := t.add(entry{key: intent, value: seal(kindIntent, intent, binary.BigEndian.AppendUint32(nil, l.chunks))}); err != nil {
		return nil, err
	}
	for i := range l.chunks {
		k := chunkKey(l.gen, i)
		part := p.Value[int(i)*chunkBytes:]
		if err := t.add(entry{key: k, value: seal(kindChunk, k, part[:min(len(part), chunkBytes)])}); err != nil {
			return nil, err
		}
	}
	s.longs[string(p.Key)] = l
	index := longKey(p.Key)
	return append(out,
		entry{key: key, value: seal(kindLong, key, l.encode())},
		entry{key: index, value: seal(kindLong, index, l.encode())},
		entry{key: intent, del: true},
	), nil
}

// remove returns what frees the chunks that a key has, if it has any.
func (s *Store) remove(key []byte) []entry {
	l, ok := s.longs[string(key)]
	if !ok {
		return nil
	}
	delete(s.longs, string(key))
	out := []entry{{key: longKey(key), del: true}}
	for i := range l.chunks {
		out = append(out, entry{key: chunkKey(l.gen, i), del: true})
	}
	return out
}

func decodeIntent(key, value []byte) (gen uint64, chunks uint32, err error) {
	if len(key) != 9 || len(value) != 4 {
		return 0, 0, fmt.Errorf("a mark of unfinished chunks has %d and %d bytes", len(key), len(value))
	}
	return binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint32(value), nil
}

// entryBytes is more than what Badger counts for an entry beside key and value.
const entryBytes = 16

// entry is one change of a key in Badger.
type entry struct {
	key, value []byte
	del        bool
}

func (e entry) size() int { return len(e.key) + len(e.value) + entryBytes }

// txn gathers what becomes durable at once.
type txn struct {
	s         *Store
	entries   []entry
	bytes     int
	committed bool // something was, and HEAD does not know
}

func (s *Store) begin() *txn { return &txn{s: s} }

func (t *txn) empty() bool { return len(t.entries) == 0 }

func (t *txn) fits(count, bytes int) bool {
	return len(t.entries)+count <= t.s.countMax && t.bytes+bytes <= t.s.bytesMax
}

// add puts an entry into the transaction, or into the next.
func (t *txn) add(e entry) error { return t.addAll([]entry{e}) }

// addAll puts entries into one transaction: this one, or the next.
func (t *txn) addAll(es []entry) error {
	bytes := 0
	for _, e := range es {
		bytes += e.size()
	}
	if !t.empty() && (!t.fits(len(es), bytes) || t.bytes+bytes > t.s.pageBytes) {
		if err := t.commit(); err != nil {
			return err
		}
	}
	t.entries = append(t.entries, es...)
	t.bytes += bytes
	return nil
}

// commit makes what was gathered durable and begins anew.
func (t *txn) commit() error {
	t.s.mark.seq++
	key := ringKey(t.s.mark.seq)
	tx := t.s.db.NewTransaction(true)
	defer tx.Discard()
	if err := tx.Set(key, seal(kindRing, key, t.s.mark.encode())); err != nil {
		return err
	}
	for _, e := range t.entries {
		if err := apply(tx, e); err != nil {
			return fmt.Errorf("key %q: %w", e.key, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	t.entries, t.bytes, t.committed = t.entries[:0], 0, true
	return nil
}

func apply(tx *badger.Txn, e entry) error {
	if e.del {
		return tx.Delete(e.key)
	}
	return tx.Set(e.key, e.value)
}

// finish commits the rest and moves HEAD.
func (t *txn) finish() error {
	if !t.empty() {
		if err := t.commit(); err != nil {
			return err
		}
	}
	if !t.committed {
		return nil
	}
	return t.s.head.write(t.s.mark.seq)
}

package badger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"weir/operators/state"
)

// ErrDamaged is returned by Open for a store that is not what was written. What
// is derived from the log can be made again: move the directory away.
var ErrDamaged = errors.New("the state store is damaged")

// ErrClosed is returned by a Write to a closed store.
var ErrClosed = errors.New("the state store is closed")

// Config says where a store is.
type Config struct {
	Dir    string // made if it is not there
	Logger *slog.Logger
}

// Store is a state.Store in a directory. It is safe for concurrent use.
type Store struct {
	db     *badger.DB
	dir    string
	head   *head
	queue  chan *request
	closed chan struct{} // closed by Close
	wg     sync.WaitGroup

	// of the committer
	mark      mark
	longs     map[string]long // keys with long values; one entry per 256 KiB of disk at most
	failure   error           // why nothing is written any more
	countMax  int             // entries in a transaction
	bytesMax  int             // of a transaction
	pageBytes int             // of a transaction that need not be one
}

// tuning is Badger's options: measured, see the notes at each.
func tuning(cfg Config) badger.Options {
	return badger.DefaultOptions(cfg.Dir).
		WithSyncWrites(true).       // else what is acknowledged is not there after a power cut
		WithDetectConflicts(false). // one committer has no conflicts
		WithNumVersionsToKeep(1).
		WithMemTableSize(16 << 20). // 22 MB of heap each; a transaction is 15 % of it
		WithNumMemtables(2).
		WithNumLevelZeroTables(4).WithNumLevelZeroTablesStall(12).
		WithNumCompactors(2). // the least there can be
		WithCompression(options.Snappy).
		WithBlockCacheSize(8 << 20).
		WithIndexCacheSize(8 << 20).
		WithValueLogFileSize(1 << 20). // it stays empty; this is what is mapped for it
		WithMetricsEnabled(false).
		WithChecksumVerificationMode(options.NoVerification). // verify and our own checksums; Badger's modes lose rows in silence
		WithLogger(logs{cfg.Logger})
}

// Open opens the store of a directory, or makes one. It returns ErrDamaged if
// anything of what was acknowledged is missing or not what it was.
func Open(cfg Config) (*Store, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{dir: cfg.Dir, queue: make(chan *request, 64), closed: make(chan struct{}), longs: make(map[string]long)}
	if err := s.open(tuning(cfg)); err != nil {
		if s.db != nil {
			err = errors.Join(err, s.db.Close())
		}
		if s.head != nil {
			err = errors.Join(err, s.head.close())
		}
		return nil, fmt.Errorf("open state store %s: %w", cfg.Dir, err)
	}
	s.wg.Add(1)
	go s.commitAll()
	return s, nil
}

func (s *Store) open(opt badger.Options) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	fresh, err := isFresh(s.dir)
	if err != nil {
		return err
	}
	if s.head, err = openHead(s.dir, fresh); err != nil {
		if errors.Is(err, errHeld) {
			return fmt.Errorf("%s: %w", holder(s.dir), err)
		}
		return err
	}
	if fresh && s.head.seq > 0 {
		return fmt.Errorf("%w: %s says that there were %d writes, and there is no database", ErrDamaged, s.head.file.Name(), s.head.seq)
	}
	if err := verify(opt); err != nil {
		return err
	}
	db, err := badger.Open(opt) // with an error it may come half made, and Close would panic
	if err != nil {
		if strings.Contains(err.Error(), "directory lock") {
			return fmt.Errorf("%s: %w", holder(s.dir), err)
		}
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	s.db = db
	s.countMax = int(s.db.MaxBatchCount()) - 8
	s.bytesMax = int(s.db.MaxBatchSize()) - 4096
	s.pageBytes = min(s.bytesMax, 2<<20)
	if err := s.loadRing(); err != nil {
		return err
	}
	if err := s.loadLongs(); err != nil {
		return err
	}
	return s.sweep()
}

// isFresh tells whether there is no database in a directory: nothing of Badger's.
func isFresh(dir string) (bool, error) {
	for _, pattern := range []string{manifestFile, "*.sst", "*.mem"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) > 0 {
			return false, err
		}
	}
	return true, nil
}

// holder says who has a directory, by the file in which Badger leaves its process.
func holder(dir string) string {
	pid, err := os.ReadFile(filepath.Join(dir, "LOCK"))
	if err != nil || len(strings.TrimSpace(string(pid))) == 0 {
		return "another process has it open"
	}
	return "process " + strings.TrimSpace(string(pid)) + " has it open"
}

// loadRing reads the numbers of the last transactions and misses what is missing.
func (s *Store) loadRing() error {
	seen := make(map[uint64]bool)
	err := s.each([]byte{keyRing}, kindRing, func(key, value []byte) error {
		m, err := decodeMark(value)
		if err != nil || string(ringKey(m.seq)) != string(key) {
			return fmt.Errorf("%w: a mark of the ring is wrong", ErrDamaged)
		}
		seen[m.seq] = true
		if m.seq > s.mark.seq {
			s.mark = m
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.mark.seq < s.head.seq {
		return fmt.Errorf("%w: its last %d writes are lost (it ends at %d of %d)", ErrDamaged, s.head.seq-s.mark.seq, s.mark.seq, s.head.seq)
	}
	want := min(s.mark.seq, ringSlots)
	for seq := s.mark.seq; seq > s.mark.seq-want; seq-- {
		if !seen[seq] {
			return fmt.Errorf("%w: write %d of %d is lost", ErrDamaged, seq, s.mark.seq)
		}
	}
	return nil
}

// loadLongs reads which keys have long values.
func (s *Store) loadLongs() error {
	return s.each([]byte{keyLong}, kindLong, func(key, value []byte) error {
		l, err := decodeLong(value)
		if err != nil {
			return fmt.Errorf("%w: key %q: %w", ErrDamaged, key[1:], err)
		}
		s.longs[string(key[1:])] = l
		return nil
	})
}

// sweep deletes the chunks of values that were never finished.
func (s *Store) sweep() error {
	t := s.begin()
	err := s.each([]byte{keyIntent}, kindIntent, func(key, value []byte) error {
		gen, chunks, err := decodeIntent(key, value)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		for i := range chunks {
			if err := t.add(entry{key: chunkKey(gen, i), del: true}); err != nil {
				return err
			}
		}
		return t.add(entry{key: append([]byte(nil), key...), del: true})
	})
	if err != nil || t.empty() && !t.committed {
		return err
	}
	return t.finish()
}

// each calls fn for the keys of Badger with a prefix, with their values unsealed.
func (s *Store) each(prefix []byte, kind byte, fn func(key, value []byte) error) error {
	return s.db.View(func(txn *badger.Txn) error {
		opt := badger.DefaultIteratorOptions
		opt.Prefix, opt.PrefetchSize = prefix, 16
		it := txn.NewIterator(opt)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			err := item.Value(func(stored []byte) error {
				k, value, err := unseal(item.Key(), stored)
				if err != nil || k != kind {
					return fmt.Errorf("%w: key %q: %w", ErrDamaged, item.Key(), errors.Join(err, kindError(k, kind)))
				}
				return fn(item.Key(), value)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func kindError(got, want byte) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("it is of kind %d, not %d", got, want)
}

// Close ends the committer and closes the database.
func (s *Store) Close() error {
	close(s.closed)
	s.wg.Wait()
	return errors.Join(s.db.Close(), s.head.close())
}

var _ state.Store = (*Store)(nil)

// Write makes a batch durable; see state.Store. It waits for the one before it
// and may share a transaction with those behind it. It refuses a batch whose
// atomic part does not fit into one transaction.
func (s *Store) Write(ctx context.Context, b *state.Batch) error {
	if err := check(b); err != nil {
		return err
	}
	if b.Empty() {
		return ctx.Err()
	}
	r := &request{batch: b, done: make(chan error, 1)}
	select {
	case <-s.closed:
		return ErrClosed
	default:
	}
	select {
	case s.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return ErrClosed
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return ctx.Err() // the committer passes it over
		}
	case <-s.closed:
		if r.taken.CompareAndSwap(false, true) {
			return ErrClosed
		}
	}
	return <-r.done
}

func check(b *state.Batch) error {
	for _, pairs := range [][]state.Pair{b.Pages, b.Puts} {
		for _, p := range pairs {
			if err := checkKey(p.Key); err != nil {
				return err
			}
			if len(p.Value) > valueBytesMax {
				return fmt.Errorf("state: value of key %q has %d bytes; the most is %d", p.Key, len(p.Value), valueBytesMax)
			}
		}
	}
	for _, k := range b.Deletes {
		if err := checkKey(k); err != nil {
			return err
		}
	}
	return nil
}

func checkKey(key []byte) error {
	if len(key) == 0 || len(key) > keyBytesMax {
		return fmt.Errorf("state: a key has 1 to %d bytes, this one %d", keyBytesMax, len(key))
	}
	return nil
}

package badger

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"weir/operators/state"
)

// Get returns the value of a key; see state.Store.
func (s *Store) Get(key []byte) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	var out []byte
	err := s.db.View(func(tx *badger.Txn) error {
		item, err := tx.Get(valueKey(key))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return state.ErrNotFound
		}
		if err != nil {
			return err
		}
		stored, err := item.ValueCopy(nil)
		if err != nil {
			return &state.DamagedError{Key: key, Why: err.Error()}
		}
		out, err = value(tx, item.Key(), stored)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Scan calls fn for the keys with a prefix, as they were when it began; see
// state.Store. What is written meanwhile keeps the disk space of what it replaces
// until the scan is over.
func (s *Store) Scan(prefix []byte, fn func(key, value []byte) error) error {
	return s.db.View(func(tx *badger.Txn) error {
		opt := badger.DefaultIteratorOptions
		opt.Prefix, opt.PrefetchSize = valueKey(prefix), 8
		it := tx.NewIterator(opt)
		defer it.Close()
		var stored []byte
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			var err error
			if stored, err = item.ValueCopy(stored[:0]); err != nil {
				return &state.DamagedError{Key: item.KeyCopy(nil)[1:], Why: err.Error()}
			}
			v, err := value(tx, item.Key(), stored)
			if err != nil {
				return err
			}
			if err := fn(item.Key()[1:], v); err != nil {
				return err
			}
		}
		return nil
	})
}

// value returns what was put under a key of Badger. A long value is put together;
// a short one shares memory with stored.
func value(tx *badger.Txn, key, stored []byte) ([]byte, error) {
	kind, v, err := unseal(key, stored)
	if err == nil {
		switch kind {
		case kindInline:
			return v, nil
		case kindLong:
			var l long
			if l, err = decodeLong(v); err == nil {
				v, err = chunks(tx, l)
			}
			if err == nil {
				return v, nil
			}
		default:
			err = kindError(kind, kindInline)
		}
	}
	return nil, &state.DamagedError{Key: append([]byte(nil), key[1:]...), Why: err.Error()}
}

// chunks puts a long value together.
func chunks(tx *badger.Txn, l long) ([]byte, error) {
	out := make([]byte, 0, l.total)
	for i := range l.chunks {
		k := chunkKey(l.gen, i)
		item, err := tx.Get(k)
		if err != nil {
			return nil, fmt.Errorf("chunk %d of %d: %w", i, l.chunks, err)
		}
		err = item.Value(func(stored []byte) error {
			kind, v, err := unseal(k, stored)
			if err != nil {
				return err
			}
			out = append(out, v...)
			return kindError(kind, kindChunk)
		})
		if err != nil {
			return nil, fmt.Errorf("chunk %d of %d: %w", i, l.chunks, err)
		}
	}
	if uint64(len(out)) != l.total {
		return nil, fmt.Errorf("its chunks have %d bytes, not %d", len(out), l.total)
	}
	return out, nil
}

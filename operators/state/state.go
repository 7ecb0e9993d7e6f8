package state

import (
	"context"
	"errors"
	"fmt"
)

// ErrNotFound is returned for a key without a value.
var ErrNotFound = errors.New("no such key")

// DamagedError is returned for a value that is not what was written.
type DamagedError struct {
	Key []byte
	Why string
}

// Error says which value is damaged.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("state: value of key %q is damaged: %s", e.Key, e.Why)
}

// Store keeps values by key. It is safe for concurrent use.
type Store interface {
	// Get returns the value of a key, which the caller owns; ErrNotFound where
	// there is none, *DamagedError where it is not what was written.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for the keys with a prefix, in ascending order of bytes, until
	// fn returns an error, which it returns. Key and value are valid during the
	// call. It returns *DamagedError at the first value that is not what was written.
	Scan(prefix []byte, fn func(key, value []byte) error) error
	// Write makes a batch durable: first its pages, in any number of steps, then
	// everything else at once. After an error some pages may be there, of the rest
	// nothing. The batch must not be changed afterwards.
	Write(ctx context.Context, b *Batch) error
	// Close frees the store. No other call runs then.
	Close() error
}

// Batch is what one Write changes. The zero Batch is empty. It keeps the slices
// that it is given: they must not change before Write has returned.
type Batch struct {
	Pages   []Pair   // written first; not atomic among themselves
	Puts    []Pair   // atomic, together with Deletes
	Deletes [][]byte // keys; one that is not there is no error
}

// Pair is a key with its value.
type Pair struct{ Key, Value []byte }

// Page adds a value that nothing names before the rest of the batch is durable.
// It may be large.
func (b *Batch) Page(key, value []byte) { b.Pages = append(b.Pages, Pair{key, value}) }

// Put adds a value to the atomic part. All of these together should stay below
// 1 MiB.
func (b *Batch) Put(key, value []byte) { b.Puts = append(b.Puts, Pair{key, value}) }

// Delete removes a key in the atomic part.
func (b *Batch) Delete(key []byte) { b.Deletes = append(b.Deletes, key) }

// Empty tells whether the batch changes nothing.
func (b *Batch) Empty() bool { return len(b.Pages)+len(b.Puts)+len(b.Deletes) == 0 }

// Bytes returns the size of all keys and values.
func (b *Batch) Bytes() int {
	n := 0
	for _, p := range b.Pages {
		n += len(p.Key) + len(p.Value)
	}
	for _, p := range b.Puts {
		n += len(p.Key) + len(p.Value)
	}
	for _, k := range b.Deletes {
		n += len(k)
	}
	return n
}

// Writer takes the state of one operator at a cut. Names are the operator's own;
// they are not longer than 64 bytes.
type Writer interface {
	// Put stores a page. The writer owns data from then on.
	Put(name string, data []byte)
	// Keep says that a page is what it was in the operator's snapshot before. A
	// page that is neither put nor kept is gone.
	Keep(name string)
}

// Reader gives an operator the pages of its last snapshot.
type Reader interface {
	// Names returns the names of all pages, in ascending order.
	Names() []string
	// Get returns a page, which the caller owns; ErrNotFound where there is none.
	Get(name string) ([]byte, error)
}

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"weir/ingest/wal"
	"weir/operators/state"
	"weir/operators/state/badger"
	"weir/operators/stream"
)

// errAhead is returned for a store that knows of commits that the log does not have.
var errAhead = errors.New("the state store is ahead of the log")

// markKey is where the store keeps which log it belongs to.
const (
	markKey = "cl"
	markV   = 1
)

// mark says to which log a store belongs, and how much of it there was at the last
// write: nothing in the store is of a later commit.
type mark struct {
	Version int           `json:"v"`
	Log     uint64        `json:"log,string"`
	Commit  stream.Commit `json:"commit"`
	Arrival stream.Time   `json:"arrival"` // of that commit
}

// putMark adds to a batch how much of the log there is.
func putMark(log *wal.Log, b *state.Batch) error {
	m := mark{Version: markV, Log: log.ID()}
	m.Commit, m.Arrival = log.Newest()
	text, err := json.Marshal(m)
	if err == nil {
		b.Put([]byte(markKey), text)
	}
	return err
}

// checkMark compares a store with the log: one that has seen another log, or
// commits that the log does not have or has differently, would show what no log says.
func checkMark(store state.Store, log *wal.Log) error {
	text, err := store.Get([]byte(markKey))
	if errors.Is(err, state.ErrNotFound) {
		return nil // nothing was ever written
	}
	var damaged *state.DamagedError
	if errors.As(err, &damaged) {
		return fmt.Errorf("%w: %w", badger.ErrDamaged, err)
	}
	var m mark
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: which log it belongs to: %w", badger.ErrDamaged, err)
	case m.Version != markV:
		return fmt.Errorf("the state store has version %d; this weir knows version %d", m.Version, markV)
	case m.Log != log.ID():
		return fmt.Errorf("%w: bring its own back, or move the folder `state` away, and it is made again from the log", errOtherLog)
	case m.Commit > log.Recovered():
		return fmt.Errorf("%w: it knows commit %d, and the log ends at commit %d", errAhead, m.Commit, log.Recovered())
	}
	arrival, err := log.ArrivalOf(m.Commit)
	if behindRetention(err) != nil {
		return nil // the catalog and each view look for themselves whether it is too old
	}
	if err == nil && arrival != m.Arrival {
		err = fmt.Errorf("%w: commit %d is another one than it was", errAhead, m.Commit)
	}
	return err
}

// openStore opens what lies beside the log's segments. A store that is damaged, or
// that knows what the log has lost, is moved away as long as the log still has
// everything that it is made from.
func (s *server) openStore() error {
	cfg := badger.Config{Dir: filepath.Join(s.cfg.Dir, "state"), Logger: s.cfg.Logger}
	store, err := s.openMarked(cfg)
	if errors.Is(err, badger.ErrDamaged) || errors.Is(err, errAhead) {
		if s.log.RemovedControls() > 0 {
			return fmt.Errorf("%w; the log no longer has all that it was made from, so it cannot be made again: bring back the data directory as it was", err)
		}
		away := fmt.Sprintf("%s.damaged-%s", cfg.Dir, time.Now().UTC().Format("20060102T150405.000"))
		s.cfg.Logger.Warn("the state store cannot be used: it is moved away and made again from the log", "moved", away, "error", err)
		if err := os.Rename(cfg.Dir, away); err != nil {
			return err
		}
		store, err = s.openMarked(cfg)
	}
	if err != nil {
		return err
	}
	s.db.store, s.db.cursors = store, storedCursors{store}
	return nil
}

// openMarked opens a store of this log.
func (s *server) openMarked(cfg badger.Config) (*badger.Store, error) {
	store, err := badger.Open(cfg)
	if err != nil {
		return nil, err
	}
	if err := checkMark(store, s.log); err != nil {
		return nil, errors.Join(fmt.Errorf("open state store %s: %w", cfg.Dir, err), store.Close())
	}
	return store, nil
}

func (s *server) closeStore() error {
	if s.db.store == nil {
		return nil
	}
	return s.db.store.Close()
}

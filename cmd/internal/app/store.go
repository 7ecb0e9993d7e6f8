package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"weir/operators/state/badger"
)

// openStore opens what lies beside the log's segments. A damaged store is moved
// away as long as the log still has everything that it was made from.
func (s *server) openStore() error {
	dir := filepath.Join(s.cfg.Dir, "state")
	cfg := badger.Config{Dir: dir, Logger: s.cfg.Logger}
	store, err := badger.Open(cfg)
	if errors.Is(err, badger.ErrDamaged) && s.log.RemovedControls() == 0 {
		away := fmt.Sprintf("%s.damaged-%s", dir, time.Now().UTC().Format("20060102T150405.000"))
		s.cfg.Logger.Warn("the state store is damaged: it is moved away and made again from the log", "moved", away, "error", err)
		if err := os.Rename(dir, away); err != nil {
			return err
		}
		store, err = badger.Open(cfg)
	}
	if err != nil {
		return err
	}
	s.db.store, s.db.cursors = store, storedCursors{store}
	return nil
}

func (s *server) closeStore() error {
	if s.db.store == nil {
		return nil
	}
	return s.db.store.Close()
}

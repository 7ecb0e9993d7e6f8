package app

import (
	"context"
	"errors"
	"time"
)

// A stop takes at most the sum of these, and the log's last write.
const (
	stopRequestsWithin = 5 * time.Second // requests and websockets, to end
	stopSaveWithin     = time.Second     // views, to show what was acknowledged, before they are saved
	stopQueriesWithin  = 3 * time.Second // queries, to let go of what they hold
)

// stop ends requests, subscriptions, queries and the log, in this order: what was
// acknowledged is in the log, and the next start continues from it. Views are
// saved when nobody writes any more, so that it has nothing to read again.
func (s *server) stop() error {
	began := time.Now()
	s.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), stopRequestsWithin)
	defer cancel()
	errs := []error{s.page.Close(ctx)}
	s.kinesis.Close()
	// Live results end with their queries; waiting for them first would be in vain.
	s.db.stop()
	if err := s.http.Shutdown(ctx); err != nil {
		errs = append(errs, s.http.Close())
	}
	if s.db.saver != nil {
		s.db.saver.saveLast(stopSaveWithin)
	}
	replay := s.db.replay()
	if !within(stopQueriesWithin, s.db.close) {
		// They only read: the log is whole without them, and the process ends.
		s.cfg.Logger.Warn("queries did not end in time", "waited", stopQueriesWithin.String())
	}
	errs = append(errs, s.closeStore(), s.log.Close(), s.closeFiles())
	err := errors.Join(errs...)
	if err == nil {
		s.sayGoodbye(time.Since(began), replay)
	}
	return err
}

// sayGoodbye says what was saved and how to go on.
func (s *server) sayGoodbye(took time.Duration, replay string) {
	head, _ := s.log.Head()
	resume := s.cfg.Resume
	if resume == "" {
		resume = "weir serve --data " + shellWord(s.cfg.Dir)
	}
	st := s.log.Stats()
	s.cfg.Logger.Info("stopped; everything acknowledged is saved",
		"data", s.cfg.Dir, "commit", int64(head), "records", st.Records, "bytes", st.StoredBytes,
		"replay", replay, "took", took.Round(time.Millisecond).String(), "resume", resume)
}

// within runs f and tells whether it returned in time.
func within(d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

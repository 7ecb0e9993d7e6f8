package app

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// retain tells the log how long the records of each stream are kept. Files are
// removed only once those who need old ones have said so.
func (db *database) retain() {
	if db.log == nil || db.replaying {
		return
	}
	r := wal.Retention{
		Streams: make(map[uint32]time.Duration), Since: make(map[uint32]stream.Time), Producers: make(map[uint32]bool),
		Last: db.catalog.Last(), Keep: !db.removing.Load(),
	}
	for _, q := range db.catalog.Queries() {
		r.Producers[q.ID] = true
	}
	for _, s := range db.catalog.Streams() {
		if s.Raw == "" {
			r.Streams[s.ID] = s.Retention
			if s.Since > 0 {
				r.Since[s.ID] = s.Since
			}
		}
	}
	db.log.SetRetention(r)
}

// startTries is how often a query is opened again whose first commit was removed
// in the same moment.
const startTries = 3

// openFrom reads streams of the log from a start on, or from their oldest records
// where these are later.
func (db *database) openFrom(scans []*physical.Scan, rel *relations, start string) (*input, error) {
	for try := 1; ; try++ {
		begins := make([]begin, len(scans))
		head, _ := db.log.Head()
		for i := range scans {
			var err error
			if begins[i], err = db.startCommit(rel.of(scans, i).stream, start, head); err != nil {
				return nil, err
			}
		}
		in, err := db.scanLog(scans, rel, begins)
		if behindRetention(err) == nil || try == startTries {
			return in, tooSlow(err)
		}
	}
}

// startCommit is the commit behind which a query begins, and whether the query has
// to be told that the stream ended before.
func (db *database) startCommit(def *catalog.Stream, start string, head stream.Commit) (begin, error) {
	at, err := parseStart(start, db.now())
	if err != nil {
		return begin{}, diag.New(diag.BadOption, diag.Span{}, "%s", err)
	}
	after := head
	if at != stream.MaxTime {
		after = db.log.Horizon(def.Log()).After
		if at != stream.MinTime {
			after = max(after, db.log.CommitAt(at))
		}
	}
	end := stream.Commit(0)
	if after > 0 {
		end, err = db.log.EndOf(db.ctx, def.Log())
	}
	return begin{after: after, ended: end > 0 && end <= after}, err
}

// behindRetention finds out that a query stopped because what it wanted to read
// was removed.
func behindRetention(err error) *wal.BehindRetentionError {
	var behind *wal.BehindRetentionError
	if errors.As(err, &behind) {
		return behind
	}
	return nil
}

// tooSlow says so to who reads a query that fell behind the retention.
func tooSlow(err error) error {
	if behind := behindRetention(err); behind != nil {
		return diag.New(diag.External, diag.Span{}, "%s", behind).
			WithHint("rows expired faster than they were read: start again, read faster, or give the stream a longer retention")
	}
	return err
}

// retained returns what the log keeps of a stream, and when the oldest of it
// arrived, MinTime where there is none.
func (db *database) retained(s *catalog.Stream) (bytes int64, oldest stream.Time) {
	if s.Connector != "" || db.log == nil {
		return 0, stream.MinTime
	}
	r := db.log.Retained(s.Log())
	return r.Bytes, r.Oldest
}

func retentionText(s *catalog.Stream) string {
	switch {
	case s.Connector != "":
		return ""
	case s.Retention == 0:
		return "forever"
	}
	return s.Retention.String()
}

// showRetained is what SHOW STREAMS says of what is kept.
func (db *database) showRetained(s *catalog.Stream) []any {
	if s.Connector != "" || db.log == nil {
		return []any{nil, nil, nil}
	}
	bytes, oldest := db.retained(s)
	return []any{retentionText(db.logOf(s)), showTime(oldest), bytes}
}

// sizeUnits are the units of a size in bytes.
func sizeUnits() map[string]float64 {
	return map[string]float64{
		"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
	}
}

// parseReserve reads --disk-reserve as wal.Config has it: "" is the default, 0,
// and "0" is none, -1.
func parseReserve(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	digits := strings.TrimRight(text, "bBkKmMgGtTiI ")
	unit, known := sizeUnits()[strings.ToUpper(strings.TrimSpace(text[len(digits):]))]
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known || !(n >= 0) || n*unit > math.MaxInt64/2 {
		return 0, fmt.Errorf("--disk-reserve %q is no size; write for example 512MiB, 2GiB or 0", text)
	}
	if n == 0 {
		return -1, nil
	}
	return int64(math.Ceil(n * unit)), nil
}

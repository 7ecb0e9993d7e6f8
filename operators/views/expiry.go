package views

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
)

// expiryGrains is into how many grains a view's retention is cut: rows leave by
// the grain, so that a watermark that moves with every step does not mean a
// search in every step. What leaves when is still a function of W alone.
const expiryGrains = 256

// expiry decides which rows are too old.
type expiry struct {
	retention time.Duration
	grain     stream.Time
	below     stream.Time // rows older than that have left
	oldest    stream.Time // no row that is shown is older
}

func newExpiry(retention time.Duration) expiry {
	grain := stream.Time(retention / time.Microsecond / expiryGrains)
	return expiry{retention: retention, grain: max(grain, 1), below: stream.MinTime, oldest: noTime}
}

// lower takes note of a row that is shown.
func (e *expiry) lower(p *page, t stream.Time) {
	p.oldest = min(p.oldest, t)
	e.oldest = min(e.oldest, t)
}

// advance moves the bound behind the watermark. A stream that has ended has no
// time any more, so what was there at its end stays.
func (e *expiry) advance(w stream.Time) {
	if e.retention == 0 || w == stream.MinTime || w == stream.MaxTime {
		return
	}
	t := w.Add(-e.retention)
	if t == stream.MinTime {
		return
	}
	off := t % e.grain
	if off < 0 {
		off += e.grain
	}
	e.below = max(e.below, t-off)
}

// eventTimes are the time column of a batch; the zero value has no times.
type eventTimes struct {
	us   []arrow.Timestamp
	days []arrow.Date32
	col  arrow.Array
}

func (e *expiry) times(rec arrow.RecordBatch, column int) eventTimes {
	if e.retention == 0 {
		return eventTimes{}
	}
	switch col := rec.Column(column).(type) {
	case *array.Timestamp:
		return eventTimes{us: col.TimestampValues(), col: col}
	case *array.Date32:
		return eventTimes{days: col.Date32Values(), col: col}
	}
	return eventTimes{}
}

// at returns the time of a row, noTime for NULL.
func (t *eventTimes) at(i int) stream.Time {
	switch {
	case t.col == nil || t.col.IsNull(i):
		return noTime
	case t.us != nil:
		return stream.Time(t.us[i])
	}
	return stream.Time(t.days[i]) * stream.Time(24*time.Hour/time.Microsecond)
}

func (t *eventTimes) oldest(from, to int) stream.Time {
	out := noTime
	if t.col == nil {
		return out
	}
	for i := from; i < to; i++ {
		out = min(out, t.at(i))
	}
	return out
}

// expire takes out the rows that the watermark has left too far behind.
func (v *View) expire() error {
	e := &v.expiry
	e.advance(v.state.W)
	if e.oldest >= e.below {
		return nil
	}
	e.oldest = noTime
	for _, p := range v.table {
		if p == nil || p.liveN == 0 {
			continue
		}
		if p.oldest < e.below {
			if err := v.expirePage(p); err != nil {
				return err
			}
		}
		e.oldest = min(e.oldest, p.oldest)
	}
	return nil
}

func (v *View) expirePage(p *page) error {
	b, err := v.borrow(p)
	if err != nil {
		return err
	}
	p.oldest = noTime
	for i := range b.parts {
		part := &b.parts[i]
		times := v.expiry.times(part.rec, v.cfg.TimeColumn)
		for r := range int(part.rec.NumRows()) {
			row := part.first + r
			if !p.shows(row) {
				continue
			}
			if t := times.at(r); t >= v.expiry.below {
				p.oldest = min(p.oldest, t)
				continue
			}
			if err := v.unlink(p, row, 0); err != nil {
				return err
			}
			v.kill(p, row)
			v.state.Expired++
			v.state.Changes++
		}
	}
	return nil
}

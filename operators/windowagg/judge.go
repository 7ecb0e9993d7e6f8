package windowagg

import (
	"time"

	"weir/operators/stream"
	"weir/windows"
)

// judge finds runs of rows that belong to the same entry, so that the tables are
// looked up per run and not per row.
type judge struct {
	spec     windows.Spec
	lateness time.Duration
	width    stream.Time
	recent   [4]sliceBounds // slices that rows came for lately; rows in disorder alternate
	turn     int
}

// sliceBounds is what a slice says about its rows.
type sliceBounds struct {
	lo, hi   stream.Time // event times in [lo, hi); empty: unused
	firstEnd stream.Time // of the windows over it, if none is missed
	lateAt   stream.Time // a row misses a window iff its W is at least this
}

// run is a stretch of rows, up to hi, with one verdict, as windows.FirstEnd gives it.
type run struct {
	entryKey
	hi         int
	missed, ok bool
}

func newJudge(spec windows.Spec, lateness time.Duration) judge {
	return judge{spec: spec, lateness: lateness, width: stream.Time(spec.Width() / time.Microsecond)}
}

// next judges row lo and finds how far the same verdict reaches. times are the
// event times and ws the shard's watermark before each row.
func (j *judge) next(times, ws []int64, lo int) run {
	t, w := stream.Time(times[lo]), stream.Time(ws[lo])
	s := j.bounds(t)
	hi := lo + 1
	if s.firstEnd != stream.MinTime && w < s.lateAt {
		for hi < len(times) && stream.Time(times[hi]) >= s.lo && stream.Time(times[hi]) < s.hi && stream.Time(ws[hi]) < s.lateAt {
			hi++
		}
		return run{entryKey{s.lo, s.firstEnd}, hi, false, true}
	}
	end, missed, ok := j.spec.FirstEnd(t, w, j.lateness)
	return run{entryKey{s.lo, end}, hi, missed, ok}
}

// bounds returns the slice of t.
func (j *judge) bounds(t stream.Time) *sliceBounds {
	for i := range j.recent {
		if s := &j.recent[i]; t >= s.lo && t < s.hi {
			return s
		}
	}
	s := &j.recent[j.turn]
	j.turn = (j.turn + 1) % len(j.recent)
	s.lo = j.spec.Slice(t)
	s.hi = stream.MaxTime
	if s.lo < stream.MaxTime-j.width {
		s.hi = s.lo + j.width
	}
	end, _, ok := j.spec.FirstEnd(t, stream.MinTime, j.lateness)
	if !ok {
		end = stream.MinTime
	}
	s.firstEnd, s.lateAt = end, end.Add(j.lateness)
	return s
}

package windowagg

import (
	"time"

	"weir/operators/stream"
	"weir/windows"
)

// judge finds runs of rows that belong to the same entry, so that the tables are
// looked up per run and not per row.
type judge struct {
	grid     *windows.Grid
	lateness time.Duration
	recent   [4]sliceBounds // slices that rows came for lately; rows in disorder alternate
	turn     int
}

// sliceBounds is what a slice says about its rows.
type sliceBounds struct {
	lo, hi   stream.Time // event times in [lo, hi); empty: unused
	firstEnd stream.Time // of the windows over it, if none is missed
	lateAt   stream.Time // a row misses a window iff its W is at least this
}

// run is a stretch of rows, up to hi, with one verdict, as Grid.Judge gives it.
type run struct {
	entryKey
	hi         int
	missed, ok bool
}

func newJudge(grid *windows.Grid, lateness time.Duration) judge {
	return judge{grid: grid, lateness: lateness}
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
	end, missed, ok := j.grid.Judge(t, w, j.lateness)
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
	k := j.grid.Number(t)
	s.lo, s.hi = j.grid.Time(k), j.grid.Time(k+1)
	end := stream.MinTime
	if first := j.grid.FirstEnd(k); first <= j.grid.LastEnd(k) {
		end = j.grid.Time(first)
	}
	s.firstEnd, s.lateAt = end, end.Add(j.lateness)
	return s
}

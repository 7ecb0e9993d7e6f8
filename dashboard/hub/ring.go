package hub

import (
	"time"

	"weir/operators/stream"
)

// step is the change of one step.
type step struct {
	commit stream.Commit
	at     time.Time
	rows   []change
	bytes  int
}

// ring is the newest changes of a run, for who comes back and for who could not
// take a frame. It is bounded by bytes and by age.
type ring struct {
	bytesMax int
	ageMax   time.Duration

	hold  bool // a snapshot is being made, which the changes since then have to follow
	steps []step
	bytes int
	floor stream.Commit // every change behind this commit is here
}

func (r *ring) add(commit stream.Commit, now time.Time, rows []change) {
	s := step{commit: commit, at: now, rows: rows}
	for _, c := range rows {
		s.bytes += c.size()
	}
	r.steps = append(r.steps, s)
	r.bytes += s.bytes
	r.trim(now)
}

// trim forgets what is too much or too old.
func (r *ring) trim(now time.Time) {
	n, most := 0, r.bytesMax
	if r.hold {
		most *= 8
	}
	for ; n < len(r.steps) && (r.bytes > most || now.Sub(r.steps[n].at) > r.ageMax); n++ {
		r.bytes -= r.steps[n].bytes
		r.floor = r.steps[n].commit
	}
	if n > 0 {
		r.steps = append(r.steps[:0:0], r.steps[n:]...)
	}
}

// clear forgets everything up to a commit.
func (r *ring) clear(floor stream.Commit) {
	r.steps, r.bytes, r.floor = nil, 0, floor
}

// behind adds the changes behind a commit up; ok tells whether all are there.
func (r *ring) behind(commit stream.Commit, s style) (f *fold, ok bool) {
	if commit < r.floor {
		return nil, false
	}
	f = newFold(s)
	for _, st := range r.steps {
		if st.commit > commit {
			f.add(st.rows)
		}
	}
	return f, true
}

package windowagg

import (
	"weir/operators/stream"
	"weir/windows"
)

// WaitsFor returns the least watermark at which rows leave that came already, and
// false if none wait for one. Of a plan with updates none do.
func (p *partial) WaitsFor() (stream.Time, bool) {
	if p.n.Window.Kind == windows.None || p.n.Updates || len(p.entries) == 0 {
		return 0, false
	}
	return p.minEnd, true
}

// Kept returns how many groups the lane's half keeps, over all slices.
func (p *partial) Kept() int {
	n := 0
	for _, e := range p.entries {
		n += e.groups.size()
	}
	return n
}

// Kept returns how many groups the query's half knows.
func (f *final) Kept() int { return f.dict.groups.size() }

// WaitsFor is as that of the lane's half: the slices that the lanes have handed
// over may be part of windows that end later.
func (f *final) WaitsFor() (stream.Time, bool) {
	if !f.windowed() || f.n.Updates || f.w == stream.MinTime || f.w == stream.MaxTime {
		return 0, false
	}
	k, ok := f.nextEnd(nil, nil, f.firedTo, true)
	if !ok {
		return 0, false
	}
	return f.grid.Window(k).End, true
}

// WaitsFor is that of the session that closes first.
func (s *sessions) WaitsFor() (stream.Time, bool) {
	if s.n.Updates {
		return 0, false
	}
	end, found := stream.MaxTime, false
	for _, list := range s.open {
		for _, v := range list {
			if !v.shown {
				end, found = min(end, sessionBounds(v.fragment, s.gap).End), true
			}
		}
	}
	return end, found
}

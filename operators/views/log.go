package views

import (
	"errors"
	"fmt"
	"sort"

	"weir/operators/stream"
)

// ErrHoldLost is returned to the owner of a hold that kept back more changes than
// a view keeps for anybody.
var ErrHoldLost = errors.New("the hold was lost: its owner fell so far behind that the changes it held back were let go")

// Hold keeps the changes behind a commit from being forgotten, for a reader who
// must have every one: a sink. It is stored with the view, under its name, so
// that it holds from the start when its owner comes back. Whoever falls further
// behind than Config.HoldBytes loses it.
type Hold struct {
	view *View
	name string

	// Guarded by the view's lock.
	commit stream.Commit
	lost   bool
}

// Hold returns the hold of that name. A new one holds the changes from now on.
func (v *View) Hold(name string) *Hold {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.holds[name]
	if h == nil {
		h = &Hold{view: v, name: name, commit: v.state.Commit}
		v.holds[name] = h
		v.dirty = true
	}
	return h
}

// Holds returns the names of all holds, sorted.
func (v *View) Holds() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return sortedNames(v.holds)
}

// Commit returns the commit behind which changes are held.
func (h *Hold) Commit() stream.Commit {
	h.view.mu.Lock()
	defer h.view.mu.Unlock()
	return h.commit
}

// Err returns ErrHoldLost once the hold was lost. Its owner may Release it, and
// begin again with a new one and the view's content.
func (h *Hold) Err() error {
	h.view.mu.Lock()
	defer h.view.mu.Unlock()
	if h.lost {
		return fmt.Errorf("%w: %s at commit %d, the view knows back to %d", ErrHoldLost, h.name, h.commit, h.view.floor)
	}
	return nil
}

// Advance says that the owner has what came up to a commit for good. A hold never
// goes back.
func (h *Hold) Advance(commit stream.Commit) {
	h.view.mu.Lock()
	defer h.view.mu.Unlock()
	if commit > h.commit {
		h.commit = commit
		h.view.dirty = true
		h.view.trim()
	}
}

// Release ends the hold.
func (h *Hold) Release() {
	h.view.mu.Lock()
	defer h.view.mu.Unlock()
	if h.view.holds[h.name] == h {
		delete(h.view.holds, h.name)
		h.view.dirty = true
		h.view.trim()
	}
}

// trim forgets the oldest changes: those beyond what the log may be long, unless
// somebody holds them. The lock is held.
func (v *View) trim() {
	for len(v.log) > 0 && v.log[0].sealed {
		p := v.log[0]
		old := v.state.Clock != stream.MinTime && p.lastClock.Add(v.cfg.LogTime) < v.state.Clock
		if v.logBytes <= v.cfg.LogBytes && !old {
			return
		}
		if v.held(p) {
			if v.logBytes <= v.cfg.HoldBytes {
				return
			}
			v.lose(p)
		}
		v.log[0] = nil
		v.log = v.log[1:]
		v.logBytes -= p.bytes
		v.floorSeq, v.floor = p.lastSeq, p.lastCommit
		p.inLog = false
		p.version++
		v.weigh(p)
	}
}

// held tells whether somebody needs changes of a page.
func (v *View) held(p *page) bool {
	for _, h := range v.holds {
		if !h.lost && h.commit < p.lastCommit {
			return true
		}
	}
	return false
}

// lose takes the holds away that need changes of a page.
func (v *View) lose(p *page) {
	for _, h := range v.holds {
		if h.commit < p.lastCommit {
			h.lost = true
		}
	}
}

// logPage returns the first page of the log that ends at or behind a step with
// changes; nil if there is none.
func (v *View) logPage(seq uint64) *page {
	i := sort.Search(len(v.log), func(i int) bool { return v.log[i].lastSeq >= seq })
	if i == len(v.log) {
		return nil
	}
	return v.log[i]
}

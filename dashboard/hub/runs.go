package hub

import (
	"context"
	"slices"
)

// joinRun hands a member to a run of its plan: for who has a token one that began
// where the token says, for others any that has a content. If there is none it
// starts one.
func (h *Hub) joinRun(m *member) *run {
	id := m.plan.ID()
	h.runsMu.Lock()
	defer h.runsMu.Unlock()
	if id != "" {
		for _, r := range h.runs[id] {
			if r.accept(m) {
				return r
			}
		}
	}
	r := h.newRun(m)
	if id != "" {
		h.runs[id] = append(h.runs[id], r)
	}
	r.post(event{m: m})
	h.counters.runs.Add(1)
	h.conns.Add(1) // whoever is here is counted, so that Close still waits
	go func() {
		defer h.conns.Done()
		defer h.counters.runs.Add(-1)
		r.serve()
	}()
	return r
}

func (h *Hub) newRun(m *member) *run {
	ctx, cancel := context.WithCancel(h.base)
	r := &run{
		hub: h, plan: m.plan, hash: planHash(m.plan.ID()), shared: m.plan.ID() != "",
		style: styleOf(m.plan), log: m.log, ctx: ctx, cancel: cancel,
		wake: make(chan struct{}, 1), shots: make(chan *snapshot),
		ring:    ring{bytesMax: h.limits.ringBytes, ageMax: h.limits.grace},
		classes: make(map[classKey]*class), members: make(map[*member]struct{}),
	}
	if m.token != nil {
		r.place = Place{Start: m.token.start, After: uint64(m.token.commit)}
	}
	return r
}

// accept takes a member in, unless it belongs elsewhere.
func (r *run) accept(m *member) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	fits := !r.full
	if m.token != nil {
		fits = r.known && r.start == m.token.start || r.place.Start == m.token.start
	}
	if r.closed || !fits {
		return false
	}
	r.inbox = append(r.inbox, event{m: m})
	r.signal()
	return true
}

// post hands an event over. After the end nobody is interested.
func (r *run) post(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.inbox = append(r.inbox, e)
	r.signal()
}

func (r *run) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// forget takes a run that has ended out.
func (h *Hub) forget(r *run) {
	h.runsMu.Lock()
	defer h.runsMu.Unlock()
	id := r.plan.ID()
	h.runs[id] = slices.DeleteFunc(h.runs[id], func(o *run) bool { return o == r })
	if len(h.runs[id]) == 0 {
		delete(h.runs, id)
	}
}

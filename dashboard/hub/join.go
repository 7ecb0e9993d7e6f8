package hub

import (
	"slices"
	"sync"
	"time"

	"weir/operators/stream"
	"weir/sql/diag"
)

// snapshot is a content that the source made.
type snapshot struct {
	commit stream.Commit
	rows   []line
	point  point
	made   time.Time
	err    error
}

// snapshotFresh is for how long a snapshot is handed out: the changes since then
// come from the ring.
const snapshotFresh = time.Second

// takeInbox lets members join and leave.
func (r *run) takeInbox() {
	r.mu.Lock()
	inbox := r.inbox
	r.inbox = nil
	r.mu.Unlock()
	for _, e := range inbox {
		if e.leaves {
			r.leave(e.m)
			continue
		}
		r.members[e.m] = struct{}{}
		r.join(e.m)
	}
	r.serveWanting()
}

// leave takes a member out, wherever it is.
func (r *run) leave(m *member) {
	delete(r.members, m)
	if m.class != nil {
		m.class.remove(m)
	}
	for _, list := range []*[]*member{&r.early, &r.waiting, &r.wanting, &r.behind} {
		*list = slices.DeleteFunc(*list, func(o *member) bool { return o == m })
	}
}

// join decides how a member begins: behind its token, or with the content.
func (r *run) join(m *member) {
	if !r.begun && r.plan.Whole() && m.token != nil { // only the content tells what the token is worth
		r.early = append(r.early, m)
		return
	}
	m.class = r.class(m.key)
	resumed, reason, why := r.resumable(m)
	if reason != "" {
		r.hub.counters.resets.Add(1)
		m.put(resetMessage(m.id, reason, why))
	}
	msg, err := schemaMessage(m.id, m.class.framer.ch, r.plan, resumed)
	if err != nil {
		m.ended(err)
		r.leave(m)
		return
	}
	m.put(msg)
	if !resumed {
		r.want(m)
		return
	}
	r.hub.counters.resumed.Add(1)
	if m.at = m.token.commit; r.plan.Whole() {
		m.at = r.at // what is there now is what the client has
	}
	r.catchUp(m)
}

// resumable tells whether a member can go on behind its token, or else why a
// token is of no use.
func (r *run) resumable(m *member) (ok bool, reason, why string) {
	switch {
	case m.refused != "":
		return false, resetToken, m.refused
	case m.token == nil:
		return false, "", ""
	case r.plan.Whole():
		// What is different comes whole, so nothing is missed whatever the token says.
		return m.token.tag == r.tag, "", ""
	case r.gone != "" && (m.token.start != r.start || m.token.commit > r.at):
		return false, resetRetention, r.gone
	case m.token.start != r.start:
		return false, resetRetention, "the query cannot be run again from where it began"
	case m.token.commit < r.ring.floor:
		return false, resetRetention, "the changes behind the token are not known any more"
	}
	return true, "", ""
}

// want puts a member on the list for the content.
func (r *run) want(m *member) {
	r.wanting = append(r.wanting, m)
}

// serveWanting gives the content to those who want it, if it is there.
func (r *run) serveWanting() {
	if len(r.wanting) == 0 {
		return
	}
	switch {
	case r.table != nil && r.begun:
		now := time.Now()
		list := r.wanting
		r.wanting = nil
		for _, m := range list {
			m.class.flush(now)
			r.send(m, m.class.content(), r.at)
		}
	case r.source != nil && r.shot != nil && r.shot.commit >= r.ring.floor && time.Since(r.shot.made) < snapshotFresh:
		r.deliver(r.shot)
	case r.source == nil && r.table == nil:
		// The content became too large since the member was let in.
		list := r.wanting
		r.wanting = nil
		for _, m := range list {
			r.leave(m)
			m.again()
		}
	}
}

// makeSnapshot asks the source for the content if somebody wants it.
func (r *run) makeSnapshot(tasks *sync.WaitGroup) {
	r.serveWanting()
	if r.source == nil || r.making || len(r.wanting) == 0 {
		return
	}
	r.making = true
	tasks.Go(func() {
		s := r.newSnapshot()
		select {
		case r.shots <- s:
		case <-r.ctx.Done():
		}
	})
}

func (r *run) newSnapshot() *snapshot {
	s := new(snapshot)
	s.err = r.guard(func() error { return r.readSnapshot(s) })
	return s
}

func (r *run) readSnapshot(s *snapshot) error {
	u, err := r.source.Snapshot(r.ctx)
	if err != nil {
		return err
	}
	defer u.Release()
	bytes := 0
	for _, c := range renderRows(r.plan.Schema(), u.Batches) {
		if c.leaves {
			return diag.New(diag.Internal, diag.Span{}, "a snapshot that deletes a row")
		}
		if bytes += c.size(); bytes > r.hub.limits.tableBytes {
			return tooLarge(r.hub.limits.tableBytes)
		}
		s.rows = append(s.rows, line{c.ref, 'i'})
	}
	s.commit, s.made = u.Commit, time.Now()
	s.point = point{r.token(u.Commit), u.W}
	return nil
}

// deliver gives a snapshot to those who want one, and then what came since.
func (r *run) deliver(s *snapshot) {
	list := r.wanting
	if s.err != nil {
		r.wanting = nil
		for _, m := range list {
			r.leave(m)
			m.ended(s.err)
		}
		return
	}
	r.shot = s
	if s.commit < r.ring.floor {
		r.forgetSnapshot() // too old already: another is made
		return
	}
	r.wanting = nil
	for _, m := range list {
		r.send(m, m.class.snapshot(s), s.commit)
	}
}

func (r *run) forgetSnapshot() {
	for _, c := range r.classes {
		if c.wholeOf == any(r.shot) {
			c.whole, c.wholeOf = nil, nil
		}
	}
	r.shot = nil
}

// send gives a member the content at a commit, and lets it go on from there.
func (r *run) send(m *member, msgs []*message, at stream.Commit) {
	if ok, _ := m.conn.out.roomy(); !ok && !r.final {
		m.lost = true
		r.behind = append(r.behind, m)
		return
	}
	m.put(msgs...)
	m.at, m.total, m.lost = at, r.total, false
	r.catchUp(m)
}

// catchUp brings a member from its commit to the frames of its class.
func (r *run) catchUp(m *member) {
	if m.at > r.at {
		r.waiting = append(r.waiting, m)
		return
	}
	c := m.class
	c.flush(time.Now())
	if m.at < r.at && !r.plan.Whole() {
		f, _ := r.ring.behind(m.at, r.style)
		if rows := f.lines(); len(rows) > 0 {
			msgs := c.framer.delta(rows, 0, r.point())
			m.put(msgs...)
		} else {
			m.put(c.framer.mark(r.point()))
		}
	}
	m.at, m.total = r.at, r.total
	c.add(m)
}

// admit lets those take part who have everything up to the step that comes.
func (r *run) admit(commit stream.Commit) {
	if len(r.waiting) == 0 {
		return
	}
	now := time.Now()
	r.waiting = slices.DeleteFunc(r.waiting, func(m *member) bool {
		if m.at >= commit {
			return false
		}
		m.class.flush(now)
		m.total = r.total
		m.class.add(m)
		return true
	})
}

// helpBehind closes who takes nothing, and sends those who have room again what
// they missed: as one change, or as the content where that is not known any more.
func (r *run) helpBehind() {
	list := r.behind
	r.behind = nil
	for _, m := range list {
		ok, stuck := m.conn.out.roomy()
		switch {
		case ok:
			r.resync(m)
		case stuck > r.hub.limits.patience:
			m.conn.fail(CloseSlow, ErrSlow.Error())
		default:
			r.behind = append(r.behind, m)
		}
	}
	r.serveWanting()
}

func (r *run) resync(m *member) {
	switch {
	case m.lost:
		r.want(m)
	case r.style.tail && r.table != nil && m.at < r.ring.floor:
		r.resyncTail(m)
	case !r.plan.Whole() && m.at >= r.ring.floor:
		r.catchUp(m)
	case r.table != nil || r.source != nil:
		r.hub.counters.resets.Add(1)
		m.put(resetMessage(m.id, resetSlow, "the client fell too far behind"))
		r.want(m)
	default:
		m.conn.fail(CloseSlow, ErrSlow.Error())
	}
}

// resyncTail sends the last rows of a tail and says how many are missing.
func (r *run) resyncTail(m *member) {
	c := m.class
	c.flush(time.Now())
	rows := r.table.lines()
	missed := r.total - m.total
	if int64(len(rows)) > missed {
		rows = rows[int64(len(rows))-missed:]
	}
	r.hub.counters.droppedRows.Add(missed - int64(len(rows)))
	msgs := c.framer.delta(rows, missed-int64(len(rows)), r.point())
	m.put(msgs...)
	m.at, m.total = r.at, r.total
	c.add(m)
}

// finish sends what still waits, behind the last update.
func (r *run) finish() {
	now := time.Now()
	r.final = true
	if !r.begun {
		_ = r.replace(nil) // the source ended without a content: it is empty
	}
	r.serveWanting()
	for _, c := range r.classes {
		c.flush(now)
	}
	list := r.behind
	r.behind = nil
	for _, m := range list {
		r.resync(m)
	}
	if r.source != nil && len(r.wanting) > 0 {
		r.deliver(r.newSnapshot())
	}
	r.serveWanting()
}

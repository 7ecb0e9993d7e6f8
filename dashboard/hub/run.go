package hub

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"weir/operators/stream"
	"weir/sql/diag"
)

// run is one running plan and everybody who follows it. One goroutine, the loop,
// owns it; it never waits for a client. Another pulls the updates, a third makes
// snapshots where the source has them.
type run struct {
	hub    *Hub
	plan   Plan
	hash   [8]byte // of the plan's ID
	shared bool    // the plan has an ID
	place  Place   // where it was opened
	style  style
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	inbox  []event
	closed bool          // nobody can join any more
	start  uint64        // where it began, once known is set
	known  bool          // it is open
	full   bool          // nobody can join without a token: there is no content
	wake   chan struct{} // holds a token while the inbox is filled

	// The loop's own.
	sub     Subscription
	gone    string        // why the place could not be gone back to; "": it could
	source  Snapshotter   // nil: the updates are the content
	begun   bool          // there is a content to join with
	at      stream.Commit // the updates so far lead to
	w       stream.Time
	steps   int64  // updates with rows
	total   int64  // rows that entered, of a tail
	tag     uint64 // of the content, where every change is all of it
	table   *table // nil: the source makes snapshots, or it became too large
	ring    ring
	classes map[classKey]*class
	members map[*member]struct{}
	waiting []*member // their at is ahead of the run
	early   []*member // came before the first content did
	wanting []*member // want the content
	behind  []*member // had no room
	shot    *snapshot // the newest
	shots   chan *snapshot
	making  bool // a snapshot
	final   bool // no update will come
	leftAt  time.Time
}

// event is a member that joins or leaves.
type event struct {
	m      *member
	leaves bool
}

// point is where the run is now.
func (r *run) point() point { return point{r.token(r.at), r.w} }

func (r *run) token(at stream.Commit) string {
	if !r.shared {
		return ""
	}
	return token{plan: r.hash, start: r.start, commit: at, tag: r.tag}.String()
}

// serve opens the plan and serves its members to the end.
func (r *run) serve() {
	defer r.cancel()
	err := r.open()
	var pull sync.WaitGroup
	if err == nil {
		updates, ended := make(chan Update), make(chan error, 1)
		pull.Go(func() { ended <- r.guard(func() error { return r.pull(updates) }) })
		err = r.guard(func() error { return r.loop(updates, ended, &pull) })
	}
	r.cancel()
	pull.Wait()
	if r.sub != nil {
		if cerr := r.sub.Close(); cerr != nil && errors.Is(err, io.EOF) {
			err = cerr
		}
	}
	r.end(err)
}

// open opens the plan; where it cannot be gone back to what a token says, it
// begins anew, and the members with a token hear the reason.
func (r *run) open() error {
	return r.guard(func() (err error) {
		r.sub, err = r.plan.Open(r.ctx, r.place)
		if errors.Is(err, ErrGone) && r.place != (Place{}) {
			r.gone = err.Error()
			r.sub, err = r.plan.Open(r.ctx, Place{})
		}
		if err != nil {
			return err
		}
		r.at = stream.Commit(r.sub.Floor())
		r.ring.floor, r.w = r.at, stream.MinTime
		if r.source, _ = r.sub.(Snapshotter); r.source != nil {
			r.begun = true
		} else {
			r.table = newTable(r.style, r.hub.limits.tailRows)
		}
		r.mu.Lock()
		r.start, r.known = r.sub.Start(), true
		r.mu.Unlock()
		return nil
	})
}

// guard calls f and turns a panic into an error with the stack in the log.
func (r *run) guard(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			r.log.Error("subscription panicked", "cause", cause, "stack", string(debug.Stack()))
			err = diag.New(diag.Internal, diag.Span{}, "the subscription ended by a bug in weir: %v", cause)
		}
	}()
	return f()
}

func (r *run) pull(updates chan<- Update) error {
	for {
		u, err := r.sub.Next(r.ctx)
		if err != nil {
			return err
		}
		select {
		case updates <- u:
		case <-r.ctx.Done():
			u.Release()
			return r.ctx.Err()
		}
	}
}

// loop does everything that happens in the run, one thing after the other.
func (r *run) loop(updates <-chan Update, ended <-chan error, tasks *sync.WaitGroup) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	r.takeInbox() // who comes first misses nothing
	for {
		select {
		case u := <-updates:
			err := r.update(u)
			u.Release()
			if err != nil {
				return err
			}
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				r.takeInbox()
				r.finish()
			}
			return err
		case <-r.wake:
			r.takeInbox()
		case s := <-r.shots:
			r.making = false
			r.deliver(s)
		case <-timer.C:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
		now := time.Now()
		r.makeSnapshot(tasks)
		wait := r.tend(now)
		if r.lingered(now) {
			return nil
		}
		timer.Reset(wait)
	}
}

// update takes a step in.
func (r *run) update(u Update) error {
	commit := u.Commit
	if !r.shared {
		commit = r.at + 1
	}
	if commit < r.at {
		return diag.New(diag.Internal, diag.Span{}, "an update at commit %d follows one at %d", commit, r.at)
	}
	rows := renderRows(r.plan.Schema(), u.Batches)
	r.admit(commit)
	moved := r.w != u.W
	r.at, r.w = commit, u.W
	switch {
	case u.Kind == Snap:
		for _, c := range rows {
			if c.leaves {
				return diag.New(diag.Internal, diag.Span{}, "a snapshot that deletes a row")
			}
		}
		return r.replace(rows)
	case len(rows) > 0:
		r.steps++
		r.total += int64(len(rows))
		if r.table != nil {
			r.table.apply(rows)
			if r.table.bytes > r.hub.limits.tableBytes {
				r.dropTable()
			}
		}
		r.ring.hold = r.making
		r.ring.add(commit, time.Now(), rows)
	}
	for _, c := range r.classes {
		c.moved = c.moved || moved && len(c.members) > 0
		if len(rows) > 0 {
			c.take(rows)
		}
	}
	return nil
}

// replace takes a content in.
func (r *run) replace(rows []change) error {
	if r.table == nil {
		return diag.New(diag.Internal, diag.Span{}, "a snapshot in the middle of changes")
	}
	r.table.replace(rows)
	if r.table.bytes > r.hub.limits.tableBytes {
		return tooLarge(r.hub.limits.tableBytes)
	}
	same := false
	if r.plan.Whole() {
		tag := tagOf(r.table.lines())
		same = r.begun && tag == r.tag
		r.tag = tag
	}
	r.total += int64(len(rows))
	r.steps++
	r.ring.clear(r.at)
	first := !r.begun
	r.begun = true
	if first {
		for _, m := range r.early {
			r.join(m)
		}
		r.early = nil
	}
	for _, c := range r.classes {
		if len(c.members) > 0 && !first {
			c.snap, c.moved = c.snap || !same, true
			if c.snap {
				c.pending = newFold(r.style)
			}
		}
	}
	return nil
}

func tooLarge(most int) error {
	return diag.New(CodeTooLarge, diag.Span{}, "the result is larger than the %d MiB that a subscription may begin with", most>>20).
		WithHint("narrow it with WHERE, fewer columns or LIMIT")
}

// dropTable gives up the content: who comes without a token gets a run of its own.
func (r *run) dropTable() {
	r.table = nil
	r.mu.Lock()
	r.full = true
	r.mu.Unlock()
}

// tend sends the frames that are due and looks after slow members. It returns
// when it wants to be called again.
func (r *run) tend(now time.Time) time.Duration {
	wait := time.Hour
	for _, c := range r.classes {
		if !c.waits() {
			continue
		}
		if left := c.next.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		c.flush(now)
	}
	if r.shot != nil && len(r.wanting) == 0 {
		if left := r.shot.made.Add(snapshotFresh).Sub(now); left > 0 {
			wait = min(wait, left)
		} else {
			r.forgetSnapshot()
		}
	}
	if len(r.behind) > 0 {
		r.helpBehind()
		wait = min(wait, behindEvery)
	}
	if len(r.members) == 0 {
		wait = min(wait, r.hub.limits.grace)
	}
	return wait
}

// behindEvery is how often a run looks whether a slow member has room again.
const behindEvery = 20 * time.Millisecond

// lingered tells that nobody has followed the run for so long that it ends. Only
// a run that can be resumed outlives its members, and only so many do.
func (r *run) lingered(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.members) > 0 || len(r.inbox) > 0 {
		if !r.leftAt.IsZero() {
			r.leftAt = time.Time{}
			r.hub.lingering.Add(-1)
		}
		return false
	}
	if r.leftAt.IsZero() {
		r.leftAt = now
		if r.hub.lingering.Add(1) > int64(r.hub.limits.lingering) {
			r.closed = true
		}
	}
	if !r.shared || now.Sub(r.leftAt) >= r.hub.limits.grace {
		r.closed = true
	}
	return r.closed
}

// end tells everybody how the run ended.
func (r *run) end(err error) {
	if !r.leftAt.IsZero() {
		r.hub.lingering.Add(-1)
	}
	r.mu.Lock()
	r.closed = true
	inbox := r.inbox
	r.inbox = nil
	r.mu.Unlock()
	r.hub.forget(r)
	for _, e := range inbox {
		if e.leaves {
			delete(r.members, e.m)
		} else {
			r.members[e.m] = struct{}{}
		}
	}
	for m := range r.members {
		m.ended(err)
	}
}

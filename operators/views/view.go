package views

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/operators/stream"
	"weir/operators/stream/keys"
)

// View is what a materialized view holds: the sum of the changes of its query.
// It is a query's output. Readers see it as it was at the end of a step.
//
// The changes of consecutive steps lie in pages, in the order in which they came.
// A page is changelog while it is new, and content while rows that entered in it
// are shown, which its bitmap tells. A page that is neither is deleted.
type View struct {
	cfg    Config
	key    []int // of a bag: all columns
	schema *arrow.Schema
	cache  *Cache

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, at every step
	state   State
	ended   error // why no step will follow; nil: one may
	closed  bool
	broken  error // what went wrong inside a step: the content is not that of a cut

	table []*page // by page.at; nil: free
	free  []uint32
	ids   uint64 // the next page's
	slots uint64 // the next row's place in the order of appearance
	tail  *page  // takes rows; nil: the next row makes one

	// The changelog.
	log       []*page
	logBytes  int64
	seq       uint64        // steps with changes so far
	floorSeq  uint64        // those up to here are forgotten, at least in part
	floor     stream.Commit // changes behind this commit are in the log
	steps     uint64        // all steps of this process
	changedAt uint64        // the last of them that had changes
	holds     map[string]*Hold
	step      mark // the step under way
	durable   stream.Commit
	dirty     bool // something happened since the last flush
	flushing  bool
	unstored  int64          // bytes of pages that the store does not have
	garbage   []uint64       // pages to delete from the store
	ghosts    map[*page]bool // pages that only readers need
	emptied   []*page
	sparse    int
	expiry    expiry
	index     *index // nil until a row leaves
	seed      maphash.Seed
	columns   []keys.Column // of the batch that is being applied
	scratch   []byte        // a key that is looked for
	other     []byte        // the key of a row it is compared with
	built     []byte        // the key of a row that enters the index
	vacant    vacancies
	borrows   []*page
}

// State is the moment that a view shows.
type State struct {
	Commit  stream.Commit
	Step    stream.Step
	Clock   stream.Time
	W       stream.Time
	Rows    int   // rows held
	Changes int64 // rows that ever entered or left
	Expired int64 // of these: rows that left because of their age
}

// NewView returns an empty view that lives in memory alone.
func NewView(schema stream.Schema, key []int) *View {
	v, err := Open(Config{Schema: schema, Key: key})
	if err != nil {
		panic(err) // a key that is no column: a bug of the caller
	}
	return v
}

// Open returns the view as its store has it, empty where there is nothing of it.
// The error is ErrDamaged where what is stored cannot be used: the view can then
// only be made again from the log, after Discard.
func Open(cfg Config) (*View, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	v := &View{
		cfg: cfg, key: cfg.Key, schema: cfg.Schema.Arrow(), cache: cfg.Cache,
		changed: make(chan struct{}), seed: maphash.MakeSeed(),
		holds: make(map[string]*Hold), ghosts: make(map[*page]bool), ids: 1,
	}
	v.state.W, v.state.Clock = stream.MinTime, stream.MinTime
	v.expiry = newExpiry(cfg.Retention)
	if v.key == nil {
		v.key = make([]int, len(cfg.Schema))
		for i := range v.key {
			v.key[i] = i
		}
	}
	if cfg.Store != nil {
		if err := v.load(); err != nil {
			return nil, fmt.Errorf("open view %d: %w", cfg.ID, err)
		}
	}
	return v, nil
}

// Schema returns the view's columns.
func (v *View) Schema() stream.Schema { return v.cfg.Schema }

// State returns the moment that the view shows.
func (v *View) State() State {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state
}

// Floor returns the commit behind which the view knows every change.
func (v *View) Floor() stream.Commit {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.floor
}

// Changed returns a channel that is closed at the next step, and when no step
// will follow.
func (v *View) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// signal wakes who waits for the view to change. The lock is held.
func (v *View) signal() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// Step applies the changes of one step. A step that the view holds already, for
// its commit is not behind the view's, changes nothing: after a restart the log's
// steps may be run again. Steps of a bounded source have no commit and always
// count. After an error the view is not that of a cut any more, and is not
// written either.
func (v *View) Step(ctx context.Context, c stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closed:
		return ErrViewClosed
	case v.broken != nil:
		return v.broken
	case commit > 0 && commit <= v.state.Commit:
		return nil
	}
	err := v.apply(ctx, c, commit, changes)
	v.giveBack()
	if err != nil {
		v.broken = fmt.Errorf("view: %w", err)
		return v.broken
	}
	v.signal()
	return nil
}

func (v *View) apply(ctx context.Context, c stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	v.step = mark{step: c.Step, commit: commit, clock: c.Clock, w: c.W}
	v.steps++
	v.dirty = true
	fresh := false
	for _, b := range changes {
		if b.NumRows() == 0 {
			continue
		}
		if !fresh {
			v.seq, v.changedAt, fresh = v.seq+1, v.steps, true
		}
		if err := v.add(b); err != nil {
			return err
		}
	}
	if fresh {
		v.endMark(false)
	}
	v.vacant.reset()
	v.state.Commit, v.state.Step, v.state.Clock, v.state.W = commit, c.Step, c.Clock, c.W
	if err := v.expire(); err != nil {
		return err
	}
	v.trim()
	if err := v.tidy(); err != nil {
		return err
	}
	return v.spill(ctx)
}

// borrow returns the body of a page until the end of the step.
func (v *View) borrow(p *page) (*body, error) {
	if !p.sealed {
		return p.body, nil
	}
	if p.borrowed != nil {
		return p.borrowed, nil
	}
	if len(v.borrows) >= borrowsMax {
		v.giveBack()
	}
	b, err := v.fetch(p)
	if err != nil {
		return nil, err
	}
	p.borrowed = b
	v.borrows = append(v.borrows, p)
	return b, nil
}

// borrowsMax is how many pages a step keeps from being let go.
const borrowsMax = 64

func (v *View) giveBack() {
	for _, p := range v.borrows {
		p.borrowed.release()
		p.borrowed = nil
	}
	v.borrows = v.borrows[:0]
}

// fetch returns the body of a sealed page, from the store where it is not in
// memory. The caller releases it. It needs no lock.
func (v *View) fetch(p *page) (*body, error) {
	if b := v.cache.get(p); b != nil {
		return b, nil
	}
	b, err := v.readBody(p)
	if err != nil {
		return nil, err
	}
	v.cache.put(p, b, true)
	return b, nil
}

// Fail says that the view's query ended with an error. Whoever follows the view
// gets it; what the view shows stays.
func (v *View) Fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ended = err
	v.signal()
}

// Close lets go of what is in memory; what was flushed stays in the store. Feeds
// end with ErrViewClosed, and so do new ones.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	v.closed, v.ended = true, ErrViewClosed
	v.giveBack()
	for _, p := range v.table {
		if p != nil {
			v.discard(p)
		}
	}
	for p := range v.ghosts {
		v.discard(p)
	}
	v.table, v.log, v.tail, v.index, v.ghosts = nil, nil, nil, nil, nil
	v.signal()
}

// discard lets go of a page of a view that is closed, and keeps its name for Drop.
func (v *View) discard(p *page) {
	if p == v.tail {
		p.body.release()
		p.body = nil
	}
	v.cache.drop(p)
	v.garbage = append(v.garbage, p.id)
}

// The errors of readers.
var (
	// ErrSlowReader is returned to a reader of a view that fell too far behind.
	ErrSlowReader = errors.New("reader is too slow: it fell too many changes behind the view")
	// ErrForgotten is returned to a reader who comes back with a commit so old that
	// the view no longer has all changes behind it.
	ErrForgotten = errors.New("the view no longer has the changes behind that commit")
	// ErrViewClosed is returned to the readers of a view that was dropped.
	ErrViewClosed = errors.New("the view was dropped")
	// ErrDamaged is returned where what the store has of a view is not what was
	// written. The view can be made again from the log.
	ErrDamaged = errors.New("what is stored of the view is damaged")
)

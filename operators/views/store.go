package views

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"weir/operators/state"
	"weir/operators/stream"
)

var errSchema = errors.New("it was written with other columns or another key")

// damaged puts an error of what is stored into words that errors.Is knows.
func damaged(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrDamaged, what, err)
}

// storeError tells damage from a store that does not work.
func storeError(what string, err error) error {
	var d *state.DamagedError
	if errors.As(err, &d) || errors.Is(err, state.ErrNotFound) || errors.Is(err, errCorrupt) {
		return damaged(what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// load reads what the view knows of its pages. Their rows stay in the store until
// somebody asks for them.
func (v *View) load() error {
	meta, err := v.cfg.Store.Get(kindPrefix(v.cfg.ID, metaKind))
	if errors.Is(err, state.ErrNotFound) {
		return v.passOrphans()
	}
	if err != nil {
		return storeError("moment", err)
	}
	pages, err := v.readMeta(meta)
	if err != nil {
		return damaged("moment", err)
	}
	slots := map[uint64]*page{}
	var found []*page
	prefix := kindPrefix(v.cfg.ID, headerKind)
	err = v.cfg.Store.Scan(prefix, func(key, value []byte) error {
		if len(key) != len(prefix)+8 {
			return errCorrupt
		}
		p, hasSlots, err := readHeader(binary.BigEndian.Uint64(key[len(prefix):]), value)
		if err != nil {
			return err
		}
		found = append(found, p)
		if hasSlots {
			slots[p.id] = p
		}
		return nil
	})
	if err != nil {
		return storeError("pages", err)
	}
	if err := v.loadSlots(slots); err != nil {
		return storeError("order of rows", err)
	}
	if err := v.adopt(found, pages); err != nil {
		return err
	}
	v.durable, v.dirty = v.state.Commit, len(v.garbage) > 0
	return v.passOrphans()
}

// orphanGapMax is how far apart pages may be that nothing names. Between them were
// pages that came and went before a flush.
const orphanGapMax = 256

// passOrphans finds pages that a process wrote which ended before it had named
// them: they are deleted, and their names not used.
func (v *View) passOrphans() error {
	for id, last := v.ids, v.ids; id < last+orphanGapMax; id++ {
		_, err := v.cfg.Store.Get(pageKey(v.cfg.ID, rowsKind, id))
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		var d *state.DamagedError
		if err != nil && !errors.As(err, &d) {
			return fmt.Errorf("pages: %w", err)
		}
		for ; v.ids <= id; v.ids++ {
			v.garbage = append(v.garbage, v.ids)
		}
		last, v.dirty = v.ids, true
	}
	return nil
}

func (v *View) loadSlots(pages map[uint64]*page) error {
	if len(pages) == 0 {
		return nil
	}
	prefix := kindPrefix(v.cfg.ID, slotsKind)
	err := v.cfg.Store.Scan(prefix, func(key, value []byte) (err error) {
		if len(key) != len(prefix)+8 {
			return errCorrupt
		}
		id := binary.BigEndian.Uint64(key[len(prefix):])
		if p := pages[id]; p != nil { // else nothing names it
			p.slots, err = decodeSlots(value, p.rows)
			delete(pages, id)
		}
		return err
	})
	if err == nil && len(pages) > 0 {
		return errCorrupt
	}
	return err
}

// adopt takes over the pages that were found, which must be all there are.
func (v *View) adopt(found []*page, pages int) error {
	rows := 0
	for _, p := range found {
		if err := v.enter(p); err != nil {
			return err
		}
		rows += p.liveN
		if p.liveN > 0 {
			v.expiry.oldest = min(v.expiry.oldest, p.oldest)
		}
		if p.inLog {
			v.log = append(v.log, p)
			v.logBytes += p.bytes
		}
		v.weigh(p)
	}
	slices.SortFunc(v.log, func(a, b *page) int { return cmp.Compare(a.id, b.id) })
	if len(found) != pages || rows != v.state.Rows {
		return damaged("pages", fmt.Errorf("there are %d with %d rows, %d with %d were written", len(found), rows, pages, v.state.Rows))
	}
	return nil
}

// readBody reads the rows of a page from the store.
func (v *View) readBody(p *page) (*body, error) {
	if v.cfg.Store == nil {
		return nil, ErrViewClosed
	}
	what := fmt.Sprintf("page %d of view %d", p.id, v.cfg.ID)
	value, err := v.cfg.Store.Get(pageKey(v.cfg.ID, rowsKind, p.id))
	if err != nil {
		return nil, storeError(what, err)
	}
	b, err := decodeBody(v.cfg.Alloc, value, v.cfg.Schema, v.schema)
	if err != nil {
		return nil, damaged(what, err)
	}
	if int(b.parts[0].rec.NumRows()) != p.rows {
		b.release()
		return nil, damaged(what, errCorrupt)
	}
	return b, nil
}

// written is what a flush has put into its batch.
type written struct {
	pages    []*page
	versions []uint64
	garbage  int
	commit   stream.Commit
}

// Flush adds to a batch what happened since the last flush. Once the batch was
// written, or could not be, the caller says so by calling done, before the next
// Flush and from any goroutine; after an error the next flush has all of it
// again. Without a store, and after a Step that failed, Flush adds nothing.
//
// The pages of the batch are encoded outside of the view's lock: steps and
// readers go on.
func (v *View) Flush(b *state.Batch) (done func(error), err error) {
	v.mu.Lock()
	switch {
	case v.flushing:
		v.mu.Unlock()
		return nil, fmt.Errorf("flush view %d: nobody has said what became of the flush before", v.cfg.ID)
	case v.cfg.Store == nil || v.broken != nil || v.closed || !v.dirty:
		v.mu.Unlock()
		return func(error) {}, nil
	}
	if v.tail != nil {
		if err := v.seal(); err != nil {
			v.broken = fmt.Errorf("view: %w", err)
			v.mu.Unlock()
			return nil, v.broken
		}
	}
	w := &written{commit: v.state.Commit, garbage: len(v.garbage)}
	var fresh []*page
	pages := 0
	for _, p := range v.table {
		if p == nil {
			continue
		}
		pages++
		if p.version == p.named {
			continue
		}
		b.Put(pageKey(v.cfg.ID, headerKind, p.id), p.header())
		w.pages, w.versions = append(w.pages, p), append(w.versions, p.version)
		if !p.stored {
			p.pins++ // its rows may not go before they are written
			fresh = append(fresh, p)
		}
	}
	for _, id := range v.garbage {
		v.deletePage(b, id)
	}
	for p := range v.ghosts { // only their rows are needed
		b.Delete(pageKey(v.cfg.ID, headerKind, p.id))
	}
	b.Put(kindPrefix(v.cfg.ID, metaKind), v.meta(pages))
	v.dirty, v.flushing = false, true
	v.mu.Unlock()

	for _, p := range fresh {
		if eerr := v.encodePage(p, b); eerr != nil {
			err = errors.Join(err, eerr)
		}
	}
	v.mu.Lock()
	for _, p := range fresh {
		v.unpin(p)
	}
	v.mu.Unlock()
	if err != nil {
		v.flushed(w, err)
		return nil, fmt.Errorf("flush view %d: %w", v.cfg.ID, err)
	}
	return func(err error) { v.flushed(w, err) }, nil
}

// encodePage adds the rows and the slots of a page to a batch.
func (v *View) encodePage(p *page, b *state.Batch) error {
	body, err := v.fetch(p)
	if err != nil {
		return err
	}
	defer body.release()
	b.Page(pageKey(v.cfg.ID, rowsKind, p.id), encodeBody(body, v.cfg.Schema))
	if p.slots != nil {
		b.Page(pageKey(v.cfg.ID, slotsKind, p.id), encodeSlots(p.slots))
	}
	return nil
}

// flushed takes note of what became of a flush.
func (v *View) flushed(w *written, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.flushing = false
	if err != nil {
		v.dirty = true
		return
	}
	for i, p := range w.pages {
		p.named = w.versions[i]
		v.store(p)
	}
	if !v.closed { // else it is the list of what Drop deletes
		v.garbage = slices.Delete(v.garbage, 0, w.garbage)
	}
	v.durable = max(v.durable, w.commit)
}

// store says that a page's rows are in the store. The lock is held.
func (v *View) store(p *page) {
	if p.stored {
		return
	}
	p.stored = true
	if !p.removed {
		v.unstored -= p.bytes
	}
	v.cache.settle(p)
}

// spill writes pages without waiting for the next flush, if they are many: the
// query waits for the disk then. Nothing names them before the flush.
func (v *View) spill(ctx context.Context) error {
	if v.cfg.Store == nil || v.unstored <= v.cfg.SpillBytes {
		return nil
	}
	var b state.Batch
	var pages []*page
	for _, p := range v.table {
		if p == nil || p.stored || !p.sealed {
			continue
		}
		if err := v.encodePage(p, &b); err != nil {
			return err
		}
		pages = append(pages, p)
	}
	if len(pages) == 0 {
		return nil
	}
	if err := v.cfg.Store.Write(ctx, &b); err != nil {
		return fmt.Errorf("write pages of view %d: %w", v.cfg.ID, err)
	}
	for _, p := range pages {
		v.store(p)
	}
	return nil
}

// ResultsTo returns the last commit whose changes are durable.
func (v *View) ResultsTo() stream.Commit {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.durable
}

// Unflushed returns the bytes, in memory's terms, of changes that the store does
// not have.
func (v *View) Unflushed() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.unstored
}

// Drop adds to a batch that everything of the view is deleted. It is called
// behind Close; no flush is under way.
func (v *View) Drop(b *state.Batch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.cfg.Store == nil {
		return
	}
	for _, id := range v.garbage {
		v.deletePage(b, id)
	}
	b.Delete(kindPrefix(v.cfg.ID, metaKind))
}

func (v *View) deletePage(b *state.Batch, id uint64) {
	for _, kind := range []byte{headerKind, rowsKind, slotsKind} {
		b.Delete(pageKey(v.cfg.ID, kind, id))
	}
}

// Discard deletes everything that a store has of a view, also what cannot be
// read any more. The view is not open.
func Discard(ctx context.Context, store state.Store, id uint32) error {
	if err := state.DeletePrefix(ctx, store, viewPrefix(id)); err != nil {
		return fmt.Errorf("discard view %d: %w", id, err)
	}
	return nil
}

package windowagg

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// pageVersion is that of every page of the package.
const pageVersion = 1

// metaPage says which other pages there are. Without it there is no state.
const metaPage = "meta"

// chunkBits is the logarithm of chunkGroups.
const chunkBits = 16

// The pages of the lane's half. Numbers are those of slices and first ends.
//
//	meta    which entries there are
//	e…      an entry with few groups
//	h…      how many groups an entry with many has
//	d…NNNN  a chunk of its keys
//	g…NNNN  a chunk of their states

// Snapshot writes what changed. Most entries of a lane belong to slices that rows
// still come for; the others were written before. Of an entry with many groups
// the keys are written once, and the states of the chunks that rows came for.
func (p *partial) Snapshot(_ context.Context, w state.Writer) error {
	if len(p.entries) == 0 && !p.ended {
		return nil
	}
	meta := page.NewWriter(pageVersion, 16*len(p.entries)+16)
	meta.Bool(p.ended)
	meta.Int(int64(len(p.entries)))
	keys := make([]entryKey, 0, len(p.entries))
	for k := range p.entries {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, entryKey.compare)
	for _, k := range keys {
		meta.Int(int64(k.slice))
		meta.Int(int64(k.firstEnd))
		p.saveEntry(w, p.entries[k])
	}
	w.Put(metaPage, meta.Bytes())
	return nil
}

// page is the name of a page of the entry.
func (k entryKey) page(kind byte) string {
	return fmt.Sprintf("%c%016x%016x", kind, uint64(k.slice), uint64(k.firstEnd))
}

func (k entryKey) chunk(kind byte, i int) string { return fmt.Sprintf("%s%04x", k.page(kind), i) }

func (p *partial) saveEntry(w state.Writer, e *entry) {
	n, size := e.groups.size(), 1<<p.chunkBits
	whole := n <= size
	switch name := e.page('e'); {
	case whole && e.saved:
		w.Keep(name)
	case whole:
		w.Put(name, e.save())
	default:
		head := page.NewWriter(pageVersion, 16)
		head.Int(int64(n))
		head.Int(int64(size))
		w.Put(e.page('h'), head.Bytes())
		e.savedStates = growTo(e.savedStates, (n+size-1)/size)
		for lo := 0; lo < n; lo += size {
			e.saveChunk(w, lo/size, lo, min(lo+size, n))
		}
		e.savedKeys = n
	}
	e.saved = true
}

// saveChunk writes the groups lo..hi-1, which are chunk i. Groups only come, so
// keys that were written are what they were.
func (e *entry) saveChunk(w state.Writer, i, lo, hi int) {
	if name := e.chunk('d', i); hi <= e.savedKeys {
		w.Keep(name)
	} else {
		p := page.NewWriter(pageVersion, 32+saveBytes(e.groups)/e.groups.size()*(hi-lo))
		e.groups.save(p, lo, hi)
		w.Put(name, p.Bytes())
	}
	if name := e.chunk('g', i); e.savedStates[i] {
		w.Keep(name)
	} else {
		p := page.NewWriter(pageVersion, 24*(hi-lo)*len(e.accs))
		saveAccs(p, e.accs, lo, hi)
		w.Put(name, p.Bytes())
		e.savedStates[i] = true
	}
}

// changeStates notes that the states of the groups p.ids of an entry change.
func (p *partial) changeStates(e *entry) {
	if len(e.savedStates) == 0 {
		return
	}
	e.savedStates = growTo(e.savedStates, (e.groups.size()-1)>>p.chunkBits+1)
	for _, id := range p.ids {
		e.savedStates[id>>p.chunkBits] = false
	}
}

func (e *entry) save() []byte {
	n := e.groups.size()
	w := page.NewWriter(pageVersion, 32+saveBytes(e.groups)+24*n*len(e.accs))
	w.Int(int64(n))
	e.groups.save(w, 0, n)
	saveAccs(w, e.accs, 0, n)
	return w.Bytes()
}

// restore loads the lane's half.
func (p *partial) restore(from state.Reader) error {
	meta, err := openPage(from, metaPage)
	if err != nil || meta == nil {
		return err
	}
	p.ended = meta.Bool()
	keys := meta.Int64s(nil, 2*meta.Count(16))
	if err := meta.Close(); err != nil {
		return fmt.Errorf("page %s: %w", metaPage, err)
	}
	for ; len(keys) > 0; keys = keys[2:] {
		k := entryKey{slice: stream.Time(keys[0]), firstEnd: stream.Time(keys[1])}
		if err := p.restoreEntry(from, k); err != nil {
			return err
		}
	}
	return nil
}

func (p *partial) restoreEntry(from state.Reader, k entryKey) error {
	e := p.entry(k)
	head, err := openPage(from, k.page('h'))
	if err != nil {
		return err
	}
	if head != nil {
		return p.restoreChunks(from, e, head)
	}
	r, err := needPage(from, k.page('e'))
	if err != nil {
		return err
	}
	size := countOf(r)
	e.groups.restore(r, size)
	restoreAccs(r, e.accs, size)
	if err := r.Close(); err != nil {
		return fmt.Errorf("page %s: %w", k.page('e'), err)
	}
	e.groups.index()
	e.saved = true
	return nil
}

// restoreChunks loads an entry with many groups.
func (p *partial) restoreChunks(from state.Reader, e *entry, head *page.Reader) error {
	n, size := countOf(head), countOf(head)
	if size == 0 {
		head.Fail("chunks without groups")
	}
	if err := head.Close(); err != nil {
		return fmt.Errorf("page %s: %w", e.page('h'), err)
	}
	for lo := 0; lo < n; lo += size {
		rows := min(size, n-lo)
		if err := restoreChunk(from, e.chunk('d', lo/size), func(r *page.Reader) { e.groups.restore(r, rows) }); err != nil {
			return err
		}
		if err := restoreChunk(from, e.chunk('g', lo/size), func(r *page.Reader) { restoreAccs(r, e.accs, rows) }); err != nil {
			return err
		}
		e.savedStates = append(e.savedStates, true)
	}
	e.groups.index()
	e.saved, e.savedKeys = true, n
	if size != 1<<p.chunkBits { // it is written anew
		e.saved, e.savedKeys, e.savedStates = false, 0, e.savedStates[:0]
	}
	return nil
}

func restoreChunk(from state.Reader, name string, restore func(*page.Reader)) error {
	r, err := needPage(from, name)
	if err != nil {
		return err
	}
	restore(r)
	if err := r.Close(); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	return nil
}

// openPage begins to read a page; nil if there is none of the name.
func openPage(from state.Reader, name string) (*page.Reader, error) {
	b, err := from.Get(name)
	if errors.Is(err, state.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return page.NewReader(b, pageVersion), nil
}

// needPage is openPage for one that another page names.
func needPage(from state.Reader, name string) (*page.Reader, error) {
	r, err := openPage(from, name)
	if err == nil && r == nil {
		err = fmt.Errorf("page %s: %w", name, state.ErrNotFound)
	}
	return r, err
}

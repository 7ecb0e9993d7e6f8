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

// Snapshot writes a page per entry that changed. Most entries of a lane belong to
// slices that rows still come for; the others were written before.
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
		e := p.entries[k]
		if e.saved {
			w.Keep(k.page())
			continue
		}
		e.saved = true
		w.Put(k.page(), e.save())
	}
	w.Put(metaPage, meta.Bytes())
	return nil
}

// page is the name of the entry's page.
func (k entryKey) page() string {
	return fmt.Sprintf("e%016x%016x", uint64(k.slice), uint64(k.firstEnd))
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
		r, err := needPage(from, k.page())
		if err != nil {
			return err
		}
		e := p.entry(k)
		size := countOf(r)
		e.groups.restore(r, size)
		restoreAccs(r, e.accs, size)
		if err := r.Close(); err != nil {
			return fmt.Errorf("page %s: %w", k.page(), err)
		}
		e.groups.index()
		e.saved = true
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

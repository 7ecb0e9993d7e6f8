package fill

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
	"weir/operators/stream/keys"
	"weir/sql/types"
)

// The pages are `meta`, and one for each chunkGroups groups.
const (
	metaPage    = "meta"
	pageVersion = 1
	chunkGroups = 1 << 12
	groupsMax   = 1 << 28
)

func chunkPage(chunk int) string { return fmt.Sprintf("g%04x", chunk) }

// Snapshot writes what changed since the one before.
func (f *fill) Snapshot(_ context.Context, w state.Writer) error {
	m := page.NewWriter(pageVersion, 24)
	m.Bool(f.begun)
	m.Int(f.newest)
	m.Int(int64(len(f.groups)))
	w.Put(metaPage, m.Bytes())
	for c := range f.saved {
		if f.saved[c] {
			w.Keep(chunkPage(c))
			continue
		}
		f.saved[c] = true
		groups := f.groups[c*chunkGroups : min((c+1)*chunkGroups, len(f.groups))]
		p := page.NewWriter(pageVersion, 48*len(groups))
		p.Int(int64(len(groups)))
		for _, g := range groups {
			p.Int(g.last)
			p.Blob([]byte(g.key))
			p.Blob([]byte(g.shown))
		}
		w.Put(chunkPage(c), p.Bytes())
	}
	return nil
}

func (f *fill) restore(from state.Reader) error {
	b, err := from.Get(metaPage)
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r := page.NewReader(b, pageVersion)
	f.begun, f.newest = r.Bool(), r.Int()
	n := r.Int()
	if n < 0 || n > groupsMax {
		r.Fail("%d groups", n)
	}
	if err := r.Close(); err != nil {
		return err
	}
	for c := 0; len(f.groups) < int(n); c++ {
		if err := f.restoreChunk(from, chunkPage(c), min(chunkGroups, int(n)-len(f.groups))); err != nil {
			return err
		}
	}
	return nil
}

func (f *fill) restoreChunk(from state.Reader, name string, groups int) error {
	b, err := from.Get(name)
	if err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	r := page.NewReader(b, pageVersion)
	if n := r.Int(); n != int64(groups) {
		r.Fail("%d groups instead of %d", n, groups)
	}
	for range groups {
		if r.Err() != nil {
			break
		}
		g := group{last: r.Int(), key: string(r.Blob()), shown: string(r.Blob())}
		if err := f.checkRow(g); err != nil {
			r.Fail("%s", err)
		}
		f.ids[g.key] = int32(len(f.groups))
		f.groups = append(f.groups, g)
	}
	if len(f.ids) != len(f.groups) {
		r.Fail("a group twice")
	}
	f.saved = append(f.saved, true)
	return r.Close()
}

// checkRow tells whether the bytes of a group are values of the columns.
func (f *fill) checkRow(g group) error {
	for _, part := range []struct {
		bytes string
		types []types.Type
	}{{g.key, f.types[2 : 2+f.n.Keys]}, {g.shown, f.shownTypes()}} {
		rest := []byte(part.bytes)
		for _, t := range part.types {
			b := array.NewBuilder(f.rt.Alloc, stream.ArrowType(t))
			var err error
			rest, err = keys.Decode(rest, t, b)
			b.Release()
			if err != nil {
				return err
			}
		}
		if len(rest) > 0 {
			return keys.ErrCorrupt
		}
	}
	return nil
}

package pace

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// The pages are `meta`, and one for each chunk of rows.
const (
	metaPage    = "meta"
	pageVersion = 1
	rowsMax     = 4 * heldMax // of rows that are held, with and without a net
)

func chunkPage(i int) string { return fmt.Sprintf("c%06x", i) }

// Snapshot writes what changed since the one before.
func (p *Pace) Snapshot(_ context.Context, w state.Writer) error {
	m := page.NewWriter(pageVersion, 16)
	m.Int(int64(p.due))
	m.Int(int64(p.held.n))
	w.Put(metaPage, m.Bytes())
	for i := range p.held.chunks {
		c := &p.held.chunks[i]
		if c.saved {
			w.Keep(chunkPage(i))
			continue
		}
		c.saved = true
		out := page.NewWriter(pageVersion, len(c.bytes)+20*len(c.ends)+16)
		out.Int(int64(len(c.ends)))
		out.Int32s(c.net)
		for j, end := range c.ends {
			out.Int64s([]int64{int64(end), int64(c.prefix[j])})
		}
		out.Blob(c.bytes)
		w.Put(chunkPage(i), out.Bytes())
	}
	return nil
}

func (p *Pace) restore(from state.Reader) error {
	b, err := from.Get(metaPage)
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r := page.NewReader(b, pageVersion)
	p.due = stream.Time(r.Int())
	n := r.Int()
	if n < 0 || n > rowsMax {
		r.Fail("%d rows", n)
	}
	if err := r.Close(); err != nil {
		return err
	}
	check := array.NewRecordBuilder(p.alloc, p.layout.schema.Arrow())
	defer check.Release()
	for i := 0; p.held.n < int(n); i++ {
		if b, err = from.Get(chunkPage(i)); err != nil {
			return fmt.Errorf("page %s: %w", chunkPage(i), err)
		}
		if err := p.restoreChunk(b, min(chunkRows, int(n)-p.held.n), check); err != nil {
			return fmt.Errorf("page %s: %w", chunkPage(i), err)
		}
	}
	return nil
}

// restoreChunk reads a chunk of so many rows, each of which must be one.
func (p *Pace) restoreChunk(b []byte, n int, check *array.RecordBuilder) error {
	r := page.NewReader(b, pageVersion)
	if got := r.Int(); got != int64(n) {
		r.Fail("%d rows instead of %d", got, n)
	}
	net := r.Int32s(nil, n)
	bounds := r.Int64s(nil, 2*n)
	raw := r.Blob()
	if err := r.Close(); err != nil {
		return err
	}
	from := int64(0)
	for i := range net {
		end, prefix := bounds[2*i], bounds[2*i+1]
		if end < from || end > int64(len(raw)) || prefix < 0 || prefix > end-from || net[i] == math.MinInt32 || !p.folds && net[i] != 1 {
			return fmt.Errorf("%w: row %d", page.ErrDamaged, i)
		}
		row := raw[from:end]
		if err := p.layout.decode(row, check.Fields()); err != nil {
			return err
		}
		number := p.held.n
		if p.folds && net[i] != 0 {
			p.bag.add(&p.held, row, int(prefix), net[i])
		} else {
			p.held.append(row, int(prefix), net[i])
		}
		if p.held.n == number {
			return fmt.Errorf("%w: row %d twice", page.ErrDamaged, i)
		}
		from = end
	}
	if from != int64(len(raw)) {
		return fmt.Errorf("%w: bytes behind the last row", page.ErrDamaged)
	}
	if p.full() != nil {
		return fmt.Errorf("%w: %d rows", page.ErrDamaged, p.held.live)
	}
	check.NewRecordBatch().Release()
	p.held.chunks[len(p.held.chunks)-1].saved = true
	return nil
}

package views

import (
	"math/bits"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/operators/stream/keys"
)

// A ref names a row: the place of its page in the view's table, and the row.
const rowBits = 12

type ref = uint32

func makeRef(at uint32, row int) ref { return at<<rowBits | ref(row) }

// page is what the view always knows of a run of changes. The view's lock guards
// it, but for the part of the cache.
type page struct {
	id     uint64 // ascending, never reused: the page's name in the store
	at     uint32 // in the view's table
	rows   int
	bytes  int64
	sealed bool // no row will follow

	// Of the changelog. A page that compaction made was never in it.
	inLog             bool
	firstSeq, lastSeq uint64 // steps with changes that have rows here
	lastCommit        stream.Commit
	lastClock         stream.Time

	// Of the content.
	live   []uint64 // a bit a row: it is shown
	liveN  int
	base   uint64      // without slots: row i is a row that entered at slot base + i
	slots  []uint64    // a row's slot, in order of appearance; of no meaning for one that leaves
	next   []ref       // behind a row of the index: the next equal one, plus 1; 0: none
	oldest stream.Time // no row that is shown is older; MaxTime: none will expire
	sparse bool
	empty  bool // it is in the view's list of empty pages

	// Of the store.
	stored  bool   // rows and slots are there
	version uint64 // of what is in the header; raised with each change
	named   uint64 // version of the header in the store; 0: none
	pins    int    // readers that will come for its rows
	removed bool   // the view needs it no more

	borrowed *body // by the step under way

	// Guarded by the cache's lock; while the page is not sealed, by the view's.
	body         *body
	gone         bool
	newer, older *page
}

func (p *page) slot(row int) uint64 {
	if p.slots != nil {
		return p.slots[row]
	}
	return p.base + uint64(row)
}

func (p *page) shows(row int) bool { return p.live[row>>6]>>(row&63)&1 != 0 }

// behind returns the next row of the index with the same key, plus 1; 0: none.
func (p *page) behind(row int) ref {
	if row < len(p.next) {
		return p.next[row]
	}
	return 0
}

// follow sets what behind returns.
func (p *page) follow(row int, r ref) {
	if r == 0 && row >= len(p.next) {
		return
	}
	for len(p.next) < p.rows {
		p.next = append(p.next, 0)
	}
	p.next[row] = r
}

// grow makes room for n more rows in the bitmap.
func (p *page) grow(n int) {
	for len(p.live)*64 < p.rows+n {
		p.live = append(p.live, 0)
	}
}

// explicit writes down the slots of the first n rows.
func (p *page) explicit(n int) {
	if p.slots != nil {
		return
	}
	p.slots = make([]uint64, n, max(p.rows, 64))
	for i := range p.slots {
		p.slots[i] = p.base + uint64(i)
	}
}

// eachBit calls fn for every bit that is set.
func eachBit(words []uint64, fn func(i int)) {
	for w, x := range words {
		for ; x != 0; x &= x - 1 {
			fn(w<<6 | bits.TrailingZeros64(x))
		}
	}
}

// setBits sets the bits from to to.
func setBits(words []uint64, from, to int) {
	for i := from; i < to; {
		if i&63 == 0 && to-i >= 64 {
			words[i>>6] = ^uint64(0)
			i += 64
			continue
		}
		words[i>>6] |= 1 << (i & 63)
		i++
	}
}

// body is the rows of a page. A sealed page's never changes.
type body struct {
	parts []part
	ops   []stream.Op // nil: every row enters
	marks []mark
	bytes int64
}

// part is a run of a page's rows. A sealed page has one.
type part struct {
	rec   arrow.RecordBatch
	first int // row of the page
	keys  []keys.Column
}

// mark is the end of a step, or of the part of it that is in this page.
type mark struct {
	step     stream.Step
	commit   stream.Commit
	clock, w stream.Time
	end      int  // row behind it
	more     bool // the step goes on in the next page
}

func (b *body) retain() {
	for i := range b.parts {
		b.parts[i].rec.Retain()
	}
}

func (b *body) release() {
	for i := range b.parts {
		b.parts[i].rec.Release()
	}
}

// frozen returns the body as it is now. The caller releases it.
func (b *body) frozen() *body {
	c := *b
	c.parts = slices.Clone(b.parts)
	c.retain()
	return &c
}

// find returns the part with a row.
func (b *body) find(row int) *part {
	if len(b.parts) == 1 {
		return &b.parts[0]
	}
	return &b.parts[sort.Search(len(b.parts), func(i int) bool { return b.parts[i].first > row })-1]
}

// cut returns the rows from to to as batches of some columns. The caller
// releases them.
func (b *body) cut(out []stream.Batch, schema *arrow.Schema, columns []int, from, to int) []stream.Batch {
	i := sort.Search(len(b.parts), func(i int) bool { return b.parts[i].first > from }) - 1
	for ; from < to; i++ {
		p := &b.parts[i]
		end := min(to, p.first+int(p.rec.NumRows()))
		rec := pick(schema, p.rec, columns)
		if n := end - from; int64(n) < rec.NumRows() {
			some := rec.NewSlice(int64(from-p.first), int64(end-p.first))
			rec.Release()
			rec = some
		}
		batch := stream.Batch{RecordBatch: rec}
		if b.ops != nil && slices.Contains(b.ops[from:end], stream.Delete) {
			batch.Ops = b.ops[from:end:end]
		}
		out = append(out, batch)
		from = end
	}
	return out
}

// pickSchema returns some columns of a schema in Arrow's terms.
func pickSchema(schema stream.Schema, columns []int) *arrow.Schema {
	some := make(stream.Schema, len(columns))
	for i, c := range columns {
		some[i] = schema[c]
	}
	return some.Arrow()
}

// pick shares some columns of a batch; the caller owns the result.
func pick(schema *arrow.Schema, rec arrow.RecordBatch, columns []int) arrow.RecordBatch {
	cols := make([]arrow.Array, len(columns))
	for i, c := range columns {
		cols[i] = rec.Column(c)
	}
	return array.NewRecordBatch(schema, cols, rec.NumRows())
}

// joined copies batches of one schema into one.
func joined(alloc memory.Allocator, schema *arrow.Schema, recs []arrow.RecordBatch) (arrow.RecordBatch, error) {
	rows := int64(0)
	for _, r := range recs {
		rows += r.NumRows()
	}
	cols := make([]arrow.Array, 0, schema.NumFields())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	arrays := make([]arrow.Array, len(recs))
	for c := range schema.NumFields() {
		for i, r := range recs {
			arrays[i] = r.Column(c)
		}
		col, err := array.Concatenate(arrays, alloc)
		if err != nil {
			return nil, err
		}
		cols = append(cols, col)
	}
	return array.NewRecordBatch(schema, cols, rows), nil
}

// sizer tells how many bytes rows of a batch take in memory.
type sizer struct {
	fixed   int64     // bytes of a row
	offsets [][]int32 // of the text columns
}

func sizerOf(schema stream.Schema, rec arrow.RecordBatch) sizer {
	s := sizer{fixed: 1}
	for i := range schema {
		switch col := rec.Column(i).(type) {
		case *array.String:
			s.fixed += 5
			if d := col.Data(); d.Len() > 0 {
				offs := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())
				s.offsets = append(s.offsets, offs[d.Offset():d.Offset()+d.Len()+1])
			}
		case *array.Boolean:
			s.fixed++
		default:
			s.fixed += 1 + int64(col.DataType().(arrow.FixedWidthDataType).Bytes())
		}
	}
	return s
}

func (s sizer) bytes(from, to int) int64 {
	n := s.fixed * int64(to-from)
	for _, o := range s.offsets {
		n += int64(o[to] - o[from])
	}
	return n
}

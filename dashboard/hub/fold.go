package hub

// style is how the changes of a result add up.
type style struct {
	key  []int // nil: rows are known by all their cells
	tail bool  // append-only without a key: nobody adds it up
	cols int
}

func styleOf(p Plan) style {
	return style{key: p.Key(), tail: p.AppendOnly() && p.Key() == nil, cols: len(p.Schema())}
}

// fold adds up the changes of several steps to one: of a keyed result the last
// row of each key, where a row that came and went is nothing; of a bag the net
// count of each row; of a tail all rows, the oldest of which may be dropped.
type fold struct {
	style
	at      map[string]int32 // identity -> entries
	entries []entry
	bytes   int   // of the rows in use
	held    int   // of the blocks that they lie in, about
	in      int64 // changes taken in
	dropped int64 // rows of a tail that had to go
	scratch []byte
}

// entry is what became of one identity. Of a tail each row has its own.
type entry struct {
	old, now ref   // before the fold, and behind it
	net      int32 // of a bag: how often the row entered, less how often it left
}

func newFold(s style) *fold { return &fold{style: s} }

func (f *fold) empty() bool { return len(f.entries) == 0 && f.dropped == 0 }

// add takes the changes of a step in, in their order.
func (f *fold) add(rows []change) {
	f.in += int64(len(rows))
	if f.tail {
		for _, r := range rows {
			f.entries = append(f.entries, entry{now: r.ref})
			f.bytes += r.size()
		}
		return
	}
	if f.at == nil {
		f.at = make(map[string]int32, len(rows))
	}
	for _, r := range rows {
		f.scratch = r.appendKey(f.scratch[:0], f.key)
		i, ok := f.at[string(f.scratch)]
		if !ok {
			i = int32(len(f.entries))
			f.at[string(f.scratch)] = i
			f.entries = append(f.entries, entry{})
		}
		e := &f.entries[i]
		f.bytes -= e.size()
		switch {
		case f.key == nil && r.leaves:
			e.now, e.net = r.ref, e.net-1
		case f.key == nil:
			e.now, e.net = r.ref, e.net+1
		case r.leaves && !ok:
			e.old = r.ref
		case r.leaves:
			e.now = ref{}
		default:
			e.now = r.ref
		}
		f.bytes += e.size()
		f.held += r.size()
	}
	if f.held > 4*f.bytes+1<<20 {
		f.compact()
	}
}

func (e *entry) size() int {
	n := 0
	if e.old.b != nil {
		n += e.old.size()
	}
	if e.now.b != nil {
		n += e.now.size()
	}
	return n
}

// compact copies the rows in use out of blocks that hold others, too.
func (f *fold) compact() {
	b := &block{cols: f.cols}
	for i := range f.entries {
		e := &f.entries[i]
		if e.old.b != nil {
			e.old = e.old.copyInto(b)
		}
		if e.now.b != nil {
			e.now = e.now.copyInto(b)
		}
	}
	f.held = f.bytes
}

// shorten drops the oldest rows of a tail until the rest has so many bytes.
func (f *fold) shorten(most int) {
	i := 0
	for ; i < len(f.entries)-1 && f.bytes > most; i++ {
		f.bytes -= f.entries[i].size()
	}
	f.dropped += int64(i)
	f.entries = append(f.entries[:0:0], f.entries[i:]...)
}

// line is a row of a frame.
type line struct {
	ref
	op byte // 'i', 'd' or 'u'
}

// lines returns what the fold comes to: of a key that has a row before and
// behind, which differ, an update.
func (f *fold) lines() []line {
	out := make([]line, 0, len(f.entries))
	for i := range f.entries {
		e := &f.entries[i]
		switch {
		case f.tail:
			out = append(out, line{e.now, 'i'})
		case f.key == nil:
			op := byte('i')
			if e.net < 0 {
				op = 'd'
			}
			for n := max(e.net, -e.net); n > 0; n-- {
				out = append(out, line{e.now, op})
			}
		case e.old.b == nil && e.now.b == nil:
		case e.now.b == nil:
			out = append(out, line{e.old, 'd'})
		case e.old.b == nil:
			out = append(out, line{e.now, 'i'})
		case !e.old.equal(e.now):
			out = append(out, line{e.now, 'u'})
		}
	}
	return out
}

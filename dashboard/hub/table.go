package hub

// table is the present content of a run, so that who joins it has something to
// begin with. Of a tail it is the last rows.
type table struct {
	style
	rowsMax int // of a tail

	places  []place
	last    map[string]int32 // identity -> the newest place with it
	live    int
	bytes   int // of the live rows
	held    int // of the blocks that they lie in, about
	total   int64
	scratch []byte
}

// place holds a row, or nothing where one left.
type place struct {
	ref
	before int32 // the next older place with the same identity, -1: none
}

func newTable(s style, rowsMax int) *table {
	return &table{style: s, rowsMax: rowsMax, last: make(map[string]int32)}
}

// replace makes rows the content.
func (t *table) replace(rows []change) {
	*t = *newTable(t.style, t.rowsMax)
	t.apply(rows)
}

// apply adds the changes of a step. A row that enters right behind the one with
// the same key that left takes its place.
func (t *table) apply(rows []change) {
	for i := 0; i < len(rows); i++ {
		r := rows[i]
		t.held += r.size()
		if t.tail {
			t.append(r.ref, nil)
			continue
		}
		t.scratch = r.appendKey(t.scratch[:0], t.key)
		at, ok := t.last[string(t.scratch)]
		switch {
		case r.leaves && ok && i+1 < len(rows) && !rows[i+1].leaves && t.same(rows[i+1].ref):
			i++
			t.held += rows[i].size()
			t.put(at, rows[i].ref)
		case r.leaves && ok:
			t.remove(at)
		case r.leaves: // the page does the same with a row that it does not have
		case ok && t.key != nil:
			t.put(at, r.ref)
		default:
			t.append(r.ref, t.scratch)
		}
	}
	if len(t.places) > 2*t.live+1024 || t.held > 2*t.bytes+1<<20 {
		t.compact()
	}
}

// same tells whether a row has the identity in scratch.
func (t *table) same(r ref) bool {
	n := len(t.scratch)
	t.scratch = r.appendKey(t.scratch, t.key)
	equal := string(t.scratch[:n]) == string(t.scratch[n:])
	t.scratch = t.scratch[:n]
	return equal
}

func (t *table) append(r ref, id []byte) {
	p := place{r, -1}
	if id != nil || !t.tail {
		if before, ok := t.last[string(id)]; ok {
			p.before = before
		}
		t.last[string(id)] = int32(len(t.places))
	}
	t.places = append(t.places, p)
	t.live++
	t.total++
	t.bytes += r.size()
	if t.tail && t.live > t.rowsMax {
		t.drop(len(t.places) - t.live)
	}
}

func (t *table) put(at int32, r ref) {
	t.bytes += r.size() - t.places[at].size()
	t.places[at].ref = r
}

// remove takes out the newest row with the identity in scratch.
func (t *table) remove(at int32) {
	if before := t.places[at].before; before >= 0 {
		t.last[string(t.scratch)] = before
	} else {
		delete(t.last, string(t.scratch))
	}
	t.drop(int(at))
}

func (t *table) drop(at int) {
	t.bytes -= t.places[at].size()
	t.live--
	t.places[at].ref = ref{}
}

// compact closes the holes and lets go of blocks with rows that are gone.
func (t *table) compact() {
	to := make([]int32, len(t.places))
	b := &block{cols: t.cols}
	kept := make([]place, 0, t.live)
	for i, p := range t.places {
		if p.b == nil {
			continue
		}
		to[i] = int32(len(kept))
		if p.before >= 0 {
			p.before = to[p.before]
		}
		p.ref = p.copyInto(b)
		kept = append(kept, p)
	}
	t.places = kept
	for id, at := range t.last {
		t.last[id] = to[at]
	}
	t.held = t.bytes
}

// lines returns the content as rows that enter.
func (t *table) lines() []line {
	out := make([]line, 0, t.live)
	for _, p := range t.places {
		if p.b != nil {
			out = append(out, line{p.ref, 'i'})
		}
	}
	return out
}

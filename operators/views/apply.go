package views

import (
	"errors"
	"hash/maphash"
	"math"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/operators/stream"
	"weir/operators/stream/keys"
)

// add appends the rows of a batch to the tail, a page at a time, and applies them.
func (v *View) add(b stream.Batch) error {
	v.columns = v.columns[:0]
	for _, c := range v.key {
		v.columns = append(v.columns, keys.Of(b.Column(c), v.cfg.Schema[c].Type))
	}
	defer clear(v.columns) // they point into the batch
	times := v.expiry.times(b, v.cfg.TimeColumn)
	size := sizerOf(v.cfg.Schema, b.RecordBatch)
	rows := int(b.NumRows())
	for from := 0; from < rows; {
		if err := v.openTail(); err != nil {
			return err
		}
		n := v.fits(size, from, rows)
		if n == 0 {
			if err := v.seal(); err != nil {
				return err
			}
			continue
		}
		start := v.extend(b, size, from, from+n)
		if err := v.applyRows(b.Ops, times, from, n, start); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// openTail makes the page that takes the next rows.
func (v *View) openTail() error {
	if v.tail != nil {
		return nil
	}
	p, err := v.newPage()
	if err != nil {
		return err
	}
	p.inLog, p.firstSeq, p.lastSeq, p.lastCommit = true, v.seq, v.seq, v.step.commit
	p.body = new(body)
	v.tail = p
	v.log = append(v.log, p)
	return nil
}

// newPage gives a page its place in the table.
func (v *View) newPage() (*page, error) {
	p := &page{id: v.ids, base: v.slots, oldest: stream.MaxTime, version: 1}
	return p, v.enter(p)
}

func (v *View) enter(p *page) error {
	if n := len(v.free); n > 0 {
		p.at, v.free = v.free[n-1], v.free[:n-1]
		v.table[p.at] = p
	} else {
		if len(v.table) >= math.MaxUint32>>rowBits {
			return errors.New("it has more pages than a view may have")
		}
		p.at = uint32(len(v.table))
		v.table = append(v.table, p)
	}
	v.ids = max(v.ids, p.id+1)
	return nil
}

// fits returns how many rows of a batch the tail can take: at least one if it is empty.
func (v *View) fits(size sizer, from, to int) int {
	p := v.tail
	n := min(to-from, v.cfg.PageRows-p.rows)
	room := v.cfg.PageBytes - p.bytes
	if n > 0 && size.bytes(from, from+n) > room {
		n = sort.Search(n, func(i int) bool { return size.bytes(from, from+i+1) > room })
		if n == 0 && p.rows == 0 {
			n = 1
		}
	}
	return n
}

// extend appends rows to the tail and returns the row that is the first of them.
func (v *View) extend(b stream.Batch, size sizer, from, to int) int {
	p, n := v.tail, to-from
	rec := b.RecordBatch
	if int64(n) < rec.NumRows() {
		rec = rec.NewSlice(int64(from), int64(to))
	} else {
		rec.Retain()
	}
	start, body := p.rows, p.body
	body.parts = append(body.parts, part{rec: rec, first: start})
	if b.Ops != nil && body.ops == nil {
		body.ops = make([]stream.Op, start, max(start+n, 64))
	}
	switch {
	case b.Ops != nil:
		body.ops = append(body.ops, b.Ops[from:to]...)
	case body.ops != nil:
		body.ops = append(body.ops, make([]stream.Op, n)...)
	}
	p.grow(n)
	grown := size.bytes(from, to)
	p.rows += n
	p.bytes += grown
	body.bytes += grown
	v.logBytes += grown
	v.unstored += grown
	p.lastSeq = v.seq
	return start
}

// applyRows applies n rows of the batch at hand, which lie in the tail from start on.
func (v *View) applyRows(ops []stream.Op, times eventTimes, from, n, start int) error {
	p := v.tail
	v.state.Changes += int64(n)
	if ops == nil && v.index == nil {
		if p.slots != nil || p.base+uint64(start) != v.slots {
			p.explicit(start)
			for i := range n {
				p.slots = append(p.slots, v.slots+uint64(i))
			}
		}
		v.slots += uint64(n)
		setBits(p.live, start, start+n)
		p.liveN += n
		v.state.Rows += n
		v.expiry.lower(p, times.oldest(from, from+n))
		return nil
	}
	for i := from; i < from+n; i++ {
		row := start + i - from
		key := v.scratch[:0]
		for c := range v.columns {
			key = v.columns[c].Append(key, i)
		}
		v.scratch = key
		h := uint32(maphash.Bytes(v.seed, key))
		var err error
		if ops != nil && ops[i] == stream.Delete {
			err = v.leave(p, row, key, h, times.at(i))
		} else {
			err = v.show(p, row, key, h)
			v.expiry.lower(p, times.at(i))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errNotHeld = errors.New("step retracts a row that the view does not hold")

// leave takes out one row that has the key.
func (v *View) leave(tail *page, at int, key []byte, h uint32, t stream.Time) error {
	tail.explicit(at)
	tail.slots = append(tail.slots, 0)
	var err error
	if v.index == nil {
		if err = v.buildIndex(); err != nil {
			return err
		}
	}
	at, err = v.find(key, h)
	if err != nil {
		return err
	}
	if at < 0 {
		if t < v.expiry.below {
			v.state.Changes--
			return nil // it has expired
		}
		return errNotHeld
	}
	e := &v.index.entries[at]
	p, row := v.row(e.ref - 1)
	if behind := p.behind(row); behind != 0 {
		e.ref = behind
		p.follow(row, 0)
	} else {
		v.index.remove(at)
	}
	v.vacant.push(key, h, p.slot(row))
	v.kill(p, row)
	return nil
}

// show lets a row of the tail be seen: in the place of an equal one that left in
// the same step, so that a refined window stays where it was, else behind all.
func (v *View) show(p *page, row int, key []byte, h uint32) error {
	slot, again := v.vacant.pop(key, h)
	if !again {
		slot = v.slots
		v.slots++
	}
	if p.slots != nil || slot != p.base+uint64(row) {
		p.explicit(row)
		p.slots = append(p.slots, slot)
	}
	p.live[row>>6] |= 1 << (row & 63)
	p.liveN++
	v.state.Rows++
	if v.index == nil {
		return nil
	}
	at, err := v.find(key, h)
	if err != nil {
		return err
	}
	v.link(at, h, makeRef(p.at, row))
	return nil
}

// seal ends the tail: its rows become one batch. A step with rows in it that has
// not ended goes on in the next page.
func (v *View) seal() error {
	p := v.tail
	old := p.body
	if n := len(old.marks); n == 0 || old.marks[n-1].end < p.rows {
		v.endMark(true)
	}
	recs := make([]arrow.RecordBatch, len(old.parts))
	for i := range old.parts {
		recs[i] = old.parts[i].rec
	}
	rec, err := joined(v.cfg.Alloc, v.schema, recs)
	if err != nil {
		return err
	}
	b := &body{parts: []part{{rec: rec}}, ops: old.ops, marks: old.marks, bytes: old.bytes}
	p.body = nil
	v.tail, p.sealed = nil, true
	v.cache.put(p, b, false)
	b.release() // the cache has its own
	old.release()
	return nil
}

// endMark ends the step under way in the tail.
func (v *View) endMark(more bool) {
	p, m := v.tail, v.step
	m.end, m.more = p.rows, more
	p.body.marks = append(p.body.marks, m)
	p.lastSeq, p.lastCommit, p.lastClock = v.seq, m.commit, m.clock
}

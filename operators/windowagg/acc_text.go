package windowagg

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// textExtremeAcc is MIN and MAX of VARCHAR. The values lie in one arena; a value
// is overwritten in place if the new one fits, else the arena grows, and is
// compacted when most of it is dead.
type textExtremeAcc struct {
	s     []textExtremeState
	arena []byte
	dead  int
	isMax bool
	rows  sequence
}

type textExtremeState struct {
	at       int
	n, space int32
	has      bool
}

func (t *textExtremeAcc) grow(n int) { t.s = growTo(t.s, n) }
func (t *textExtremeAcc) bytes() int { return 24*cap(t.s) + cap(t.arena) }

func (t *textExtremeAcc) reset() { t.s, t.arena, t.dead = t.s[:0], t.arena[:0], 0 }

func (t *textExtremeAcc) empty(ids []int32) {
	for _, id := range ids {
		t.dead += int(t.s[id].space)
		t.s[id] = textExtremeState{}
	}
	t.compact()
}

func (t *textExtremeAcc) value(s textExtremeState) []byte { return t.arena[s.at : s.at+int(s.n)] }

// take keeps v if it is the more extreme. v may lie in the arena itself.
func (t *textExtremeAcc) take(id int32, v []byte) {
	s := &t.s[id]
	if s.has {
		c := bytes.Compare(v, t.value(*s))
		if c == 0 || (c > 0) != t.isMax {
			return
		}
	}
	if !s.has || len(v) > int(s.space) {
		t.dead += int(s.space)
		s.at, s.space = len(t.arena), int32(len(v))
		t.arena = append(t.arena, v...)
	} else {
		copy(t.arena[s.at:], v)
	}
	s.n, s.has = int32(len(v)), true
}

// compact rewrites the arena once more than half of it and 64 KiB are dead.
func (t *textExtremeAcc) compact() {
	if t.dead < 64<<10 || 2*t.dead < len(t.arena) {
		return
	}
	arena := make([]byte, 0, len(t.arena)-t.dead)
	for i := range t.s {
		s := &t.s[i]
		if s.has {
			at := len(arena)
			arena = append(arena, t.value(*s)...)
			s.at, s.space = at, s.n
		}
	}
	t.arena, t.dead = arena, 0
}

func (t *textExtremeAcc) update(cols []arrow.Array, rows, ids []int32) {
	if len(rows) == 0 {
		return
	}
	col := cols[0]
	valid, vals := validityOf(col), textsOf(col)
	for i, r := range rows {
		if valid.ok(r) {
			t.take(ids[i], vals.at(r))
		}
	}
	t.compact()
}

func (t *textExtremeAcc) load(cols []arrow.Array, lo int, ids []int32) {
	t.update(cols, t.rows.span(lo, lo+len(ids)), ids)
}

func (t *textExtremeAcc) fold(ids []int32, src acc, from []int32) {
	o := src.(*textExtremeAcc)
	for i, id := range ids {
		if f := from[i]; f >= 0 && o.s[f].has {
			t.take(id, o.value(o.s[f]))
		}
	}
	t.compact()
}

func (t *textExtremeAcc) appendStates(b []array.Builder, ids []int32) { t.appendResults(b[0], ids) }

func (t *textExtremeAcc) appendResults(b array.Builder, ids []int32) int64 {
	out := b.(*array.StringBuilder)
	for _, id := range ids {
		if s := t.s[id]; s.has {
			out.BinaryBuilder.Append(t.value(s))
		} else {
			out.AppendNull()
		}
	}
	return 0
}

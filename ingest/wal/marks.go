package wal

import (
	"encoding/binary"
	"errors"
	"slices"

	"weir/operators/stream"
)

// Mark is how far a producer has come that makes its records of this log: what it
// has written follows from the commits up to Source. It comes with the records, so
// either both are there or neither, and unlike a key it is never forgotten.
type Mark struct {
	Source stream.Commit
	// Rows is how many rows of what follows from Source itself are there, where the
	// rest is still to come; 0: all.
	Rows uint64
	// Written and Refused are the producer's own counts.
	Written, Refused uint64
}

// Behind tells whether m says less than o.
func (m Mark) Behind(o Mark) bool {
	if m.Source != o.Source {
		return m.Source < o.Source
	}
	return m.Rows != 0 && (o.Rows == 0 || m.Rows < o.Rows)
}

// ErrStale says that what a producer appends is there already, or that it is not
// the only one that goes by its number.
var ErrStale = errors.New("the log has this of the producer already")

// markSize is a mark in a frame, a footer or BASE: producer u32, source u64, rows
// u64, written u64, refused u64.
const markSize = 36

// producerMark is a mark and whose it is.
type producerMark struct {
	producer uint32 // 0: none
	mark     Mark
}

func appendMark(b []byte, m *producerMark) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, m.producer)
	b = le.AppendUint64(b, uint64(m.mark.Source))
	b = le.AppendUint64(b, m.mark.Rows)
	b = le.AppendUint64(b, m.mark.Written)
	return le.AppendUint64(b, m.mark.Refused)
}

// appendMarks appends a list of marks, ordered by their producers.
func appendMarks(b []byte, marks map[uint32]Mark) []byte {
	ids := make([]uint32, 0, len(marks))
	for id := range marks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(ids)))
	for _, id := range ids {
		b = appendMark(b, &producerMark{id, marks[id]})
	}
	return b
}

func (c *cursor) mark() producerMark {
	return producerMark{c.u32(), Mark{stream.Commit(c.u64()), c.u64(), c.u64(), c.u64()}}
}

func (c *cursor) marks() map[uint32]Mark {
	n := c.list(markSize)
	marks := make(map[uint32]Mark, n)
	for range n {
		m := c.mark()
		marks[m.producer] = m.mark
	}
	return marks
}

// Mark returns how far a producer has come; ok is false where the log has nothing
// of it.
func (l *Log) Mark(producer uint32) (_ Mark, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, ok := l.marks[producer]
	return m, ok
}

// DiskLow tells whether the disk has less room than is to be left free.
func (l *Log) DiskLow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.diskLow
}

// staleLocked tells whether the log has what p brings.
func (l *Log) staleLocked(p *pending) bool {
	known, ok := l.marks[p.mark.producer]
	return p.mark.producer != 0 && ok && !known.Behind(p.mark.mark)
}

// forgetMarksLocked forgets producers that do not exist any more.
func (l *Log) forgetMarksLocked(r *Retention) {
	if r.Producers == nil {
		return
	}
	for id := range l.marks {
		if id <= r.Last && !r.Producers[id] {
			delete(l.marks, id)
		}
	}
}

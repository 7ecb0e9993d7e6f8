package views

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/s2"

	"weir/operators/stream"
)

// What a view stores, behind the byte 'v' and its id:
//
//	m         the moment it shows, and its counts
//	h + page  what is known of a page: its steps, and which rows are shown
//	p + page  the page's rows; never changes
//	s + page  their places in the order of appearance, where they do not ascend
//	          by one; never changes
const (
	metaKind   = 'm'
	headerKind = 'h'
	rowsKind   = 'p'
	slotsKind  = 's'
)

func viewPrefix(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte{'v'}, id) }

func kindPrefix(id uint32, kind byte) []byte { return append(viewPrefix(id), kind) }

func pageKey(id uint32, kind byte, page uint64) []byte {
	return binary.BigEndian.AppendUint64(kindPrefix(id, kind), page)
}

// How a header tells which rows are shown.
const (
	noneShown = iota
	allShown
	someShown
)

const headerInLog, headerSlots = 1, 2

// header writes what the store must know of a page.
func (p *page) header() []byte {
	flags := byte(0)
	if p.inLog {
		flags |= headerInLog
	}
	if p.slots != nil {
		flags |= headerSlots
	}
	out := []byte{formatVersion, flags}
	out = binary.AppendUvarint(out, uint64(p.rows))
	out = binary.AppendUvarint(out, uint64(p.bytes))
	out = binary.AppendUvarint(out, p.firstSeq)
	out = binary.AppendUvarint(out, p.lastSeq)
	out = binary.AppendUvarint(out, uint64(p.lastCommit))
	out = binary.AppendVarint(out, int64(p.lastClock))
	out = binary.AppendUvarint(out, p.base)
	out = binary.AppendVarint(out, int64(p.oldest))
	switch p.liveN {
	case 0:
		return append(out, noneShown)
	case p.rows:
		return append(out, allShown)
	}
	out = append(out, someShown)
	for _, x := range p.live[:(p.rows+63)/64] {
		out = binary.LittleEndian.AppendUint64(out, x)
	}
	return out
}

// readHeader makes a page of its header.
func readHeader(id uint64, src []byte) (p *page, slots bool, err error) {
	r := &reader{src: src}
	if r.byte() != formatVersion {
		return nil, false, errCorrupt
	}
	flags := r.byte()
	p = &page{id: id, sealed: true, stored: true, version: 1, named: 1, inLog: flags&headerInLog != 0}
	p.rows = r.count(pageRowsMax)
	p.bytes = int64(r.count(rawBytesMax))
	p.firstSeq, p.lastSeq = r.uvarint(), r.uvarint()
	p.lastCommit = stream.Commit(r.uvarint())
	p.lastClock = stream.Time(r.varint())
	p.base = r.uvarint()
	p.oldest = stream.Time(r.varint())
	p.grow(0)
	switch r.byte() {
	case noneShown:
	case allShown:
		setBits(p.live, 0, p.rows)
		p.liveN = p.rows
	case someShown:
		words := r.take(8 * len(p.live))
		for i := range p.live {
			if words != nil {
				p.live[i] = binary.LittleEndian.Uint64(words[8*i:])
				p.liveN += bits.OnesCount64(p.live[i])
			}
		}
		if tail := p.rows & 63; tail != 0 && p.live[len(p.live)-1]>>tail != 0 {
			r.bad = true
		}
	default:
		r.bad = true
	}
	if r.bad || len(r.src) > 0 || p.rows == 0 || p.firstSeq > p.lastSeq {
		return nil, false, errCorrupt
	}
	return p, flags&headerSlots != 0, nil
}

func encodeSlots(slots []uint64) []byte {
	var raw []byte
	last := uint64(0)
	for _, s := range slots {
		raw = binary.AppendVarint(raw, int64(s-last))
		last = s
	}
	return append([]byte{formatVersion}, s2.Encode(nil, raw)...)
}

func decodeSlots(src []byte, rows int) ([]uint64, error) {
	if len(src) == 0 || src[0] != formatVersion {
		return nil, errCorrupt
	}
	if n, err := s2.DecodedLen(src[1:]); err != nil || n > rows*binary.MaxVarintLen64 {
		return nil, errCorrupt
	}
	raw, err := s2.Decode(nil, src[1:])
	if err != nil {
		return nil, errCorrupt
	}
	r := &reader{src: raw}
	slots := make([]uint64, rows)
	last := uint64(0)
	for i := range slots {
		last += uint64(r.varint())
		slots[i] = last
	}
	if r.bad || len(r.src) > 0 {
		return nil, errCorrupt
	}
	return slots, nil
}

// signature tells views apart whose rows cannot be read alike.
func (v *View) signature() uint64 {
	h := fnv.New64a()
	for _, f := range v.cfg.Schema {
		h.Write([]byte(f.Name + "\x00" + f.Type.String() + "\x00"))
	}
	for _, k := range v.cfg.Key {
		h.Write([]byte{byte(k), byte(k >> 8)})
	}
	return h.Sum64()
}

// meta writes the moment that the view shows.
func (v *View) meta(pages int) []byte {
	s := v.state
	out := []byte{formatVersion}
	out = binary.LittleEndian.AppendUint64(out, v.signature())
	for _, x := range []uint64{
		uint64(s.Commit), uint64(s.Step), uint64(s.Rows), uint64(s.Changes), uint64(s.Expired),
		v.ids, v.slots, v.seq, v.floorSeq, uint64(v.floor), uint64(pages), uint64(len(v.holds)), uint64(len(v.ghosts)),
	} {
		out = binary.AppendUvarint(out, x)
	}
	for _, x := range []stream.Time{s.Clock, s.W, v.expiry.below} {
		out = binary.AppendVarint(out, int64(x))
	}
	for p := range v.ghosts {
		out = binary.AppendUvarint(out, p.id)
	}
	for _, name := range sortedNames(v.holds) {
		h := v.holds[name]
		lost := byte(0)
		if h.lost {
			lost = 1
		}
		out = binary.AppendUvarint(out, uint64(len(name)))
		out = append(append(out, name...), lost)
		out = binary.AppendUvarint(out, uint64(h.commit))
	}
	return out
}

func sortedNames(holds map[string]*Hold) []string { return slices.Sorted(maps.Keys(holds)) }

// holdsMax is how many holds a view has when it is read back.
const holdsMax = 10_000

// readMeta sets what meta wrote and returns the number of pages.
func (v *View) readMeta(src []byte) (pages int, err error) {
	r := &reader{src: src}
	if r.byte() != formatVersion {
		return 0, errCorrupt
	}
	if b := r.take(8); b != nil && binary.LittleEndian.Uint64(b) != v.signature() {
		return 0, errSchema
	}
	s := &v.state
	s.Commit, s.Step = stream.Commit(r.uvarint()), stream.Step(r.uvarint())
	s.Rows, s.Changes, s.Expired = r.count(1<<40), int64(r.uvarint()), int64(r.uvarint())
	v.ids, v.slots, v.seq, v.floorSeq = r.uvarint(), r.uvarint(), r.uvarint(), r.uvarint()
	v.floor = stream.Commit(r.uvarint())
	pages = r.count(1 << 32)
	holds := r.count(holdsMax)
	ghosts := r.count(len(src))
	s.Clock, s.W = stream.Time(r.varint()), stream.Time(r.varint())
	v.expiry.below = stream.Time(r.varint())
	for range ghosts {
		v.garbage = append(v.garbage, r.uvarint())
	}
	for range holds {
		h := &Hold{view: v, name: string(r.take(r.count(len(src))))}
		h.lost = r.byte() != 0
		h.commit = stream.Commit(r.uvarint())
		v.holds[h.name] = h
	}
	if r.bad || len(r.src) > 0 {
		return 0, errCorrupt
	}
	return pages, nil
}

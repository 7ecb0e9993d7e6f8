package views

import "bytes"

// vacancies are the places in the order that rows left in a step, by their key;
// what enters takes the one that was left last.
type vacancies struct {
	list   []vacancy
	arena  []byte
	byHash map[uint32]int // newest of list, plus 1
	open   int
}

type vacancy struct {
	from, to int // key in the arena
	slot     uint64
	hash     uint32
	before   int // the one before it with this hash, plus 1
	taken    bool
}

func (s *vacancies) push(key []byte, h uint32, slot uint64) {
	if s.byHash == nil {
		s.byHash = make(map[uint32]int)
	}
	from := len(s.arena)
	s.arena = append(s.arena, key...)
	s.list = append(s.list, vacancy{from: from, to: len(s.arena), slot: slot, hash: h, before: s.byHash[h]})
	s.byHash[h] = len(s.list)
	s.open++
}

func (s *vacancies) pop(key []byte, h uint32) (slot uint64, ok bool) {
	if s.open == 0 {
		return 0, false
	}
	for i := s.byHash[h]; i > 0; i = s.list[i-1].before {
		c := &s.list[i-1]
		if !c.taken && bytes.Equal(s.arena[c.from:c.to], key) {
			c.taken = true
			if s.byHash[h] == i {
				s.byHash[h] = c.before
			}
			if s.open--; s.open == 0 {
				s.reset() // an update at a time stays small
			}
			return c.slot, true
		}
	}
	return 0, false
}

func (s *vacancies) reset() {
	for _, c := range s.list {
		delete(s.byHash, c.hash)
	}
	s.list, s.arena, s.open = s.list[:0], s.arena[:0], 0
	if cap(s.arena) > vacantBytesMax {
		*s = vacancies{}
	}
}

// vacantBytesMax is what is kept for the next step.
const vacantBytesMax = 4 << 20

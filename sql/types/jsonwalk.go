package types

// jsonWorkMax bounds what one value may cost: bytes that are looked at, again and
// again where a path or a comparison goes over the same value many times.
const jsonWorkMax = 1 << 27

// jsonWork counts down what a call may still cost.
type jsonWork int

func (w *jsonWork) spend(v []byte) bool {
	*w -= jsonWork(len(v) + 1)
	return *w > 0
}

// eachElement calls visit for each element of an array with its number, until it
// returns false.
func eachElement(doc []byte, visit func(i int, v []byte) bool) bool {
	n := 0
	for i := 1; i < len(doc)-1; i++ {
		end := valueEnd(doc, i)
		if !visit(n, doc[i:end]) {
			return false
		}
		n++
		i = end
	}
	return true
}

// eachMember calls visit for each member of an object with its name as it is
// written, without quotes, until it returns false. Of members with one name only
// the last is visited.
func eachMember(doc []byte, visit func(name, v []byte) bool) bool {
	count := int64(0)
	for i := 1; i < len(doc)-1; i++ {
		i = valueEnd(doc, stringEnd(doc, i+1)+2)
		count++
	}
	unique := count < 2 || JSONLength(doc) == count
	for i := 1; i < len(doc)-1; i++ {
		end := stringEnd(doc, i+1)
		name, start := doc[i+1:end], end+2
		i = valueEnd(doc, start)
		if !unique {
			if v := memberNamed(doc, nameOf(name)); &v[0] != &doc[start] {
				continue
			}
		}
		if !visit(name, doc[start:i]) {
			return false
		}
	}
	return true
}

// nameOf returns the characters of a member's name.
func nameOf(raw []byte) []byte {
	if escaped(raw) {
		return appendUnescaped(nil, raw)
	}
	return raw
}

// memberNamed returns the value of the last member of that name, nil if there is none.
func memberNamed(doc, name []byte) []byte {
	return jsonLeg{key: string(name)}.memberOf(doc)
}

// jsonSearch is the walk of one path through one value.
type jsonSearch struct {
	work  jsonWork
	doc   []byte
	seen  map[int]struct{} // where found values begin; nil: none is found twice
	visit func(v []byte) bool
}

// FindAll calls visit for each value that the path names in doc, in order, until
// it returns false. ok is false if that would cost too much.
func (p JSONPath) FindAll(doc []byte, visit func(v []byte) bool) (ok bool) {
	s := jsonSearch{work: jsonWorkMax, doc: doc, visit: visit}
	for _, l := range p.legs {
		if l.wild == anywhere {
			s.seen = map[int]struct{}{}
		}
	}
	s.walk(p.legs, doc)
	return s.work > 0
}

// walk returns false when it is to end.
func (s *jsonSearch) walk(legs []jsonLeg, v []byte) bool {
	if !s.work.spend(v) {
		return false
	}
	if len(legs) == 0 {
		if s.seen != nil {
			at := cap(s.doc) - cap(v) // a value lies in doc, so this is where it begins
			if _, twice := s.seen[at]; twice {
				return true
			}
			s.seen[at] = struct{}{}
		}
		return s.visit(v)
	}
	leg, rest := legs[0], legs[1:]
	object, array := v[0] == '{', v[0] == '['
	switch {
	case leg.wild == anywhere:
		return s.walk(rest, v) && s.into(v, legs)
	case leg.wild == anyMember:
		return !object || eachMember(v, func(_, m []byte) bool { return s.walk(rest, m) })
	case leg.wild == anyElement && !array:
		return true
	case leg.wild == oneValue && leg.element:
		if v = leg.elementOf(v); v == nil {
			return true
		}
		return s.walk(rest, v)
	case leg.wild == oneValue:
		if !object {
			return true
		}
		if v = leg.memberOf(v); v == nil {
			return true
		}
		return s.walk(rest, v)
	}
	lo, hi := leg.span(v)
	if !array { // counts as an array of itself
		return lo > 0 || hi < 0 || s.walk(rest, v)
	}
	return eachElement(v, func(i int, e []byte) bool { return i < lo || i > hi || s.walk(rest, e) })
}

// into walks everything that lies directly in v.
func (s *jsonSearch) into(v []byte, legs []jsonLeg) bool {
	switch v[0] {
	case '{':
		return eachMember(v, func(_, m []byte) bool { return s.walk(legs, m) })
	case '[':
		return eachElement(v, func(_ int, e []byte) bool { return s.walk(legs, e) })
	}
	return true
}

// span returns the first and the last element that a leg names.
func (l jsonLeg) span(v []byte) (lo, hi int) {
	if l.wild == anyElement {
		return 0, jsonIndexMax
	}
	n := 1
	if v[0] == '[' && (l.last || l.toLast) {
		n = int(JSONLength(v))
	}
	lo, hi = l.index, l.to
	if l.last {
		lo = max(n-1-l.index, 0)
	}
	if l.toLast {
		hi = n - 1 - l.to
	}
	return lo, hi
}

// JSONDepth returns how deep compact, valid JSON nests: 1 for a scalar, an empty
// array and an empty object.
func JSONDepth(v []byte) int {
	depth, most := 0, 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; c {
		case '"':
			i = stringEnd(v, i+1)
			most = max(most, depth+1)
		case '{', '[':
			depth++
			most = max(most, depth)
		case '}', ']':
			depth--
		case ',', ':':
		default:
			most = max(most, depth+1)
		}
	}
	return most
}

// JSONKeys appends an array of the names of an object's members; ok is false if v
// is no object.
func JSONKeys(dst, v []byte) (_ []byte, ok bool) {
	if v[0] != '{' {
		return dst, false
	}
	dst = append(dst, '[')
	open := len(dst)
	eachMember(v, func(name, _ []byte) bool {
		if len(dst) > open {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), name...), '"')
		return true
	})
	return append(dst, ']'), true
}

// PrettyJSON appends v over several lines, indented by two blanks, as
// JSON_PRETTY does.
func PrettyJSON(dst, v []byte) []byte {
	depth := 0
	line := func() {
		dst = append(dst, '\n')
		for range depth {
			dst = append(dst, ' ', ' ')
		}
	}
	for i := 0; i < len(v); i++ {
		switch c := v[i]; c {
		case '"':
			end := stringEnd(v, i+1)
			dst = append(dst, v[i:end+1]...)
			i = end
		case '{', '[':
			dst = append(dst, c)
			if v[i+1] == c+2 {
				dst = append(dst, v[i+1])
				i++
				break
			}
			depth++
			line()
		case '}', ']':
			depth--
			line()
			dst = append(dst, c)
		case ',':
			dst = append(dst, c)
			line()
		case ':':
			dst = append(dst, c, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

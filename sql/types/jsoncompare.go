package types

import (
	"bytes"
	"strconv"
)

// JSONContains tells whether candidate is contained in doc: a scalar in an equal
// one, an object in one with all of its members, an array in one that contains each
// of its elements, and everything else in an array that has it. Both are compact,
// valid JSON. ok is false if that would cost too much to find out.
func JSONContains(doc, candidate []byte) (contains, ok bool) {
	w := jsonWork(jsonWorkMax)
	contains = w.contains(doc, candidate)
	return contains, w > 0
}

func (w *jsonWork) contains(doc, c []byte) bool {
	if !w.spend(doc) || !w.spend(c) {
		return false
	}
	switch {
	case doc[0] == '[' && c[0] == '[':
		return eachElement(c, func(_ int, e []byte) bool { return w.within(doc, e) })
	case doc[0] == '[':
		return w.within(doc, c)
	case doc[0] == '{' && c[0] == '{':
		return eachMember(c, func(name, v []byte) bool {
			found := memberNamed(doc, nameOf(name))
			return w.spend(doc) && found != nil && w.contains(found, v)
		})
	case doc[0] == '{' || c[0] == '{' || c[0] == '[':
		return false
	}
	return equalScalars(doc, c)
}

// within tells whether an element of array contains c. An array is contained in
// arrays alone.
func (w *jsonWork) within(array, c []byte) bool {
	return !eachElement(array, func(_ int, e []byte) bool {
		if c[0] == '[' && e[0] != '[' {
			return w.spend(nil)
		}
		return !w.contains(e, c) && *w > 0
	})
}

// JSONOverlaps tells whether two values have something in common: arrays an
// element, objects a member with its value, scalars that they are equal; beside
// something else an array is searched for it. ok is false if that would cost too
// much to find out.
func JSONOverlaps(a, b []byte) (overlaps, ok bool) {
	w := jsonWork(jsonWorkMax)
	if a[0] != '[' && b[0] == '[' {
		a, b = b, a
	}
	switch {
	case a[0] == '[' && b[0] == '[':
		overlaps = !eachElement(b, func(_ int, e []byte) bool { return !w.has(a, e) && w > 0 })
	case a[0] == '[':
		overlaps = w.has(a, b)
	case a[0] == '{' && b[0] == '{':
		overlaps = !eachMember(b, func(name, v []byte) bool {
			found := memberNamed(a, nameOf(name))
			return w.spend(a) && (found == nil || !w.equal(found, v))
		})
	default:
		overlaps = w.equal(a, b)
	}
	return overlaps && w > 0, w > 0
}

// has tells whether an array has an element that equals v.
func (w *jsonWork) has(array, v []byte) bool {
	return !eachElement(array, func(_ int, e []byte) bool { return !w.equal(e, v) && *w > 0 })
}

// equal tells whether two values are the same: numbers by their value, text by its
// characters, objects whatever the order of their members.
func (w *jsonWork) equal(a, b []byte) bool {
	if !w.spend(a) || !w.spend(b) {
		return false
	}
	switch {
	case bytes.Equal(a, b):
		return true
	case a[0] == '[' && b[0] == '[':
		i := 1
		same := eachElement(a, func(_ int, e []byte) bool {
			if i >= len(b)-1 {
				return false
			}
			end := valueEnd(b, i)
			other := b[i:end]
			i = end + 1
			return w.equal(e, other)
		})
		return same && i >= len(b)-1
	case a[0] == '{' && b[0] == '{':
		return JSONLength(a) == JSONLength(b) && eachMember(a, func(name, v []byte) bool {
			found := memberNamed(b, nameOf(name))
			return w.spend(b) && found != nil && w.equal(v, found)
		})
	case a[0] == '[' || a[0] == '{' || b[0] == '[' || b[0] == '{':
		return false
	}
	return equalScalars(a, b)
}

func equalScalars(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if a[0] == '"' && b[0] == '"' {
		x, y := a[1:len(a)-1], b[1:len(b)-1]
		return (escaped(x) || escaped(y)) && bytes.Equal(nameOf(x), nameOf(y))
	}
	if !isNumberByte(a[0]) || !isNumberByte(b[0]) {
		return false
	}
	x, errX := strconv.ParseInt(string(a), 10, 64)
	y, errY := strconv.ParseInt(string(b), 10, 64)
	if errX == nil && errY == nil {
		return x == y // -0 and 0
	}
	f, _ := strconv.ParseFloat(string(a), 64) // valid JSON; what is too large is infinite
	g, _ := strconv.ParseFloat(string(b), 64)
	return f == g
}

func isNumberByte(c byte) bool { return c == '-' || c-'0' <= 9 }

// JSONStrings calls visit for each string in v that lies below or at it, in order,
// with its characters and its path, until it returns false. The path is good until
// visit returns.
func JSONStrings(v []byte, visit func(s, path []byte) bool) {
	walkStrings(v, []byte{'$'}, visit)
}

func walkStrings(v, path []byte, visit func(s, path []byte) bool) bool {
	switch v[0] {
	case '"':
		return visit(nameOf(v[1:len(v)-1]), path)
	case '[':
		return eachElement(v, func(i int, e []byte) bool {
			p := strconv.AppendInt(append(path, '['), int64(i), 10)
			return walkStrings(e, append(p, ']'), visit)
		})
	case '{':
		return eachMember(v, func(name, m []byte) bool {
			return walkStrings(m, appendPathName(append(path, '.'), name), visit)
		})
	}
	return true
}

// appendPathName appends a name as a path has it: with quotes where it is no
// identifier. raw is as it is written in JSON.
func appendPathName(dst, raw []byte) []byte {
	plain := len(raw) > 0 && raw[0]-'0' > 9
	for _, c := range raw {
		plain = plain && (isLetterByte(c) || c == '_' || c == '$' || c-'0' <= 9)
	}
	if plain {
		return append(dst, raw...)
	}
	return append(append(append(dst, '"'), raw...), '"')
}

func isLetterByte(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

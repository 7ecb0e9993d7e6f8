package types

import "bytes"

// JSONEdit is what JSON_SET and its kin do with a value at a path.
type JSONEdit uint8

// The edits.
const (
	JSONSet         JSONEdit = iota // put it there, whatever is
	JSONInsert                      // put it where nothing is
	JSONReplace                     // put it where something is
	JSONArrayAppend                 // behind the elements of the array that is there
	JSONArrayInsert                 // in front of the element that is there
)

// Apply appends doc with v put where the path says. Where there is no such place
// doc stays as it is. Both are compact, valid JSON; the path names one value.
func (e JSONEdit) Apply(dst, doc []byte, p JSONPath, v []byte) []byte {
	if e == JSONArrayInsert {
		return insertElement(dst, doc, p, v)
	}
	if found := p.Find(doc); found != nil {
		at := cap(doc) - cap(found)
		dst = append(dst, doc[:at]...)
		switch {
		case e == JSONInsert:
			dst = append(dst, found...)
		case e == JSONArrayAppend && found[0] == '[':
			dst = appendElement(dst, found, v)
		case e == JSONArrayAppend:
			dst = wrapped(dst, found, v)
		default:
			dst = append(dst, v...)
		}
		return append(dst, doc[at+len(found):]...)
	}
	if e != JSONSet && e != JSONInsert {
		return append(dst, doc...)
	}
	parent, leg := p.parent(doc)
	switch {
	case parent == nil:
		return append(dst, doc...)
	case !leg.element && parent[0] != '{':
		return append(dst, doc...)
	}
	at := cap(doc) - cap(parent)
	dst = append(dst, doc[:at]...)
	switch {
	case !leg.element:
		dst = append(dst, parent[:len(parent)-1]...)
		if len(parent) > 2 {
			dst = append(dst, ',')
		}
		dst = append(QuoteJSON(dst, []byte(leg.key)), ':')
		dst = append(append(dst, v...), '}')
	case leg.last && parent[0] == '[': // before the first
		dst = append(append(dst, '['), v...)
		if len(parent) > 2 {
			dst = append(dst, ',')
		}
		dst = append(dst, parent[1:]...)
	case leg.last:
		dst = wrapped(dst, v, parent)
	case parent[0] == '[':
		dst = appendElement(dst, parent, v)
	default:
		dst = wrapped(dst, parent, v)
	}
	return append(dst, doc[at+len(parent):]...)
}

// parent returns what the last step of the path starts from, nil if it is not there.
func (p JSONPath) parent(doc []byte) ([]byte, jsonLeg) {
	if len(p.legs) == 0 {
		return nil, jsonLeg{}
	}
	last := len(p.legs) - 1
	return JSONPath{legs: p.legs[:last]}.Find(doc), p.legs[last]
}

// Root tells whether the path is $ alone.
func (p JSONPath) Root() bool { return len(p.legs) == 0 }

// Element tells whether the path ends in an element.
func (p JSONPath) Element() bool { return len(p.legs) > 0 && p.legs[len(p.legs)-1].element }

func appendElement(dst, array, v []byte) []byte {
	dst = append(dst, array[:len(array)-1]...)
	if len(array) > 2 {
		dst = append(dst, ',')
	}
	return append(append(dst, v...), ']')
}

func wrapped(dst, a, b []byte) []byte {
	dst = append(append(dst, '['), a...)
	dst = append(append(dst, ','), b...)
	return append(dst, ']')
}

// insertElement is Apply of JSONArrayInsert: later elements move on, and behind the
// last one v becomes the last.
func insertElement(dst, doc []byte, p JSONPath, v []byte) []byte {
	array, leg := p.parent(doc)
	if array == nil || array[0] != '[' {
		return append(dst, doc...)
	}
	index := leg.index
	if leg.last {
		index = max(int(JSONLength(array))-1-leg.index, 0)
	}
	start := cap(doc) - cap(array)
	at := -1
	eachElement(array, func(i int, e []byte) bool {
		if i == index {
			at = cap(array) - cap(e)
		}
		return at < 0
	})
	dst = append(dst, doc[:start]...)
	if at < 0 {
		dst = appendElement(dst, array, v)
	} else {
		dst = append(append(dst, array[:at]...), v...)
		dst = append(append(dst, ','), array[at:]...)
	}
	return append(dst, doc[start+len(array):]...)
}

// RemoveJSON appends doc without what the path names, which is not $.
func RemoveJSON(dst, doc []byte, p JSONPath) []byte {
	parent, leg := p.parent(doc)
	if parent == nil || leg.element != (parent[0] == '[') || parent[0] != '[' && parent[0] != '{' {
		return append(dst, doc...)
	}
	start := cap(doc) - cap(parent)
	dst = append(append(dst, doc[:start]...), parent[0])
	open := len(dst)
	put := func(part []byte) {
		if len(dst) > open {
			dst = append(dst, ',')
		}
		dst = append(dst, part...)
	}
	if leg.element {
		index := leg.index
		if leg.last {
			index = int(JSONLength(parent)) - 1 - leg.index
		}
		eachElement(parent, func(i int, e []byte) bool {
			if i != index {
				put(e)
			}
			return true
		})
	} else {
		for i := 1; i < len(parent)-1; i++ { // all members of that name
			name := parent[i+1 : stringEnd(parent, i+1)]
			end := valueEnd(parent, i+len(name)+3)
			if string(nameOf(name)) != leg.key {
				put(parent[i:end])
			}
			i = end
		}
	}
	dst = append(dst, parent[len(parent)-1])
	return append(dst, doc[start+len(parent):]...)
}

// MergePatchJSON appends doc changed by patch (RFC 7396): members of patch take the
// place of those of doc, and null takes them away. ok is false if that would cost
// too much.
func MergePatchJSON(dst, doc, patch []byte) (_ []byte, ok bool) {
	w := jsonWork(jsonWorkMax)
	dst = w.patch(dst, doc, patch)
	return dst, w > 0
}

func (w *jsonWork) patch(dst, doc, patch []byte) []byte {
	if patch[0] != '{' {
		return append(dst, patch...)
	}
	if doc == nil || doc[0] != '{' {
		doc = []byte("{}")
	}
	dst = append(dst, '{')
	m := memberWriter{dst: dst, open: len(dst)}
	eachMember(doc, func(name, v []byte) bool {
		change := memberNamed(patch, nameOf(name))
		switch {
		case change == nil:
			m.name(name)
			m.dst = append(m.dst, v...)
		case change[0] != 'n':
			m.name(name)
			m.dst = w.patch(m.dst, v, change)
		}
		return w.spend(patch)
	})
	eachMember(patch, func(name, v []byte) bool {
		if v[0] != 'n' && memberNamed(doc, nameOf(name)) == nil {
			m.name(name)
			m.dst = w.patch(m.dst, nil, v)
		}
		return w.spend(doc)
	})
	return append(m.dst, '}')
}

// memberWriter appends the members of an object.
type memberWriter struct {
	dst  []byte
	open int // length of dst behind the brace
}

// name appends a name, as it is written, and the colon.
func (m *memberWriter) name(raw []byte) {
	if len(m.dst) > m.open {
		m.dst = append(m.dst, ',')
	}
	m.dst = append(append(append(m.dst, '"'), raw...), '"', ':')
}

// MergeJSON appends a and b as one, losing nothing: two objects get the members of
// both, with those that both have merged; everything else becomes one array. ok is
// false if that would cost too much.
func MergeJSON(dst, a, b []byte) (_ []byte, ok bool) {
	w := jsonWork(jsonWorkMax)
	dst = w.merge(dst, a, b)
	return dst, w > 0
}

func (w *jsonWork) merge(dst, a, b []byte) []byte {
	if a[0] != '{' || b[0] != '{' {
		dst = append(dst, '[')
		open := len(dst)
		for _, v := range [...][]byte{a, b} {
			if v[0] == '[' {
				v = v[1 : len(v)-1]
			}
			if len(v) > 0 && len(dst) > open {
				dst = append(dst, ',')
			}
			dst = append(dst, v...)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	m := memberWriter{dst: dst, open: len(dst)}
	eachMember(a, func(name, v []byte) bool {
		m.name(name)
		if other := memberNamed(b, nameOf(name)); other != nil {
			m.dst = w.merge(m.dst, v, other)
		} else {
			m.dst = append(m.dst, v...)
		}
		return w.spend(b)
	})
	eachMember(b, func(name, v []byte) bool {
		if memberNamed(a, nameOf(name)) == nil {
			m.name(name)
			m.dst = append(m.dst, v...)
		}
		return w.spend(a)
	})
	return append(m.dst, '}')
}

// JSONObjectMember appends a member to the object that dst ends in, which begins
// at open and is not closed yet. A member of that name that is there goes away, so
// that the last one stays.
func JSONObjectMember(dst []byte, open int, name, v []byte) []byte {
	if i := memberAt(dst[open:], name); i >= 0 {
		at := open + i
		end := at + valueEnd(dst[at:], stringEnd(dst[at:], 1)+2)
		if end < len(dst) {
			end++ // the comma
		} else if dst[at-1] == ',' {
			at--
		}
		dst = append(dst[:at], dst[end:]...)
	}
	if len(dst) > open+1 {
		dst = append(dst, ',')
	}
	dst = append(QuoteJSON(dst, name), ':')
	return append(dst, v...)
}

// memberAt returns where the member of that name begins in an object that is not
// closed, -1 if there is none.
func memberAt(object, name []byte) int {
	for i := 1; i < len(object); i++ {
		end := stringEnd(object, i+1)
		if bytes.Equal(nameOf(object[i+1:end]), name) {
			return i
		}
		i = valueEnd(object, end+2)
	}
	return -1
}

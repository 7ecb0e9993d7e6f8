package types

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// JSONPath is a path in MySQL's syntax: $.name, $."a name", $[0], $[last],
// $[last-1], which names one value, or one with wildcards and ranges, which names
// many: $.*, $[*], $[1 to 3], $**.name.
type JSONPath struct {
	legs []jsonLeg
	many bool
}

// Many tells whether the path has a wildcard or a range.
func (p JSONPath) Many() bool { return p.many }

// jsonLeg is one step of a path: a member, an element, or one of the wildcards.
type jsonLeg struct {
	key     string
	element bool
	index   int
	last    bool // index counts from the last element
	wild    wildLeg
	to      int  // of a range: its end, included
	toLast  bool // to counts from the last element
}

// wildLeg is a step that leads to many values.
type wildLeg uint8

const (
	oneValue    wildLeg = iota
	anyMember           // .*
	anyElement          // [*]
	elementSpan         // [1 to 3]
	anywhere            // **: the value itself and everything in it
)

// JSONPathError says what is wrong with a path.
type JSONPathError struct {
	Start, End int // in bytes of the path
	Message    string
	Hint       string
}

// Error returns the message.
func (e *JSONPathError) Error() string { return e.Message }

// jsonLegsMax bounds a path: a deeper one finds nothing.
const jsonLegsMax = JSONDepthMax

// ParseJSONPath reads a path that names one value. The error is a *JSONPathError.
func ParseJSONPath(text string) (JSONPath, error) { return parsePath(text, false) }

// ParseJSONPaths reads a path that may name many values. The error is a
// *JSONPathError.
func ParseJSONPaths(text string) (JSONPath, error) { return parsePath(text, true) }

func parsePath(text string, many bool) (JSONPath, error) {
	p := pathParser{text: text, many: many}
	p.blanks()
	if !p.take('$') {
		return JSONPath{}, p.fail(p.i, "a JSON path begins with $", "for example '$.name' or '$[0]'")
	}
	var out JSONPath
	for p.blanks(); p.i < len(text); p.blanks() {
		if len(out.legs) == jsonLegsMax {
			return JSONPath{}, p.fail(p.i, fmt.Sprintf("a JSON path has at most %d steps", jsonLegsMax), "")
		}
		leg, err := p.leg()
		if err != nil {
			return JSONPath{}, err
		}
		out.legs = append(out.legs, leg)
		out.many = out.many || leg.wild != oneValue
	}
	if n := len(out.legs); n > 0 && out.legs[n-1].wild == anywhere {
		return JSONPath{}, p.fail(p.i, "expected .name or [index] behind **", "for example '$**.name'")
	}
	return out, nil
}

type pathParser struct {
	text string
	i    int
	many bool // wildcards and ranges may stand in it
}

// wildcard returns a step that leads to many values, if the path may have some.
func (p *pathParser) wildcard(at int, w wildLeg) (jsonLeg, error) {
	if !p.many {
		return jsonLeg{}, p.fail(at, "wildcards in JSON paths are not supported", manyValues)
	}
	return jsonLeg{wild: w}, nil
}

const manyValues = "a path names one value here: write it without *, ** and ranges"

func (p *pathParser) leg() (jsonLeg, error) {
	switch {
	case p.take('.'):
		p.blanks()
		return p.member()
	case p.take('['):
		return p.element()
	case p.many && strings.HasPrefix(p.text[p.i:], "**"):
		p.i += 2
		if strings.HasPrefix(p.text[p.i:], "*") {
			return jsonLeg{}, p.fail(p.i, "expected .name or [index] behind **", "for example '$**.name'")
		}
		return p.wildcard(p.i, anywhere)
	case strings.HasPrefix(p.text[p.i:], "*") && !p.many:
		return p.wildcard(p.i, anywhere)
	}
	return jsonLeg{}, p.fail(p.i, "expected .name or [index] here", "for example '$.name' or '$[0]'")
}

func (p *pathParser) member() (jsonLeg, error) {
	rest := p.text[p.i:]
	switch {
	case strings.HasPrefix(rest, "*"):
		p.i++
		return p.wildcard(p.i-1, anyMember)
	case strings.HasPrefix(rest, `"`):
		end := checkedString([]byte(p.text), p.i)
		if end < 0 {
			return jsonLeg{}, p.fail(p.i, "the quoted name is not closed, or is no JSON string", "")
		}
		key := appendUnescaped(nil, []byte(p.text[p.i+1:end-1]))
		p.i = end
		return jsonLeg{key: string(key)}, nil
	}
	n := 0
	for n < len(rest) {
		r, size := utf8.DecodeRuneInString(rest[n:])
		if !(unicode.IsLetter(r) || r == '_' || r == '$' || n > 0 && unicode.IsDigit(r)) {
			break
		}
		n += size
	}
	if n == 0 {
		return jsonLeg{}, p.fail(p.i, "expected a name here", `quote names that are no identifier: '$."a name"'`)
	}
	p.i += n
	return jsonLeg{key: rest[:n]}, nil
}

func (p *pathParser) element() (jsonLeg, error) {
	p.blanks()
	leg := jsonLeg{element: true}
	if p.take('*') {
		var err error
		if leg, err = p.wildcard(p.i-1, anyElement); err != nil {
			return leg, err
		}
	} else if err := p.index(&leg.index, &leg.last); err != nil {
		return jsonLeg{}, err
	}
	p.blanks()
	if strings.HasPrefix(p.text[p.i:], "to") && leg.wild == oneValue {
		if !p.many {
			return jsonLeg{}, p.fail(p.i, "ranges in JSON paths are not supported", manyValues)
		}
		p.i += len("to")
		p.blanks()
		leg.wild = elementSpan
		if err := p.index(&leg.to, &leg.toLast); err != nil {
			return jsonLeg{}, err
		}
		p.blanks()
	}
	if !p.take(']') {
		return jsonLeg{}, p.fail(p.i, "expected ] here", "")
	}
	return leg, nil
}

// index reads the number of an element, or last, or last-1.
func (p *pathParser) index(n *int, last *bool) error {
	if !strings.HasPrefix(p.text[p.i:], "last") {
		if !p.number(n) {
			return p.fail(p.i, "expected an index from 0, or last", "for example '$[0]' or '$[last]'")
		}
		return nil
	}
	p.i += len("last")
	*last = true
	if p.blanks(); p.take('-') {
		p.blanks()
		if !p.number(n) {
			return p.fail(p.i, "expected a number behind last-", "for example '$[last-1]'")
		}
	}
	return nil
}

// number reads an index; one that no array reaches reads as the largest.
func (p *pathParser) number(n *int) bool {
	start := p.i
	for p.i < len(p.text) && p.text[p.i]-'0' <= 9 {
		*n = min(*n*10+int(p.text[p.i]-'0'), jsonIndexMax)
		p.i++
	}
	return p.i > start
}

func (p *pathParser) take(c byte) bool {
	if p.i < len(p.text) && p.text[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *pathParser) blanks() {
	for p.i < len(p.text) && isBlank(p.text[p.i]) {
		p.i++
	}
}

// fail points at the character at i, or behind the end.
func (p *pathParser) fail(i int, message, hint string) error {
	end := i
	if i < len(p.text) {
		_, size := utf8.DecodeRuneInString(p.text[i:])
		end += size
	}
	return &JSONPathError{Start: i, End: end, Message: message, Hint: hint}
}

// Find returns the value that the path names in doc, which is compact, valid
// JSON; nil if there is none. The result lies in doc. As in MySQL a scalar or an
// object counts as an array of itself, and of members with one name the last is
// meant.
func (p JSONPath) Find(doc []byte) []byte {
	for _, leg := range p.legs {
		switch {
		case len(doc) == 0:
			return nil
		case leg.element:
			doc = leg.elementOf(doc)
		case doc[0] == '{':
			doc = leg.memberOf(doc)
		default:
			return nil
		}
		if doc == nil {
			return nil
		}
	}
	return doc
}

func (l jsonLeg) memberOf(doc []byte) []byte {
	var found []byte
	for i := 1; i < len(doc)-1; {
		end := stringEnd(doc, i+1)
		name := doc[i+1 : end]
		start := end + 2 // behind the colon
		i = valueEnd(doc, start)
		if string(name) == l.key || escaped(name) && string(appendUnescaped(nil, name)) == l.key {
			found = doc[start:i]
		}
		i++
	}
	return found
}

func (l jsonLeg) elementOf(doc []byte) []byte {
	if doc[0] != '[' {
		if l.index == 0 {
			return doc
		}
		return nil
	}
	index := l.index
	if l.last {
		if index = int(JSONLength(doc)) - 1 - l.index; index < 0 {
			return nil
		}
	}
	for i := 1; i < len(doc)-1; i++ {
		end := valueEnd(doc, i)
		if index == 0 {
			return doc[i:end]
		}
		index--
		i = end
	}
	return nil
}

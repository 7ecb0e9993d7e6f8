package types

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// JSONPath is a path in MySQL's syntax: $.name, $."a name", $[0], $[last],
// $[last-1]. It names one value. Wildcards and ranges, which name many, are no
// part of it.
type JSONPath struct{ legs []jsonLeg }

// jsonLeg is one step of a path: a member, or an element.
type jsonLeg struct {
	key     string
	element bool
	index   int
	last    bool // index counts from the last element
}

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

// ParseJSONPath reads a path. The error is a *JSONPathError.
func ParseJSONPath(text string) (JSONPath, error) {
	p := pathParser{text: text}
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
	}
	return out, nil
}

type pathParser struct {
	text string
	i    int
}

const manyValues = "a path names one value here: write it without *, ** and ranges"

func (p *pathParser) leg() (jsonLeg, error) {
	switch {
	case p.take('.'):
		p.blanks()
		return p.member()
	case p.take('['):
		return p.element()
	case strings.HasPrefix(p.text[p.i:], "*"):
		return jsonLeg{}, p.fail(p.i, "wildcards in JSON paths are not supported", manyValues)
	}
	return jsonLeg{}, p.fail(p.i, "expected .name or [index] here", "for example '$.name' or '$[0]'")
}

func (p *pathParser) member() (jsonLeg, error) {
	rest := p.text[p.i:]
	switch {
	case strings.HasPrefix(rest, "*"):
		return jsonLeg{}, p.fail(p.i, "wildcards in JSON paths are not supported", manyValues)
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
	start := p.i
	if p.take('*') {
		return jsonLeg{}, p.fail(start, "wildcards in JSON paths are not supported", manyValues)
	}
	leg := jsonLeg{element: true}
	if strings.HasPrefix(p.text[p.i:], "last") {
		p.i += len("last")
		leg.last = true
		if p.blanks(); p.take('-') {
			p.blanks()
			if !p.number(&leg.index) {
				return jsonLeg{}, p.fail(p.i, "expected a number behind last-", "for example '$[last-1]'")
			}
		}
	} else if !p.number(&leg.index) {
		return jsonLeg{}, p.fail(p.i, "expected an index from 0, or last", "for example '$[0]' or '$[last]'")
	}
	p.blanks()
	if strings.HasPrefix(p.text[p.i:], "to") {
		return jsonLeg{}, p.fail(p.i, "ranges in JSON paths are not supported", manyValues)
	}
	if !p.take(']') {
		return jsonLeg{}, p.fail(p.i, "expected ] here", "")
	}
	return leg, nil
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

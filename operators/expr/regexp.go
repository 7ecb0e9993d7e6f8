package expr

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// regexpFunctions lists the functions of regular expressions. The last argument
// of each is the match type.
func regexpFunctions() []function {
	s, n, b := types.Varchar, types.Bigint, types.Boolean
	return []function{
		{"regexp_like", 3, 3, buildRegexp(b, func(p *patterns) interface{ kernel() kernel } { return boolRow(p.like) }, s)},
		{"regexp_substr", 5, 5, buildRegexp(s, func(p *patterns) interface{ kernel() kernel } { return textRow(p.substr) }, s, s, n, n, s)},
		{"regexp_instr", 6, 6, buildRegexp(n, func(p *patterns) interface{ kernel() kernel } { return intRow(p.instr) }, s, s, n, n, n, s)},
		{"regexp_replace", 6, 6, buildRegexp(s, func(p *patterns) interface{ kernel() kernel } { return textRow(p.replace) }, s, s, s, n, n, s)},
	}
}

func buildRegexp(result types.Kind, row func(*patterns) interface{ kernel() kernel }, kinds ...types.Kind) builder {
	return func(call *physical.Call, ledger *stream.Ledger) (node, error) {
		if call.T.Kind != result || !takes(call, kinds...) {
			return nil, misuse(call)
		}
		return newStrict(call, ledger, row(&patterns{}).kernel())
	}
}

// patternsMax bounds the compiled patterns that a node keeps where they are no
// constant; with one more it begins anew.
const patternsMax = 64

// patterns keeps the compiled patterns of a node.
type patterns struct {
	key  []byte // match type, 0, pattern of last
	next []byte // the same of the row at hand
	last *regexp.Regexp
	all  map[string]*regexp.Regexp // nil for what is no pattern
}

// of returns the compiled pattern, nil if it is none.
func (p *patterns) of(pattern, flags []byte) *regexp.Regexp {
	p.next = append(append(append(p.next[:0], flags...), 0), pattern...)
	if p.all != nil && bytes.Equal(p.next, p.key) {
		return p.last
	}
	re, known := p.all[string(p.next)]
	if !known {
		re, _ = types.Regexp(string(pattern), string(flags)) // what is wrong with it is a row's matter: NULL
		if p.all == nil || len(p.all) >= patternsMax {
			p.all = make(map[string]*regexp.Regexp, 1)
		}
		p.all[string(p.next)] = re
	}
	p.key, p.next, p.last = p.next, p.key, re
	return re
}

func (p *patterns) like(a []*vec, i int) (bool, answer) {
	re := p.of(a[1].text(i), a[2].text(i))
	if re == nil {
		return false, failed
	}
	return re.Match(a[0].text(i)), value
}

// start returns the bytes in front of position pos, in characters from 1; ok is
// false if the text ends before.
func start(s []byte, pos int64) (at int, ok bool) {
	if pos < 1 || pos > int64(utf8.RuneCount(s))+1 {
		return 0, false
	}
	return prefix(s, pos-1), true
}

// match finds the n-th match from a position on; got is nothing if there are not
// so many.
func (p *patterns) match(a []*vec, i int, pattern, pos, nth, flags int) (loc []int, got answer) {
	s := a[0].text(i)
	re := p.of(a[pattern].text(i), a[flags].text(i))
	from, ok := start(s, a[pos].int(i))
	if re == nil || !ok {
		return nil, failed
	}
	n := max(1, a[nth].int(i))
	if n > int64(len(s))+1 {
		return nil, nothing
	}
	if n == 1 {
		loc = re.FindIndex(s[from:])
	} else if all := re.FindAllIndex(s[from:], int(n)); int64(len(all)) == n {
		loc = all[n-1]
	}
	if loc == nil {
		return nil, nothing
	}
	loc[0], loc[1] = loc[0]+from, loc[1]+from
	return loc, value
}

func (p *patterns) substr(dst []byte, a []*vec, i int) ([]byte, answer) {
	loc, got := p.match(a, i, 1, 2, 3, 4)
	if got != value {
		return dst, got
	}
	return append(dst, a[0].text(i)[loc[0]:loc[1]]...), value
}

func (p *patterns) instr(a []*vec, i int) (int64, answer) {
	loc, got := p.match(a, i, 1, 2, 3, 5)
	if got == nothing {
		return 0, value
	}
	if got == failed || a[4].int(i)>>1 != 0 { // behind the match, or where it begins
		return 0, failed
	}
	return int64(utf8.RuneCount(a[0].text(i)[:loc[a[4].int(i)]])) + 1, value
}

func (p *patterns) replace(dst []byte, a []*vec, i int) ([]byte, answer) {
	s, with := a[0].text(i), a[2].text(i)
	re := p.of(a[1].text(i), a[5].text(i))
	from, ok := start(s, a[3].int(i))
	if re == nil || !ok {
		return dst, failed
	}
	nth, most := a[4].int(i), -1
	if nth != 0 {
		nth = min(max(1, nth), int64(len(s))+2)
		most = int(nth)
	}
	begin, done := len(dst), 0
	dst, s = append(dst, s[:from]...), s[from:]
	for k, loc := range re.FindAllSubmatchIndex(s, most) {
		if nth != 0 && int64(k) != nth-1 {
			continue
		}
		dst = append(dst, s[done:loc[0]]...)
		if dst, ok = expand(dst, with, s, loc); !ok || len(dst)-begin > textBytesMax {
			return dst, failed
		}
		done = loc[1]
	}
	return append(dst, s[done:]...), value
}

// expand writes a replacement: $n is what group n matched, as many digits of it
// as there are groups, and a backslash makes the next character stand for itself.
func expand(dst, with, s []byte, loc []int) ([]byte, bool) {
	for k := 0; k < len(with); k++ {
		c := with[k]
		if c == '\\' && k+1 < len(with) {
			k++
			dst = append(dst, with[k])
			continue
		}
		if c != '$' || k+1 == len(with) || digitOf(with[k+1]) > 9 {
			dst = append(dst, c)
			continue
		}
		k++
		group := int(digitOf(with[k]))
		for k+1 < len(with) && digitOf(with[k+1]) <= 9 && group*10+int(digitOf(with[k+1])) < len(loc)/2 {
			k++
			group = group*10 + int(digitOf(with[k]))
		}
		if group >= len(loc)/2 {
			return dst, false
		}
		if loc[2*group] >= 0 {
			dst = append(dst, s[loc[2*group]:loc[2*group+1]]...)
		}
	}
	return dst, true
}

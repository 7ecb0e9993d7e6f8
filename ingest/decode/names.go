package decode

import (
	"unicode"
	"unicode/utf8"
)

// names finds a column by what a key or a header calls it.
type names struct {
	exact  map[string]int32
	folded map[string]int32 // by folded name; ambiguous where two columns share it
}

const (
	unknown   int32 = -1
	ambiguous int32 = -2
)

func newNames(columns []Column) names {
	n := names{exact: make(map[string]int32, len(columns)), folded: make(map[string]int32, len(columns))}
	for i, c := range columns {
		n.exact[c.Name] = int32(i)
		key := string(fold(nil, []byte(c.Name)))
		if _, taken := n.folded[key]; taken {
			n.folded[key] = ambiguous
		} else {
			n.folded[key] = int32(i)
		}
	}
	return n
}

// find returns the index of the column that key names, or unknown. It returns
// scratch, which it may have grown.
func (n names) find(key, scratch []byte) (int32, []byte) {
	if i, ok := n.exact[string(key)]; ok {
		return i, scratch
	}
	scratch = fold(scratch[:0], key)
	if i, ok := n.folded[string(scratch)]; ok && i != ambiguous {
		return i, scratch
	}
	return unknown, scratch
}

// fold appends s with each character replaced by the smallest of those that
// Unicode's simple folding takes for the same, so that two texts fold to the
// same bytes exactly if strings.EqualFold holds.
func fold(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(s[i:])
		}
		i += size
		if 'a' <= r && r <= 'z' {
			dst = append(dst, byte(r-'a'+'A'))
			continue
		}
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		dst = utf8.AppendRune(dst, least)
	}
	return dst
}

package expr

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// likePattern is a compiled LIKE pattern. Case matters; % stands for any run of
// characters, _ for one character (a byte that is no UTF-8 is one character).
type likePattern struct {
	// Without _ a pattern is the pieces between its %: the first and the last are
	// tied to the ends of the text.
	pieces [][]byte
	// With _ it is a list of steps.
	steps []likeStep
}

// likeStep is one byte, or a wildcard.
type likeStep struct {
	kind    byte // 0: the byte, else '%' or '_'
	literal byte
}

const defaultEscape = '\\'

// escapeRune reads the ESCAPE of a LIKE, which is one character; "" stands for
// the backslash.
func escapeRune(s []byte) (rune, error) {
	if len(s) == 0 {
		return defaultEscape, nil
	}
	r, size := utf8.DecodeRune(s)
	if size != len(s) {
		return 0, errors.New("ESCAPE wants one character")
	}
	return r, nil
}

// compileLike fills p from the text of a pattern. An escape character makes the
// character behind it stand for itself; as the last one it does so itself.
func (p *likePattern) compileLike(text []byte, escape rune) {
	p.steps = p.steps[:0]
	single := false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == escape && i+size < len(text) && (r != utf8.RuneError || size > 1) {
			i += size
			_, size = utf8.DecodeRune(text[i:])
		} else if r == '%' || r == '_' {
			single = single || r == '_'
			p.steps = append(p.steps, likeStep{kind: byte(r)})
			i++
			continue
		}
		for _, c := range text[i : i+size] {
			p.steps = append(p.steps, likeStep{literal: c})
		}
		i += size
	}
	p.pieces = p.pieces[:0]
	if single {
		return
	}
	piece := []byte{}
	for _, s := range p.steps {
		if s.kind == 0 {
			piece = append(piece, s.literal)
			continue
		}
		p.pieces = append(p.pieces, piece)
		piece = []byte{}
	}
	p.pieces = append(p.pieces, piece)
}

func (p *likePattern) matches(s []byte) bool {
	if len(p.pieces) == 0 {
		return p.walk(s)
	}
	first, last := p.pieces[0], p.pieces[len(p.pieces)-1]
	if len(p.pieces) == 1 {
		return bytes.Equal(s, first)
	}
	if len(s) < len(first)+len(last) || !bytes.HasPrefix(s, first) || !bytes.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, piece := range p.pieces[1 : len(p.pieces)-1] {
		at := bytes.Index(s, piece)
		if at < 0 {
			return false
		}
		s = s[at+len(piece):]
	}
	return true
}

// walk matches step by step and goes back to the last % when it is stuck; an
// earlier % never has to be tried again.
func (p *likePattern) walk(s []byte) bool {
	i, k := 0, 0
	back, from := -1, 0 // step behind the last %, and where in s it goes on
	for i < len(s) {
		if k < len(p.steps) {
			switch step := p.steps[k]; {
			case step.kind == '%':
				k++
				back, from = k, i
				continue
			case step.kind == '_':
				_, size := utf8.DecodeRune(s[i:])
				i, k = i+size, k+1
				continue
			case step.literal == s[i]:
				i, k = i+1, k+1
				continue
			}
		}
		if back < 0 {
			return false
		}
		_, size := utf8.DecodeRune(s[from:])
		from += size
		i, k = from, back
	}
	for k < len(p.steps) && p.steps[k].kind == '%' {
		k++
	}
	return k == len(p.steps)
}

func buildLike(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if !takes(call, types.Varchar) {
		return nil, misuse(call)
	}
	var p likePattern
	escape := rune(defaultEscape)
	if len(call.Args) == 3 {
		if isNull(call.Args[2]) {
			return newLiteral(&physical.Literal{T: call.T})
		}
		text, ok := constant[string](call.Args[2])
		if !ok {
			return nil, errors.New("ESCAPE wants a constant")
		}
		var err error
		if escape, err = escapeRune([]byte(text)); err != nil {
			return nil, err
		}
		call = &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:2]}
	}
	var compiled []byte // the pattern that p was made from
	ready := false
	return newStrict(call, ledger, func(f *frame, o *out, v []*vec) {
		text, pattern := v[0], v[1]
		o.bools.fill(0)
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			if want := pattern.text(i); !ready || !bytes.Equal(want, compiled) {
				compiled, ready = append(compiled[:0], want...), true
				p.compileLike(compiled, escape)
			}
			if p.matches(text.text(i)) {
				o.bools.set(i)
			}
		}
	})
}

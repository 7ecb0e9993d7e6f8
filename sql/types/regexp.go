package types

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
)

// The longest pattern of a regular expression, and the most steps that it may
// be compiled to: (a{1000}){1000} is short and has a million.
const (
	regexpBytesMax = 8 << 10
	regexpStepsMax = 20_000
)

// Regexp compiles a pattern in the syntax of RE2, which matches in a time that
// is linear in the text. The flags are MySQL's match_type: c (case matters,
// which is the default), i (it does not), m (^ and $ stand at line ends, too),
// n (a dot takes line ends, too), u (only \n ends a line, which is so anyway); of c
// and i the last counts.
func Regexp(pattern, flags string) (*regexp.Regexp, error) {
	if len(pattern) > regexpBytesMax {
		return nil, fmt.Errorf("a pattern has at most %d bytes, this one has %d", regexpBytesMax, len(pattern))
	}
	mode := syntax.Perl
	for _, f := range flags {
		switch f {
		case 'c':
			mode &^= syntax.FoldCase
		case 'i':
			mode |= syntax.FoldCase
		case 'm':
			mode &^= syntax.OneLine
		case 'n':
			mode |= syntax.DotNL
		case 'u':
		default:
			return nil, fmt.Errorf("the match type %q is none of c, i, m, n, u", f)
		}
	}
	tree, err := syntax.Parse(pattern, mode)
	if err != nil {
		var bad *syntax.Error
		if errors.As(err, &bad) {
			return nil, fmt.Errorf("%s: %s", bad.Code, bad.Expr)
		}
		return nil, err
	}
	if steps(tree) > regexpStepsMax {
		return nil, fmt.Errorf("its repetitions come to more than %d steps", regexpStepsMax)
	}
	return regexp.Compile(prefixOf(mode) + pattern)
}

// prefixOf writes the mode in front of a pattern.
func prefixOf(mode syntax.Flags) string {
	on := ""
	if mode&syntax.FoldCase != 0 {
		on += "i"
	}
	if mode&syntax.OneLine == 0 {
		on += "m"
	}
	if mode&syntax.DotNL != 0 {
		on += "s"
	}
	if on == "" {
		return ""
	}
	return "(?" + on + ")"
}

// steps is about how many instructions an expression is compiled to.
func steps(e *syntax.Regexp) int {
	n := 1
	switch e.Op {
	case syntax.OpLiteral:
		n = len(e.Rune)
	case syntax.OpCharClass:
		n = 1 + len(e.Rune)/8
	}
	for _, sub := range e.Sub {
		n = min(n+steps(sub), regexpStepsMax+1)
	}
	if e.Op == syntax.OpRepeat {
		n = min(n*max(e.Min, e.Max, 1), regexpStepsMax+1)
	}
	return n
}

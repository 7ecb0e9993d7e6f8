package sql

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/sql/ast"
	"weir/sql/diag"
)

// tokenKind is the kind of a token.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota // behind the last token
	tokWord                    // a bare word: a keyword or a name
	tokQuoted                  // a name in back-quotes
	tokString                  // '…' or "…"
	tokNumber
	tokBytes    // X'4D', 0x4D, B'01' or 0b01
	tokDuration // a number with a unit right behind it: 5s
	tokOp       // an operator or a punctuation mark
	tokMarker   // only as a lexeme: stands for something the parser must not see
)

// token is one piece of the text. Comments and spaces are none.
type token struct {
	kind       tokenKind
	quote      byte   // of tokString: ' or "
	start, end int    // bytes of the text
	word       string // tokWord: in upper case; tokOp: itself; else ""
}

func (t token) span() diag.Span { return diag.Span{Start: t.start, End: t.end} }

// is tells whether the token is that bare word or that operator.
func (t token) is(word string) bool { return t.word == word && t.word != "" }

// isName tells whether the token can stand for a name (or is a keyword).
func (t token) isName() bool { return t.kind == tokWord || t.kind == tokQuoted }

// operators are tried in this order: the longest come first.
var operators = [...]string{
	"<=>", "->>", ":=", "::", "=>", "<=", ">=", "<>", "!=", "&&", "||", "<<", ">>", "->",
	"+", "-", "*", "/", "%", "=", "<", ">", "(", ")", ",", ".", ";", "!",
	"&", "|", "^", "~", "?", "@", ":", "{", "}", "[", "]",
}

// scanner cuts a text into tokens.
type scanner struct {
	text string
	pos  int
	toks []token
	n    int // tokens since the last semicolon
}

// scan returns the tokens of a text, semicolons included. It stops at the first
// statement that has too many.
func scan(text string) ([]token, error) {
	if len(text) > textBytesMax {
		return nil, tooLarge(diag.Span{}, "the text has %d bytes, the limit is %d", len(text), textBytesMax)
	}
	if err := checkEncoding(text); err != nil {
		return nil, err
	}
	s := &scanner{text: text, pos: len(text) - len(strings.TrimPrefix(text, "\ufeff"))}
	for {
		if err := s.skipBlank(); err != nil {
			return nil, err
		}
		if s.pos >= len(text) {
			return s.toks, nil
		}
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		s.toks = append(s.toks, t)
		if s.n++; s.n > statementTokensMax {
			return nil, tooLarge(t.span(), "the statement has more than %d tokens", statementTokensMax)
		}
		if t.is(";") {
			s.n = 0
		}
	}
}

func checkEncoding(text string) error {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			return diag.New(diag.Syntax, diag.Span{Start: i, End: i + 1}, "byte 0x%02X is not valid UTF-8", text[i])
		}
		if r == 0 {
			return diag.New(diag.Syntax, diag.Span{Start: i, End: i + 1}, "the text holds a NUL byte")
		}
		i += n
	}
	return nil
}

// skipBlank goes over spaces and comments.
func (s *scanner) skipBlank() error {
	for s.pos < len(s.text) {
		rest := s.text[s.pos:]
		switch {
		case strings.IndexByte(" \t\n\v\f\r", rest[0]) >= 0:
			s.pos++
		case strings.HasPrefix(rest, "#>") && strings.TrimSpace(s.text[strings.LastIndexByte(s.text[:s.pos], '\n')+1:s.pos]) != "":
			return s.fail(s.pos, s.pos+2, "`#>` is a path in PostgreSQL, and `#` begins a comment here").
				WithHint("write doc->>'$.a.b' for doc #>> '{a,b}'; for a comment put a space behind #")
		case rest[0] == '#':
			s.skipLine()
		case strings.HasPrefix(rest, "--"):
			if len(rest) > 2 && strings.IndexByte(" \t\n\v\f\r", rest[2]) < 0 {
				return s.fail(s.pos, s.pos+2, "`--` without a space behind it is two minus signs").
					WithHint("write `-- ` for a comment, `- -` for a double negation")
			}
			s.skipLine()
		case strings.HasPrefix(rest, "/*"):
			if err := s.skipComment(rest); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (s *scanner) skipLine() {
	n := strings.IndexByte(s.text[s.pos:], '\n')
	if n < 0 {
		n = len(s.text) - s.pos
	}
	s.pos += n
}

func (s *scanner) skipComment(rest string) error {
	for _, head := range [...]string{"/*!", "/*+", "/*T!", "/*M!"} {
		if !strings.HasPrefix(rest, head) {
			continue
		}
		e := diag.New(diag.Unsupported, diag.Span{Start: s.pos, End: s.pos + len(head)}, "executable comments `%s … */` are not supported", head)
		if head == "/*+" {
			e.Message = "optimizer hints `/*+ … */` are not supported"
		}
		return e.WithHint("remove it, or write a plain comment: `/* … */`")
	}
	n := strings.Index(rest[2:], "*/")
	if n < 0 {
		return s.fail(s.pos, s.pos+2, "this comment is never closed").WithHint("add `*/`")
	}
	s.pos += n + 4
	return nil
}

func (s *scanner) fail(start, end int, format string, args ...any) *diag.Error {
	return diag.New(diag.Syntax, diag.Span{Start: start, End: end}, format, args...)
}

// next reads the token at s.pos, which is neither space nor comment.
func (s *scanner) next() (token, error) {
	c := s.text[s.pos]
	switch {
	case c == '\'' || c == '"' || c == '`':
		return s.quoted(c)
	case isDigit(c), c == '.' && s.pos+1 < len(s.text) && isDigit(s.text[s.pos+1]):
		return s.number()
	case c < utf8.RuneSelf && isWordByte(c), c >= utf8.RuneSelf:
		return s.wordToken()
	}
	for _, op := range operators {
		if strings.HasPrefix(s.text[s.pos:], op) {
			t := token{kind: tokOp, start: s.pos, end: s.pos + len(op), word: op}
			s.pos = t.end
			return t, nil
		}
	}
	return token{}, s.fail(s.pos, s.pos+1, "unexpected character %q", rune(c))
}

func (s *scanner) quoted(quote byte) (token, error) {
	t := token{kind: tokString, quote: quote, start: s.pos}
	if quote == '`' {
		t.kind, t.quote = tokQuoted, 0
	}
	for i := s.pos + 1; i < len(s.text); i++ {
		switch {
		case s.text[i] == '\\' && quote != '`':
			i++
		case s.text[i] == quote && i+1 < len(s.text) && s.text[i+1] == quote:
			i++
		case s.text[i] == quote:
			t.end, s.pos = i+1, i+1
			if quote == '`' && i == t.start+1 {
				return t, s.fail(t.start, t.end, "an empty name")
			}
			return t, nil
		}
	}
	what := "string"
	if quote == '`' {
		what = "name"
	}
	return t, s.fail(s.pos, s.pos+1, "this %s is never closed", what).WithHint("add the closing %c", quote)
}

func (s *scanner) number() (token, error) {
	t := token{kind: tokNumber, start: s.pos}
	i, digits := s.pos, 0
	run := func() {
		for ; i < len(s.text) && isDigit(s.text[i]); i++ {
			digits++
		}
	}
	if b, ok := s.bytesNumber(); ok {
		return b, nil
	}
	run()
	if i < len(s.text) && s.text[i] == '.' {
		i++
		run()
	}
	if i < len(s.text) && (s.text[i] == 'e' || s.text[i] == 'E') {
		j := i + 1
		if j < len(s.text) && (s.text[j] == '+' || s.text[j] == '-') {
			j++
		}
		if j < len(s.text) && isDigit(s.text[j]) {
			i = j
			run()
		}
	}
	t.end = i
	if r, _ := utf8.DecodeRuneInString(s.text[i:]); i < len(s.text) && isWordRune(r) {
		e := s.gluedNumber(&t)
		glued := s.text[t.start:t.end]
		letters := strings.TrimLeft(glued, "0123456789")
		if _, ok := durationUnit(letters); !ok || len(glued)-len(letters) > literalDigitsMax {
			return t, e
		}
		t.kind, s.pos = tokDuration, t.end
		return t, nil
	}
	if digits > literalDigitsMax {
		return t, tooLarge(t.span(), "the number has %d digits, the limit is %d", digits, literalDigitsMax)
	}
	if raw := s.text[t.start:t.end]; numberKind(raw) == ast.FloatLiteral {
		if _, err := strconv.ParseFloat(raw, 64); err != nil {
			return t, diag.New(diag.BadLiteral, t.span(), "`%s` does not fit a DOUBLE", clip(raw)).WithHint("the largest is 1.7976931348623157e308")
		}
	}
	s.pos = i
	return t, nil
}

// gluedNumber explains a number with letters right behind it.
func (s *scanner) gluedNumber(t *token) error {
	for i, r := range s.text[t.end:] {
		if !isWordRune(r) {
			t.end += i
			break
		}
		if i+utf8.RuneLen(r) == len(s.text)-t.end {
			t.end = len(s.text)
			break
		}
	}
	glued := s.text[t.start:t.end]
	if low := strings.ToLower(glued); strings.HasPrefix(low, "0x") || strings.HasPrefix(low, "0b") {
		return diag.New(diag.BadLiteral, t.span(), "`%s` is no hexadecimal or binary literal", clip(glued)).WithHint("for example 0x4D or 0b01001101, with a small x or b")
	}
	return notANumber(*t, glued)
}

func notANumber(t token, glued string) error {
	return diag.New(diag.Syntax, t.span(), "`%s` is neither a number nor a name", clip(glued)).
		WithHint("a duration is written INTERVAL 5 SECOND; a name that starts with a digit stands in back-quotes")
}

func (s *scanner) wordToken() (token, error) {
	i := s.pos
	for i < len(s.text) {
		r, n := utf8.DecodeRuneInString(s.text[i:])
		if !isWordRune(r) {
			break
		}
		i += n
	}
	if i == s.pos {
		return token{}, s.oddRune()
	}
	t := token{kind: tokWord, start: s.pos, end: i, word: upper(s.text[s.pos:i])}
	if (t.word == "X" || t.word == "B") && i < len(s.text) && s.text[i] == '\'' {
		return s.bytesString(t)
	}
	s.pos = i
	return t, nil
}

// isWord tells whether a name is spelled like a word.
func isWord(name string) bool {
	return name != "" && !isDigit(name[0]) && strings.IndexFunc(name, func(r rune) bool { return !isWordRune(r) }) < 0
}

// oddRune explains a character that often comes with text pasted from a web page.
func (s *scanner) oddRune() error {
	r, n := utf8.DecodeRuneInString(s.text[s.pos:])
	e := s.fail(s.pos, s.pos+n, "unexpected character %q (U+%04X)", r, r)
	switch {
	case strings.ContainsRune("‘’‚‛′", r):
		e.Hint = "a typographic quote: write '"
	case strings.ContainsRune("“”„‟″«»", r):
		e.Hint = "a typographic quote: write ' around a string, ` around a name"
	case strings.ContainsRune("‐‑‒–—−", r):
		e.Hint = "a typographic dash: write -"
	case unicode.IsSpace(r) || unicode.Is(unicode.Cf, r):
		e.Message = "an invisible character" + e.Message[strings.LastIndex(e.Message, " ("):]
		e.Hint = "write a plain space"
	default:
		e.Hint = "a name with such a character stands in back-quotes"
	}
	return e
}

// upper is strings.ToUpper for the letters of keywords and functions, which are
// ASCII's: to the parser behind, ſum is another word than sum.
func upper(word string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, word)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return isWordByte(byte(r))
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

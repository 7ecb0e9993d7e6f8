package client

import "strings"

// statementBytesMax is the longest statement that is sent; the server takes no more.
const statementBytesMax = 64 << 10

// Splitter cuts text that comes in pieces into statements. It knows strings,
// names in back-quotes and comments, and nothing else of SQL: a semicolon outside
// of them ends a statement.
type Splitter struct {
	buf  strings.Builder
	done []Statement
	in   byte // what the text is inside of: ' " ` , # for a line comment, * for a block comment, or 0
	prev byte // the character before, where it matters for the next one; else 0
	seen bool // something other than spaces and comments
}

// Statement is one statement and where it stands.
type Statement struct {
	Text string // with what stands before it and the semicolon
	Bare bool   // nothing but spaces, comments and the semicolon
}

// Add takes the next piece of text.
func (s *Splitter) Add(text string) {
	for i := range len(text) {
		s.step(text[i])
	}
}

// step takes one byte. All that matters is ASCII, so UTF-8 passes unseen.
func (s *Splitter) step(c byte) {
	s.buf.WriteByte(c)
	prev := s.prev
	s.prev = 0
	switch s.in {
	case '\'', '"':
		switch {
		case prev == '\\': // whatever stands behind it
		case c == '\\':
			s.prev = c
		case c == s.in:
			s.in = 0 // a doubled quote opens the next string at once
		}
		return
	case '`':
		if c == '`' {
			s.in = 0
		}
		return
	case '#':
		if c == '\n' {
			s.in = 0
		}
		return
	case '*':
		switch {
		case prev == '*' && c == '/':
			s.in = 0
		case c == '*':
			s.prev = c
		}
		return
	}
	s.outside(prev, c)
}

// outside takes a byte that stands in no string and no comment. prev is -, D for
// two of them, or /, where those wait for what follows.
func (s *Splitter) outside(prev, c byte) {
	blank := strings.IndexByte(" \t\n\v\f\r", c) >= 0
	switch {
	case prev == 'D' && blank: // "-- "
		if c != '\n' {
			s.in = '#'
		}
		return
	case prev == '/' && c == '*':
		s.in = '*'
		return
	case prev == '-' && c == '-':
		s.prev = 'D'
		return
	}
	s.seen = s.seen || prev != 0 // it was an operator
	switch {
	case c == ';':
		s.end()
	case c == '\'' || c == '"' || c == '`':
		s.in, s.seen = c, true
	case c == '#':
		s.in = c
	case c == '-' || c == '/':
		s.prev = c
	case !blank:
		s.seen = true
	}
}

func (s *Splitter) end() {
	s.done = append(s.done, Statement{Text: s.buf.String(), Bare: !s.seen})
	s.Reset()
}

// Take returns the statements that are complete, and forgets them.
func (s *Splitter) Take() []Statement {
	done := s.done
	s.done = nil
	return done
}

// Rest ends the input: what has no semicolon is the last statement.
func (s *Splitter) Rest() Statement {
	// Two minus signs at the end are an empty comment; other signs that wait are operators.
	rest := Statement{Text: s.buf.String(), Bare: !s.seen && (s.prev == 0 || s.prev == 'D' || s.in != 0)}
	s.Reset()
	return rest
}

// Reset drops what has no semicolon yet.
func (s *Splitter) Reset() {
	s.buf.Reset()
	s.in, s.prev, s.seen = 0, 0, false
}

// Pending tells whether a statement has begun; spaces and comments are none.
func (s *Splitter) Pending() bool { return s.in != 0 || s.prev != 0 || s.seen }

// TooLong tells that the statement has passed what a server takes.
func (s *Splitter) TooLong() bool { return s.buf.Len() > statementBytesMax }

// Inside returns what the next byte stands in: a quote character, * for a block
// comment, 0 for none of them.
func (s *Splitter) Inside() byte {
	if s.in == '#' {
		return 0
	}
	return s.in
}

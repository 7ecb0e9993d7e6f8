package diag

import (
	"errors"
	"fmt"
)

// Code names a class of errors for good: clients branch on it, the docs index it.
// Where MySQL has a number for the same mistake, the code carries it.
type Code string

// The codes in use.
const (
	Syntax          Code = "E1064" // the text is no statement of the dialect
	Unsupported     Code = "E1235" // understood, but weir does not do it (yet); the hint says what to write instead
	UnknownObject   Code = "E1146" // no such stream, view or file
	ObjectExists    Code = "E1050" // the name is taken
	UnknownColumn   Code = "E1054" // no such column
	AmbiguousColumn Code = "E1052" // more than one column of that name
	UnknownFunction Code = "E1305" // no such function
	WrongArguments  Code = "E1582" // a function got the wrong number or types of arguments
	WrongType       Code = "E1210" // an operator or clause got a type that it does not take
	GroupMisuse     Code = "E1055" // aggregates or grouping used where they mean nothing
	BadOption       Code = "E1231" // an unknown option in WITH (…), or a value that it does not take
	BadLiteral      Code = "E1292" // a literal that does not fit its type
	BadWindow       Code = "E2001" // a window whose size, slide or offset makes no sense
	NoEventTime     Code = "E2002" // a window over a column that is not the event time
	TooLarge        Code = "E2003" // the statement passes a limit of size, nesting or joins
	DependedOn      Code = "E2004" // the object cannot go while others read it
	WrongObject     Code = "E2005" // the object exists but is of another kind
	External        Code = "E3001" // a file, the disk or a peer failed
	Internal        Code = "E9001" // a bug in weir
)

// Span is a range of bytes [Start, End) in the statement's text.
type Span struct{ Start, End int }

// IsZero tells whether the span points nowhere.
func (s Span) IsZero() bool { return s == Span{} }

// Join returns the smallest span that covers both; a zero span covers nothing.
func (s Span) Join(o Span) Span {
	if s.IsZero() {
		return o
	}
	if o.IsZero() {
		return s
	}
	return Span{min(s.Start, o.Start), max(s.End, o.End)}
}

// Error is one mistake in a statement.
type Error struct {
	Code    Code
	Message string // what is wrong: lower case, no final stop, names in `back-quotes`
	Span    Span   // where; zero if the whole statement is meant
	Label   string // a few words that stand under the caret; may be empty
	Hint    string // what to do; may be empty
}

// New returns an error with a code, a place and a message.
func New(code Code, span Span, format string, args ...any) *Error {
	return &Error{Code: code, Span: span, Message: fmt.Sprintf(format, args...)}
}

// WithHint sets what to do about it and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithLabel sets the words under the caret and returns e.
func (e *Error) WithLabel(format string, args ...any) *Error {
	e.Label = fmt.Sprintf(format, args...)
	return e
}

// Error returns code and message on one line.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// From returns the *Error inside err, or wraps err as an Internal one.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Message: err.Error()}
}

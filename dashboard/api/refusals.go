package api

import "weir/sql/diag"

// The reasons that a Guard counts by.
const (
	refusedHost = iota
	refusedOrigin
	refusedToken
	refusedGuess
	refusals
)

// Refusals counts the requests that a Guard did not let in.
type Refusals struct {
	Host     int64 // Host names no address of this server
	Origin   int64 // another site's page sent them
	Token    int64 // without a token, or with a wrong one
	Attempts int64 // wrong tokens beyond the limit
}

// Refusals returns the counts so far.
func (g *Guard) Refusals() Refusals {
	return Refusals{
		Host: g.refused[refusedHost].Load(), Origin: g.refused[refusedOrigin].Load(),
		Token: g.refused[refusedToken].Load(), Attempts: g.refused[refusedGuess].Load(),
	}
}

// count counts a refusal by its reason.
func (g *Guard) count(err error) {
	why := refusedToken
	switch diag.From(err).Code {
	case CodeForbiddenHost:
		why = refusedHost
	case CodeForbiddenOrigin:
		why = refusedOrigin
	case CodeTooManyGuesses:
		why = refusedGuess
	}
	g.refused[why].Add(1)
}

package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
)

// TokenBytesMin is the length of the shortest token; TokensMax is how many a
// server takes.
const (
	TokenBytesMin = 16
	TokensMax     = 1000

	tokenBytesMax = 1024
)

// Token is a secret that lets its bearer in. Only its SHA-256 is kept, so that
// comparing takes the same time for every guess and no dump of memory holds it.
type Token struct {
	Name string // for people; "" if the file gives none
	sum  [sha256.Size]byte
}

// ParseTokens reads a token file: one token a line, as name:token or the token
// alone. Blank lines and lines that begin with # are left out. Errors name the
// line and never what stands in it.
func ParseTokens(text string) ([]Token, error) {
	var tokens []Token
	seen := map[[sha256.Size]byte]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, secret, named := strings.Cut(line, ":")
		if !named {
			name, secret = "", line
		}
		name, secret = strings.TrimSpace(name), strings.TrimSpace(secret)
		if err := checkSecret(secret); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		sum := sha256.Sum256([]byte(secret))
		if before, ok := seen[sum]; ok {
			return nil, fmt.Errorf("line %d: the token of line %d again", number, before)
		}
		seen[sum] = number
		if len(tokens) == TokensMax {
			return nil, fmt.Errorf("line %d: more than %d tokens", number, TokensMax)
		}
		tokens = append(tokens, Token{Name: name, sum: sum})
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("there is no token in it; one a line, for example from `openssl rand -hex 32`")
	}
	return tokens, nil
}

func checkSecret(secret string) error {
	switch {
	case len(secret) < TokenBytesMin:
		return fmt.Errorf("a token has at least %d characters, this one has %d; `openssl rand -hex 32` makes a good one", TokenBytesMin, len(secret))
	case len(secret) > tokenBytesMax:
		return fmt.Errorf("a token has at most %d characters", tokenBytesMax)
	}
	for _, c := range []byte(secret) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("a token is made of printable ASCII characters without blanks")
		}
	}
	return nil
}

// find returns the token that secret is. It looks at all of them, so that the
// time it takes says nothing about which one comes close.
func find(tokens []Token, secret string) (Token, bool) {
	sum := sha256.Sum256([]byte(secret))
	var found Token
	ok := 0
	for _, t := range tokens {
		equal := subtle.ConstantTimeCompare(t.sum[:], sum[:])
		if equal == 1 {
			found = t
		}
		ok |= equal
	}
	return found, ok == 1
}

package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

const (
	sessionFor  = 12 * time.Hour // after which a browser logs in again
	sessionsMax = 10_000         // beyond, the oldest ends
)

// sessions are the browsers that have logged in. They live in memory: a restart
// ends them all.
type sessions struct {
	now func() time.Time

	mu   sync.Mutex
	byID map[[sha256.Size]byte]session // by the hash of the cookie's value
}

type session struct {
	token   Token // that it was begun with
	expires time.Time
}

// begin returns the cookie's value of a new session: 256 random bits.
func (s *sessions) begin(t Token) string {
	var id [32]byte
	// It never fails: Go ends the process where the system has no random numbers.
	_, _ = rand.Read(id[:])
	value := base64.RawURLEncoding.EncodeToString(id[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if len(s.byID) >= sessionsMax {
		s.makeRoom(now)
	}
	s.byID[sha256.Sum256([]byte(value))] = session{token: t, expires: now.Add(sessionFor)}
	return value
}

// makeRoom ends what has expired, or else the session that expires first.
func (s *sessions) makeRoom(now time.Time) {
	var oldest [sha256.Size]byte
	var at time.Time
	for id, x := range s.byID {
		if !x.expires.After(now) {
			delete(s.byID, id)
			continue
		}
		if at.IsZero() || x.expires.Before(at) {
			oldest, at = id, x.expires
		}
	}
	if len(s.byID) >= sessionsMax {
		delete(s.byID, oldest)
	}
}

// token returns what a session was begun with, by its cookie's value; ok is false where
// there is no such session.
func (s *sessions) token(value string) (t Token, ok bool) {
	id := sha256.Sum256([]byte(value)) // what is looked up is not what was sent: timing tells nothing
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.byID[id]
	if ok && !x.expires.After(s.now()) {
		delete(s.byID, id)
		return Token{}, false
	}
	return x.token, ok
}

// end forgets a session.
func (s *sessions) end(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, sha256.Sum256([]byte(value)))
}

// keep ends the sessions of tokens that are not among those given.
func (s *sessions) keep(tokens []Token) {
	valid := make(map[[sha256.Size]byte]bool, len(tokens))
	for _, t := range tokens {
		valid[t.sum] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, x := range s.byID {
		if !valid[x.token.sum] {
			delete(s.byID, id)
		}
	}
}

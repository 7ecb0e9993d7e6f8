package hub

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"weir/operators/stream"
)

// token says what a client has: everything that the plan gives from a start up
// to a commit. It is good in any process that has the same log.
type token struct {
	plan   [8]byte // of the plan's ID
	start  uint64  // Subscription.Start
	commit stream.Commit
	tag    uint64 // of the content, where every change is all of it; else 0
}

const (
	tokenVersion = 1
	tokenBytes   = 1 + 8 + 8 + 8 + 8 + 4
)

var errToken = errors.New("the token is not one of this server's")

// planHash is what a token says of a plan.
func planHash(id string) (h [8]byte) {
	sum := sha256.Sum256([]byte(id))
	copy(h[:], sum[:])
	return h
}

// String returns the token as a client sees it.
func (t token) String() string {
	b := make([]byte, 0, tokenBytes)
	b = append(b, tokenVersion)
	b = append(b, t.plan[:]...)
	b = binary.BigEndian.AppendUint64(b, t.start)
	b = binary.BigEndian.AppendUint64(b, uint64(t.commit))
	b = binary.BigEndian.AppendUint64(b, t.tag)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseToken reads what String wrote.
func parseToken(text string) (token, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != tokenBytes || b[0] != tokenVersion {
		return token{}, errToken
	}
	body := b[:tokenBytes-4]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(b[tokenBytes-4:]) {
		return token{}, errToken
	}
	t := token{
		start:  binary.BigEndian.Uint64(b[9:]),
		commit: stream.Commit(binary.BigEndian.Uint64(b[17:])),
		tag:    binary.BigEndian.Uint64(b[25:]),
	}
	copy(t.plan[:], b[1:])
	return t, nil
}

// ErrOtherPlan is returned for a token that is of another plan.
var ErrOtherPlan = errors.New("the token is of another statement")

// PlaceOf returns the place that a token of a plan names, for who follows the plan
// without a hub.
func PlaceOf(planID, text string) (Place, error) {
	t, err := parseToken(text)
	if err != nil {
		return Place{}, err
	}
	if t.plan != planHash(planID) || t.tag != 0 {
		return Place{}, ErrOtherPlan
	}
	return Place{Start: t.start, After: uint64(t.commit)}, nil
}

// tagOf is a short name of a content.
func tagOf(rows []line) uint64 {
	h := sha256.New()
	for _, r := range rows {
		h.Write(r.line())
		h.Write([]byte{'\n'})
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

package kinesis

import (
	"errors"
	"net/http"

	"weir/ingest/kinesis/sigv4"
)

// Keys knows who may sign requests.
type Keys interface {
	// Secret returns the secret of an access key.
	Secret(accessKey string) (secret string, ok bool)
	// None tells whether there is no key at all.
	None() bool
}

// admission lets a request in: one that is signed with a key that is known; without any
// keys everybody's, or nobody's. What it returns says so once there is a body, of which
// it has looked at nothing.
func (h *Handler) admission(r *http.Request) (admit func(body []byte) error, err error) {
	if h.cfg.Keys == nil || h.cfg.Keys.None() {
		if h.cfg.Open {
			h.saidOpen.Do(func() {
				h.cfg.Logger.Warn("Kinesis clients are let in whatever they sign with: there is no access key; `weir keys add NAME` makes one, and ends that")
			})
			return func([]byte) error { return nil }, nil
		}
		return nil, fail(accessDenied, "this server asks for a signature and knows no access key yet; weir keys add makes one")
	}
	v := sigv4.Verifier{Service: "kinesis", Secret: h.cfg.Keys.Secret, Now: h.cfg.Now}
	signed, err := v.Claim(r)
	if err != nil {
		return nil, refusal(err)
	}
	return func(body []byte) error { return refusal(signed.Verify(body)) }, nil
}

// refusal turns an error of a signature into what clients know.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sigv4.ErrMissing):
		return fail(missingAuthToken, "Missing Authentication Token: %s", err)
	case errors.Is(err, sigv4.ErrMalformed):
		return fail(incompleteSignature, "%s", err)
	case errors.Is(err, sigv4.ErrUnknown):
		return fail(unrecognizedClient, "%s", err)
	}
	return fail(invalidSignature, "%s", err)
}

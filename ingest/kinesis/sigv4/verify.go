package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Errors that say what is wrong with a request.
var (
	ErrMissing   = errors.New("the request is not signed")
	ErrMalformed = errors.New("the signature is malformed")
	ErrUnknown   = errors.New("the security token included in the request is invalid")
	ErrExpired   = errors.New("the signature is not of this time")
	ErrTwice     = errors.New("found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header")
	ErrMismatch  = errors.New("the request signature we calculated does not match the signature you provided; check your AWS Secret Access Key and signing method")
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	// Skew is how far the clock of a client may be off.
	Skew = 5 * time.Minute
	// expiresMax is how long a signature in a query may be good for.
	expiresMax = 7 * 24 * time.Hour
)

// Verifier checks requests to one service.
type Verifier struct {
	Service string
	// Secret returns the secret of an access key.
	Secret func(accessKey string) (secret string, ok bool)
	Now    func() time.Time
}

// Claim is a request that says it was signed, with a key that is known.
type Claim struct {
	AccessKey string

	r         *http.Request
	signature *signature
	secret    string
}

// Claim looks at what a request says before its body is read, which is all that it
// takes to turn strangers away. The error wraps one of those above.
func (v *Verifier) Claim(r *http.Request) (*Claim, error) {
	s, err := signatureOf(r)
	if err != nil {
		return nil, err
	}
	if err := s.check(r, v.Service, v.Now()); err != nil {
		return nil, err
	}
	secret, known := v.Secret(s.accessKey)
	if !known {
		return nil, fmt.Errorf("%w: there is no access key %q", ErrUnknown, s.accessKey)
	}
	return &Claim{s.accessKey, r, s, secret}, nil
}

// Verify checks the signature of the request with its body.
func (c *Claim) Verify(body []byte) error {
	hash := sha256.Sum256(body)
	payload := hex.EncodeToString(hash[:])
	if given := c.r.Header.Get("X-Amz-Content-Sha256"); given != "" && given != payload {
		return fmt.Errorf("%w: X-Amz-Content-Sha256 is not the hash of the body", ErrMismatch)
	}
	canonical, err := c.signature.canonical(c.r, payload)
	if err != nil {
		return err
	}
	if !hmac.Equal(c.signature.sign(c.secret, canonical), c.signature.signature) {
		return ErrMismatch
	}
	return nil
}

// signature is what a request says of how it was signed.
type signature struct {
	accessKey, day, region, service string

	date      time.Time
	life      time.Duration // how long it is good for
	headers   []string      // that are signed, lower case, sorted
	signature []byte
}

// signatureOf reads the carrier of a request.
func signatureOf(r *http.Request) (*signature, error) {
	query := r.URL.Query()
	headers := r.Header.Values("Authorization")
	inQuery := query.Has("X-Amz-Signature") || query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Credential")
	switch {
	case len(headers) == 0 && !inQuery:
		return nil, ErrMissing
	case len(headers) > 0 && inQuery:
		return nil, ErrTwice
	case len(headers) > 1:
		return nil, fmt.Errorf("%w: there are %d Authorization headers", ErrMalformed, len(headers))
	case inQuery:
		return fromQuery(query)
	}
	return fromHeader(r, headers[0])
}

// lacking says which parts of a signature are not there, with a sentence of AWS for each;
// nil where all are.
func lacking(there func(name string) bool, sentence string, names ...string) error {
	var missing []string
	for _, name := range names {
		if !there(name) {
			missing = append(missing, fmt.Sprintf(sentence, name))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrMalformed, strings.Join(missing, " "))
}

func fromHeader(r *http.Request, value string) (*signature, error) {
	rest, ok := strings.CutPrefix(value, algorithm+" ")
	if !ok {
		return nil, fmt.Errorf("%w: the Authorization header is not of %s", ErrMalformed, algorithm)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := parts[name]; !ok || twice {
			return nil, fmt.Errorf("%w: the Authorization header", ErrMalformed)
		}
		parts[name] = value
	}
	if err := lacking(func(name string) bool { return parts[name] != "" }, "Authorization header requires '%s' parameter.",
		"Credential", "Signature", "SignedHeaders"); err != nil {
		return nil, err
	}
	if len(parts) != 3 {
		return nil, fmt.Errorf("%w: the Authorization header has other parameters than Credential, SignedHeaders and Signature", ErrMalformed)
	}
	dates := r.Header.Values("X-Amz-Date")
	switch {
	case len(dates) == 0:
		return nil, fmt.Errorf("%w: Authorization header requires existence of a 'X-Amz-Date' header", ErrMalformed)
	case len(dates) > 1:
		return nil, fmt.Errorf("%w: there are %d X-Amz-Date headers", ErrMalformed, len(dates))
	}
	return parse(parts["Credential"], parts["SignedHeaders"], parts["Signature"], dates[0])
}

func fromQuery(query map[string][]string) (*signature, error) {
	one := map[string]string{}
	names := []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"}
	if err := lacking(func(name string) bool { return len(query[name]) > 0 }, "AWS query-string parameters must include '%s'.", names...); err != nil {
		return nil, err
	}
	for _, name := range names {
		if len(query[name]) > 1 {
			return nil, fmt.Errorf("%w: the query has '%s' more than once", ErrMalformed, name)
		}
		one[name] = query[name][0]
	}
	if one["X-Amz-Algorithm"] != algorithm {
		return nil, fmt.Errorf("%w: X-Amz-Algorithm is not %s", ErrMalformed, algorithm)
	}
	s, err := parse(one["X-Amz-Credential"], one["X-Amz-SignedHeaders"], one["X-Amz-Signature"], one["X-Amz-Date"])
	if err != nil {
		return nil, err
	}
	if given := query["X-Amz-Expires"]; len(given) > 0 {
		n, err := strconv.ParseUint(given[0], 10, 31)
		if s.life = time.Duration(n) * time.Second; err != nil || len(given) > 1 || n == 0 || s.life > expiresMax {
			return nil, fmt.Errorf("%w: X-Amz-Expires is a number of seconds up to %d", ErrMalformed, expiresMax/time.Second)
		}
	}
	return s, nil
}

func parse(credential, headers, sig, date string) (*signature, error) {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[4] != terminator || slices.Contains(parts, "") {
		return nil, fmt.Errorf("%w: the credential is not key/day/region/service/%s", ErrMalformed, terminator)
	}
	s := &signature{accessKey: parts[0], day: parts[1], region: parts[2], service: parts[3], life: Skew, headers: strings.Split(headers, ";")}
	for i, h := range s.headers {
		if h == "" || h != strings.ToLower(h) || i > 0 && h <= s.headers[i-1] {
			return nil, fmt.Errorf("%w: SignedHeaders are not sorted names in lower case", ErrMalformed)
		}
	}
	var err error
	if s.signature, err = hex.DecodeString(sig); err != nil || len(s.signature) != sha256.Size || sig != strings.ToLower(sig) {
		return nil, fmt.Errorf("%w: the signature is not 64 hexadecimal digits", ErrMalformed)
	}
	if s.date, err = time.Parse(timeFormat, date); err != nil || s.date.Format(timeFormat) != date {
		return nil, fmt.Errorf("%w: the date is not of the form %s", ErrMalformed, timeFormat)
	}
	return s, nil
}

// check looks at what needs no secret.
func (s *signature) check(r *http.Request, service string, now time.Time) error {
	switch {
	case s.day != s.date.Format("20060102"):
		return fmt.Errorf("%w: the credential is of another day than the date", ErrMismatch)
	case s.service != service:
		return fmt.Errorf("%w: credential should be scoped to correct service: '%s'", ErrMismatch, service)
	case s.date.After(now.Add(Skew)):
		return fmt.Errorf("%w: it is not yet current: %s is later than %s", ErrExpired, s.date.Format(timeFormat), now.UTC().Format(timeFormat))
	case s.date.Add(s.life).Before(now):
		return fmt.Errorf("%w: it expired: %s is too long before %s", ErrExpired, s.date.Format(timeFormat), now.UTC().Format(timeFormat))
	}
	if !s.signs("host") && (r.ProtoMajor < 2 || !s.signs(authority)) {
		return fmt.Errorf("%w: the Host header is not signed", ErrMismatch)
	}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !s.signs(lower) {
			return fmt.Errorf("%w: the header %s is not signed", ErrMismatch, lower)
		}
	}
	return nil
}

// authority is what HTTP/2 has for the Host header. Amazon's client for JavaScript signs
// it by this name.
const authority = ":authority"

func (s *signature) signs(header string) bool {
	_, ok := slices.BinarySearch(s.headers, header)
	return ok
}

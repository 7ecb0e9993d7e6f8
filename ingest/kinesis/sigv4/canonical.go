package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonical writes the request as it is signed.
func (s *signature) canonical(r *http.Request, payload string) (string, error) {
	query, err := canonicalQuery(r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(r.Method)
	b.WriteByte('\n')
	b.WriteString(canonicalPath(r.URL))
	b.WriteByte('\n')
	b.WriteString(query)
	b.WriteByte('\n')
	for _, name := range s.headers {
		value, ok := header(r, name)
		if !ok {
			return "", fmt.Errorf("%w: the signed header %q is not there", ErrMismatch, name)
		}
		b.WriteString(name)
		b.WriteByte(':')
		b.WriteString(value)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(strings.Join(s.headers, ";"))
	b.WriteByte('\n')
	b.WriteString(payload)
	return b.String(), nil
}

// canonicalPath returns the path with each segment escaped once more.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return escape(path, true)
}

// canonicalQuery returns the parameters sorted and escaped, without the signature.
func canonicalQuery(raw string) (string, error) {
	if raw == "" {
		return "", nil
	}
	var params [][2]string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		if err != nil {
			return "", fmt.Errorf("%w: the query", ErrMalformed)
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			return "", fmt.Errorf("%w: the query", ErrMalformed)
		}
		if n != "X-Amz-Signature" {
			params = append(params, [2]string{escape(n, false), escape(v, false)})
		}
	}
	slices.SortFunc(params, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	out := make([]string, len(params))
	for i, p := range params {
		out[i] = p[0] + "=" + p[1]
	}
	return strings.Join(out, "&"), nil
}

// escape writes everything but unreserved characters as %XX.
func escape(s string, slash bool) string {
	const digits = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 || slash && c == '/'
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// header returns a header's value as it is signed: runs of blanks are one, and of
// several values each is trimmed.
func header(r *http.Request, name string) (string, bool) {
	switch name {
	case "host":
		return r.Host, true
	case authority:
		return r.Host, r.ProtoMajor >= 2
	case "content-length":
		// net/http may have taken it away.
		if r.ContentLength >= 0 {
			return strconv.FormatInt(r.ContentLength, 10), true
		}
		return "", false
	}
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", false
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' }), " ")
	}
	return strings.Join(out, ","), true
}

// sign returns the signature of a canonical request.
func (s *signature) sign(secret, canonical string) []byte {
	hash := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{
		algorithm, s.date.Format(timeFormat), s.day + "/" + s.region + "/" + s.service + "/" + terminator, hex.EncodeToString(hash[:]),
	}, "\n")
	key := mac([]byte("AWS4"+secret), s.day)
	for _, part := range []string{s.region, s.service, terminator, text} {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

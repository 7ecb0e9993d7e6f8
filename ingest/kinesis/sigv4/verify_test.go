package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var rounds = flag.Int("sigv4.rounds", 3000, "how many requests are signed, and how many of them are changed")

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func verifier(keys map[string]string) *Verifier {
	return &Verifier{
		Service: "kinesis", Now: func() time.Time { return now },
		Secret: func(key string) (string, bool) { s, ok := keys[key]; return s, ok },
	}
}

// signed is a request as it goes over the wire, and what signed it.
type signed struct {
	wire, body string
	keys       map[string]string
	key        string
}

func text(r *rand.Rand, alphabet string, most int) string {
	b := make([]byte, r.IntN(most+1))
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	printed = letters + " !\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"
)

// randomSigned returns a request that the SDK has signed, in the header or in the query.
func randomSigned(t *testing.T, r *rand.Rand) signed {
	t.Helper()
	s := signed{key: "AK" + text(r, letters, 20), body: text(r, printed, 300)}
	secret := "s" + text(r, printed, 40)
	s.keys = map[string]string{s.key: secret, "other": "secret"}
	u := &url.URL{Scheme: "http", Host: "127.0.0.1:8484", Path: "/"}
	if r.IntN(4) == 0 {
		u.Path = "/" + text(r, printed, 10)
	}
	if r.IntN(3) == 0 {
		q := url.Values{}
		for range r.IntN(4) {
			q.Add("p"+text(r, printed, 6), text(r, printed, 6))
		}
		u.RawQuery = q.Encode()
	}
	req := &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: http.Header{}, ContentLength: int64(len(s.body))}
	req.Header.Set("X-Amz-Target", "Kinesis_20131202."+text(r, letters, 12))
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	for range r.IntN(4) {
		req.Header.Add("X-"+text(r, letters, 5)+"x", strings.TrimSpace(text(r, letters+"   ", 12)))
	}
	creds := aws.Credentials{AccessKeyID: s.key, SecretAccessKey: secret}
	if r.IntN(3) == 0 {
		creds.SessionToken = "token" + text(r, letters, 30)
	}
	hash := sha256.Sum256([]byte(s.body))
	payload := hex.EncodeToString(hash[:])
	at := now.Add(time.Duration(r.IntN(598)-299) * time.Second)
	signer := v4.NewSigner()
	if r.IntN(3) > 0 {
		if err := signer.SignHTTP(context.Background(), creds, req, payload, "kinesis", "eu-west-1", at); err != nil {
			t.Fatal(err)
		}
	} else {
		uri, headers, err := signer.PresignHTTP(context.Background(), creds, req, payload, "kinesis", "eu-west-1", at)
		if err != nil {
			t.Fatal(err)
		}
		if req.URL, err = url.Parse(uri); err != nil {
			t.Fatal(err)
		}
		req.Header = headers
		req.Header.Del("Host")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\n", req.URL.RequestURI(), u.Host)
	for name, values := range req.Header {
		for _, v := range values {
			if name != "Content-Length" {
				fmt.Fprintf(&b, "%s: %s\r\n", name, v)
			}
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(s.body))
	s.wire = b.String()
	return s
}

// check checks a request, and returns who signed it.
func check(v *Verifier, r *http.Request, body []byte) (who string, err error) {
	c, err := v.Claim(r)
	if err != nil {
		return "", err
	}
	return c.AccessKey, c.Verify(body)
}

// verify reads a request from the wire and checks it.
func verify(keys map[string]string, head, body string) (string, error) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + body)))
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	return check(verifier(keys), r, got)
}

// What the SDK signs is let in; what somebody changed since is not.
func TestSignedBySDK(t *testing.T) {
	r := rand.New(rand.NewPCG(1, uint64(*rounds)))
	changed := 0
	for i := range *rounds {
		s := randomSigned(t, r)
		who, err := verify(s.keys, s.wire, s.body)
		if err != nil || who != s.key {
			t.Fatalf("request %d: %q, %v\n%s", i, who, err, s.wire)
		}
		head, body, same := mutate(r, s)
		if same {
			continue
		}
		changed++
		if who, err := verify(s.keys, head, body); err == nil {
			t.Fatalf("request %d is let in as %s, though it was changed from\n%s%s\nto\n%s%s", i, who, s.wire, s.body, head, body)
		}
	}
	if changed < *rounds*3/4 {
		t.Fatalf("only %d of %d were changed", changed, *rounds)
	}
	t.Logf("%d requests, %d changed ones", *rounds, changed)
}

// mutate changes one byte of a request. same is true where that means nothing.
func mutate(r *rand.Rand, s signed) (head, body string, same bool) {
	whole := []byte(s.wire + s.body)
	i := r.IntN(len(whole))
	old := whole[i]
	whole[i] = printed[r.IntN(len(printed))]
	head, body = string(whole[:len(s.wire)]), string(whole[len(s.wire):])
	return head, body, whole[i] == old || sameRequest(s.wire, head) && body == s.body
}

// sameRequest tells whether two heads are one request: names of headers do not differ
// by case, blanks around values do not count, a query can be escaped in two ways, and
// headers that nobody signed say nothing.
func sameRequest(a, b string) bool {
	x, err := http.ReadRequest(bufio.NewReader(strings.NewReader(a)))
	if err != nil {
		return false
	}
	y, err := http.ReadRequest(bufio.NewReader(strings.NewReader(b)))
	if err != nil {
		return false
	}
	if x.Method != y.Method || x.Host != y.Host || x.URL.EscapedPath() != y.URL.EscapedPath() || x.ContentLength != y.ContentLength {
		return false
	}
	// What is not signed means nothing, unless it is for AWS.
	by, err := signatureOf(x)
	if err != nil {
		return false
	}
	for _, h := range []http.Header{x.Header, y.Header} {
		h.Del("Content-Length") // 07 is 7
		for name := range h {
			lower := strings.ToLower(name)
			if lower != "authorization" && !strings.HasPrefix(lower, "x-amz-") && !by.signs(lower) {
				delete(h, name)
			}
		}
	}
	qx, errX := url.ParseQuery(x.URL.RawQuery)
	qy, errY := url.ParseQuery(y.URL.RawQuery)
	if errX != nil || errY != nil || qx.Encode() != qy.Encode() {
		return false
	}
	var xs, ys bytes.Buffer
	_, _ = x.Header.Write(&xs), y.Header.Write(&ys)
	return strings.Join(strings.Fields(xs.String()), " ") == strings.Join(strings.Fields(ys.String()), " ")
}

func TestRefused(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	s := randomSigned(t, r)
	for !strings.Contains(s.wire, "Authorization") || strings.Contains(s.wire, "?") {
		s = randomSigned(t, r) // signed in the header, and without a query
	}
	for name, c := range map[string]struct {
		head string
		want error
	}{
		"no signature":       {strings.Replace(s.wire, "Authorization:", "X-Other:", 1), ErrMissing},
		"two signatures":     {strings.Replace(s.wire, "Host:", "Authorization: x\r\nHost:", 1), ErrMalformed},
		"two carriers":       {strings.Replace(s.wire, " HTTP/1.1", "?X-Amz-Signature=00 HTTP/1.1", 1), ErrTwice},
		"unsigned header":    {strings.Replace(s.wire, "Host:", "X-Amz-Other: 1\r\nHost:", 1), ErrMismatch},
		"a second target":    {strings.Replace(s.wire, "Host:", "X-Amz-Target: Kinesis_20131202.DeleteStream\r\nHost:", 1), ErrMismatch},
		"another service":    {strings.Replace(s.wire, "/kinesis/", "/dynamodb/", 1), ErrMismatch},
		"another region":     {strings.Replace(s.wire, "/eu-west-1/", "/eu-west-2/", 1), ErrMismatch},
		"an unknown key":     {strings.Replace(s.wire, "Credential=AK", "Credential=XK", 1), ErrUnknown},
		"somebody else's":    {strings.Replace(s.wire, "Credential="+s.key, "Credential=other", 1), ErrMismatch},
		"not the wanted way": {strings.Replace(s.wire, algorithm, "AWS4-HMAC-SHA1", 1), ErrMalformed},
	} {
		if _, err := verify(s.keys, c.head, s.body); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	defer func(before time.Time) { now = before }(now)
	for _, by := range []time.Duration{-11 * time.Minute, 11 * time.Minute} {
		now = now.Add(by)
		if _, err := verify(s.keys, s.wire, s.body); !errors.Is(err, ErrExpired) {
			t.Errorf("%s later: %v", by, err)
		}
		now = now.Add(-by)
	}
}

// What a signature lacks is told in the words of AWS.
func TestLacking(t *testing.T) {
	for name, c := range map[string]struct {
		header, query, want string
	}{
		"nothing but a key": {"AWS4-HMAC-SHA256 Credential=a", "", "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."},
		"no date":           {"AWS4-HMAC-SHA256 Credential=a, Signature=b, SignedHeaders=c", "", "Authorization header requires existence of a 'X-Amz-Date' header"},
		"in the query":      {"", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=d", "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'."},
		"twice":             {"", "X-Amz-Algorithm=a&X-Amz-Date=d&X-Amz-Credential=c&X-Amz-Credential=c&X-Amz-Signature=s&X-Amz-SignedHeaders=h", "the query has 'X-Amz-Credential' more than once"},
	} {
		r := &http.Request{Method: "POST", Host: "h", Header: http.Header{}, URL: &url.URL{Path: "/", RawQuery: c.query}}
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		if _, err := check(verifier(nil), r, nil); !errors.Is(err, ErrMalformed) || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=a/20261121/r/kinesis/aws4_request, SignedHeaders=host, Signature=00", "a=b&X-Amz-Date=x", "20261121T120000Z")
	f.Fuzz(func(t *testing.T, header, query, date string) {
		r := &http.Request{Method: "POST", Host: "h", Header: http.Header{"X-Amz-Date": {date}}, URL: &url.URL{Path: "/", RawQuery: query}}
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		if who, err := check(verifier(map[string]string{"a": "b"}), r, nil); err == nil {
			t.Fatalf("let in as %s", who)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:8484/", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecord")
	body := []byte(`{"StreamName":"s","PartitionKey":"k","Data":"aGVsbG8="}`)
	hash := sha256.Sum256(body)
	creds := aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}
	if err := v4.NewSigner().SignHTTP(b.Context(), creds, r, hex.EncodeToString(hash[:]), "kinesis", "us-east-1", now); err != nil {
		b.Fatal(err)
	}
	v := verifier(map[string]string{"a": "b"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := check(v, r, body); err != nil {
			b.Fatal(err)
		}
	}
}

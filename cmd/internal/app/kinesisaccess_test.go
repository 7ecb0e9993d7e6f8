package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
)

// codeOf returns the name of an error that the server has answered.
func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func signedClient(url, id, secret string, h *http.Client) *kinesis.Client {
	o := kinesis.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	}
	if h != nil {
		o.HTTPClient = h
	}
	return kinesis.New(o, onceOnly)
}

// With the first key nobody comes in without one; keys come and go while the server runs.
func TestKinesisKeys(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	c := startServer(t, dir, port)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	list := func(id, secret string) string {
		out, err := signedClient(url, id, secret, nil).ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		if err == nil && out.StreamNames == nil {
			t.Error("no list")
		}
		return codeOf(err)
	}
	if got := list("any", "thing"); got != "<nil>" {
		t.Fatalf("without keys: %s", got)
	}
	if n := strings.Count(c.output(), "let in whatever they sign with"); n != 1 {
		t.Errorf("it was said %d times that everybody is let in:\n%s", n, c.output())
	}
	stdout, stderr, code := weir(t, "", "keys", "add", "ann", "--data", dir)
	m := regexp.MustCompile(`(?s)AWS_ACCESS_KEY_ID=(\S+).*AWS_SECRET_ACCESS_KEY=(\S+)`).FindStringSubmatch(stdout)
	if code != 0 || m == nil || !strings.Contains(stderr, "first key") {
		t.Fatalf("keys add: %d %q %q", code, stdout, stderr)
	}
	eventually(t, "the key is asked for", func() bool { return list("any", "thing") == "UnrecognizedClientException" })
	if got := list(m[1], m[2]); got != "<nil>" {
		t.Errorf("with the key: %s", got)
	}
	if got := list(m[1], m[2]+"x"); got != "InvalidSignatureException" {
		t.Errorf("with a wrong secret: %s", got)
	}
	if status, body := post(t, url, "application/x-amz-json-1.1", "{}", map[string]string{"X-Amz-Target": "Kinesis_20131202.ListStreams"}); status != 400 || !strings.Contains(string(body), "MissingAuthenticationToken") {
		t.Errorf("without a signature: %d %s", status, body)
	}
	if stdout, _, _ := weir(t, "", "keys", "list", "--data", dir); !strings.Contains(stdout, m[1]+"  ann") || strings.Contains(stdout, m[2]) {
		t.Errorf("keys list: %q", stdout)
	}
	if strings.Contains(c.output(), m[2]) {
		t.Error("the secret is in the server's log")
	}
	// A file that cannot be used changes nothing.
	path := filepath.Join(dir, keyFileName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("what is this\nno\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says so", func() bool {
		_ = list(m[1], m[2])
		return strings.Contains(c.output(), "stay as they were")
	})
	if got := list(m[1], m[2]); got != "<nil>" {
		t.Errorf("with a bad file: %s", got)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := weir(t, "", "keys", "remove", "ann", "--data", dir); code != 0 || !strings.Contains(stderr, "last key") {
		t.Errorf("keys remove: %d %q", code, stderr)
	}
	eventually(t, "everybody is let in", func() bool { return list("any", "thing") == "<nil>" })
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := weir(t, "", "keys", "list", "--data", dir); code == 0 || !strings.Contains(stderr, "chmod 600") {
		t.Errorf("a file that others can read: %d %q", code, stderr)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

// A server whose clients need tokens asks Kinesis clients for signatures.
func TestKinesisBesideTokens(t *testing.T) {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens")
	if err := os.WriteFile(tokens, []byte("ann:0123456789abcdef0123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	startServer(t, filepath.Join(dir, "data"), port, "--token-file", tokens)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	in := &kinesis.ListStreamsInput{}
	if _, err := signedClient(url, "any", "thing", nil).ListStreams(t.Context(), in); codeOf(err) != "AccessDeniedException" {
		t.Errorf("without keys: %v", err)
	}
	stdout, _, _ := weir(t, "", "keys", "add", "--data", filepath.Join(dir, "data"))
	m := regexp.MustCompile(`(?s)AWS_ACCESS_KEY_ID=(\S+).*AWS_SECRET_ACCESS_KEY=(\S+)`).FindStringSubmatch(stdout)
	eventually(t, "the key opens", func() bool {
		_, err := signedClient(url, m[1], m[2], nil).ListStreams(t.Context(), in)
		return err == nil
	})
	// Nothing else opens with the header of a Kinesis client.
	status, _ := post(t, url+"/v1/sql", "text/plain", "SHOW STREAMS", map[string]string{"X-Amz-Target": "Kinesis_20131202.ListStreams"})
	if status != http.StatusUnauthorized {
		t.Errorf("SQL without a token: %d", status)
	}
}

// TLS with a certificate of the server's own authority, which outlives a restart, and
// HTTP/2 by ALPN; without TLS HTTP/2 for clients that know beforehand.
func TestKinesisOverTLSAndHTTP2(t *testing.T) {
	dir := t.TempDir()
	var before []byte
	for range 2 {
		port, tlsPort := freePort(t), 0
		c := startServer(t, dir, port, "--tls-listen", "127.0.0.1:0")
		if m := regexp.MustCompile(`https://127\.0\.0\.1:(\d+)`).FindStringSubmatch(c.output()); m != nil {
			_, _ = fmt.Sscan(m[1], &tlsPort)
		}
		ca, err := os.ReadFile(filepath.Join(dir, "tls", "ca.pem"))
		if err != nil || before != nil && string(ca) != string(before) {
			t.Fatalf("the authority: %v", err)
		}
		before = ca
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(ca) {
			t.Fatal("no certificate in ca.pem")
		}
		h2c := new(http.Protocols)
		h2c.SetUnencryptedHTTP2(true)
		h2 := new(http.Protocols)
		h2.SetHTTP2(true)
		h1 := new(http.Protocols)
		h1.SetHTTP1(true)
		for name, c := range map[string]struct {
			url       string
			transport *http.Transport
			want      string
		}{
			"h2c":              {fmt.Sprintf("http://127.0.0.1:%d", port), &http.Transport{Protocols: h2c}, "HTTP/2.0"},
			"TLS and HTTP/2":   {fmt.Sprintf("https://localhost:%d", tlsPort), &http.Transport{Protocols: h2, TLSClientConfig: &tls.Config{RootCAs: pool}}, "HTTP/2.0"},
			"TLS and HTTP/1.1": {fmt.Sprintf("https://127.0.0.1:%d", tlsPort), &http.Transport{Protocols: h1, TLSClientConfig: &tls.Config{RootCAs: pool}}, "HTTP/1.1"},
		} {
			spy := &protocolSpy{next: c.transport}
			if _, err := signedClient(c.url, "a", "b", &http.Client{Transport: spy}).ListStreams(t.Context(), &kinesis.ListStreamsInput{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if spy.proto != c.want {
				t.Errorf("%s: spoke %s", name, spy.proto)
			}
			c.transport.CloseIdleConnections()
		}
		if err := c.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLostAuthorityKey: a new authority is not made in silence, clients trust the old one.
func TestLostAuthorityKey(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := openAuthority(dir, nil); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "ca-key.pem")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openAuthority(dir, nil); err == nil || !strings.Contains(err.Error(), "put "+key+" back") {
		t.Errorf("without the key: %v", err)
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openAuthority(dir, nil); err != nil {
		t.Errorf("with the key again: %v", err)
	}
}

// protocolSpy remembers what was spoken.
type protocolSpy struct {
	next  http.RoundTripper
	proto string
}

func (s *protocolSpy) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(r)
	if err == nil {
		s.proto = resp.Proto
	}
	return resp, err
}

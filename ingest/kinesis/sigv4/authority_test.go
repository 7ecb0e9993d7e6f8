package sigv4

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Over HTTP/2 Amazon's client for JavaScript signs :authority and no host. This is what
// it sent once, with a key that was made for it.
func TestSignedAuthority(t *testing.T) {
	const (
		key, secret = "AKIA" + "FUQPZEI536SLAHYP", "zcUAgMlrMcyMPAcuThW/xzSG1Yxw11dh5Z4VUmn7"
		body        = "{}"
	)
	at := time.Date(2026, 11, 21, 16, 8, 51, 0, time.UTC)
	sent := func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:8595/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
		for name, value := range map[string]string{
			"Content-Type":          "application/x-amz-json-1.1",
			"X-Amz-Target":          "Kinesis_20131202.ListStreams",
			"X-Amz-User-Agent":      "aws-sdk-js/3.1142.0",
			"Amz-Sdk-Invocation-Id": "5b1a5a2e-fd8b-4559-b7eb-fc7944091e53",
			"Amz-Sdk-Request":       "attempt=1; max=1",
			"X-Amz-Date":            "20261121T160851Z",
			"X-Amz-Content-Sha256":  "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
			"Authorization": "AWS4-HMAC-SHA256 Credential=" + key + "/20261121/us-east-1/kinesis/aws4_request, " +
				"SignedHeaders=:authority;amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;x-amz-content-sha256;x-amz-date;x-amz-target;x-amz-user-agent, " +
				"Signature=320af4ba9e770014a7da768a56612da3044ba01c3701463a5575e2ce4140a1d5",
		} {
			r.Header.Set(name, value)
		}
		return r
	}
	v := verifier(map[string]string{key: secret})
	v.Now = func() time.Time { return at }
	if who, err := check(v, sent(), []byte(body)); err != nil || who != key {
		t.Errorf("%q, %v", who, err)
	}
	for name, change := range map[string]func(*http.Request){
		"another host": func(r *http.Request) { r.Host = "127.0.0.1:8596" },
		"HTTP/1.1":     func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1 },
		"nothing of it": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), ":authority;", "", 1))
		},
	} {
		r := sent()
		change(r)
		if _, err := check(v, r, []byte(body)); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

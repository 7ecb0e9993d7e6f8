package app

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What keeps a client of Kinesis out is said as Kinesis says things: clients show
// nothing of an answer in another shape.
func TestKinesisRefusals(t *testing.T) {
	url := startServer(t, t.TempDir(), freePort(t)).url
	ask := func(path, host string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		if host != "" {
			r.Host = host
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body := make([]byte, 2000)
		n, _ := resp.Body.Read(body) // it is short
		if id := resp.Header.Get("x-amzn-RequestId"); id == "" {
			t.Errorf("%s: no request id", path)
		}
		return string(body[:n])
	}
	for _, c := range []struct{ path, host, kind, says string }{
		{"/kinesis", "", `"__type":"UnknownOperationException"`, "leave the path out of the endpoint"},
		{"/v1", "", `"__type":"UnknownOperationException"`, "leave the path out of the endpoint"},
		{"/", "kinesis.eu-west-1.amazonaws.com", `"__type":"AccessDeniedException"`, "--allow-host adds a name"},
		{"/", "", `"StreamNames":[]`, ""},
	} {
		if got := ask(c.path, c.host); !strings.Contains(got, c.kind) || !strings.Contains(got, c.says) {
			t.Errorf("%s of %q: %s", c.path, c.host, got)
		}
	}
	// Others are answered as before.
	if status, body := post(t, url+"/kinesis", "", "{}", nil); status != http.StatusNotFound || !strings.Contains(string(body), `"error":{`) {
		t.Errorf("%d %s", status, body)
	}
}

// Wrong flags and arguments around Kinesis: each message names what to change.
func TestKinesisMistakes(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rubbish, data := file("rubbish", "what\n", 0o600), filepath.Join(dir, "data")
	for _, c := range []struct {
		args string
		says []string
	}{
		{"keys remove", []string{"weir keys remove NAME"}},
		{"keys remove nobody --data " + data, []string{`"nobody" in ` + data, "weir keys list"}},
		{"keys remove a b", []string{"weir keys remove KEY"}},
		{"keys add a b", []string{"one name"}},
		{"serve --tls-listen 0.0.0.0:0", []string{"--tls-listen 0.0.0.0:0 is not a loopback address", "--token-file"}},
		{"serve --tls-listen 8487", []string{`--tls-listen "8487" is not host:port`}},
		{"serve --listen 8487", []string{`--listen "8487" is not host:port`}},
		{"serve --tls-listen 127.0.0.1:0 --tls-cert x", []string{"give both, or neither"}},
		{"serve --tls-key x", []string{"--tls-listen, which is missing"}},
		{"serve --encryption-keys " + rubbish, []string{rubbish + ": line 1 is not: a number from 1 on, and 32 bytes in base64"}},
		{"serve --kinesis-keys " + rubbish, []string{rubbish + ": line 1 is not: access key, secret"}},
	} {
		args := strings.Fields(c.args)
		if args[0] == "serve" {
			args = append(args, "--data", data)
			if !strings.Contains(c.args, "--listen") {
				args = append(args, "--listen", "127.0.0.1:0")
			}
		}
		_, stderr, code := weir(t, "", args...)
		for _, want := range c.says {
			if code != 1 || !strings.Contains(stderr, want) {
				t.Errorf("weir %s: %d: %s", c.args, code, stderr)
			}
		}
		if strings.Contains(stderr, "--data names the directory") {
			t.Errorf("weir %s: it is not about --data: %s", c.args, stderr)
		}
	}
	if _, stderr, code := weir(t, "", "keys", "list", "--data", data); code != 0 || !strings.Contains(stderr, "no keys in "+data) {
		t.Errorf("%d: %s", code, stderr)
	}
}

// A server says at its start which clients of Kinesis it lets in.
func TestKinesisSaysWhoComesIn(t *testing.T) {
	dir := t.TempDir()
	c := startServer(t, dir, freePort(t))
	eventually(t, "everybody", func() bool { return strings.Contains(c.output(), "everybody, for there is no access key in "+dir) })
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	if _, _, code := weir(t, "", "keys", "add", "ann", "--data", dir); code != 0 {
		t.Fatal(code)
	}
	c = startServer(t, dir, freePort(t))
	eventually(t, "who has the key", func() bool { return strings.Contains(c.output(), "who signs with the access key in "+dir) })
}

package influxdb

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const (
	answerMax  = 64 << 10 // bytes of an answer that are read
	messageMax = 300      // bytes of an answer that are repeated
)

// send posts the lines that have gathered.
func (s *Sink) send(ctx context.Context) error {
	if s.count == 0 {
		return nil
	}
	query := url.Values{"db": {s.cfg.DB}, "precision": {s.cfg.Precision.param()}}
	if s.cfg.Policy != "" {
		query.Set("rp", s.cfg.Policy)
	}
	body := s.lines
	header := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	if s.cfg.Gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(s.lines) // a bytes.Buffer takes everything
		_ = w.Close()
		body = packed.Bytes()
		header.Set("Content-Encoding", "gzip")
	}
	code, answer, err := s.post(ctx, "/write", query, header, body)
	if err != nil {
		return err
	}
	if code == http.StatusBadRequest {
		if n, partial := refused(answer); partial {
			s.out.Refused += int64(min(max(n, 1), s.count))
			s.out.Why = clip(answer)
			code = http.StatusNoContent
		}
	}
	if code/100 != 2 {
		return answerError(code, answer)
	}
	s.lines, s.count = s.lines[:0], 0
	return nil
}

// refused reads how many points of a batch the server did not take, from an
// answer that says that it took the others. Up to 1.8 it says so for lines that
// it cannot parse, and for points that it cannot store.
func refused(answer string) (n int, partial bool) {
	unparsed := strings.Count(answer, "unable to parse")
	if !strings.Contains(answer, "partial write") && unparsed == 0 {
		return 0, false
	}
	if m := dropped().FindStringSubmatch(answer); m != nil {
		n, _ = strconv.Atoi(m[1]) // are digits; 0 if there are too many
	}
	return max(n, unparsed), true
}

func dropped() *regexp.Regexp { return regexp.MustCompile(`dropped=(\d+)`) }

// createDatabase makes the database if it is missing.
func (s *Sink) createDatabase(ctx context.Context) error {
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s.cfg.DB)
	form := url.Values{"q": {`CREATE DATABASE "` + name + `"`}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	code, answer, err := s.post(ctx, "/query", nil, header, []byte(form.Encode()))
	if err != nil {
		return err
	}
	if code/100 != 2 {
		return fmt.Errorf("make database %s (create = 'false' goes without): %w", s.cfg.DB, answerError(code, answer))
	}
	if answer != "" && strings.Contains(answer, "error") {
		return fmt.Errorf("make database %s: %s", s.cfg.DB, clip(answer))
	}
	return nil
}

// ping looks whether there is a server.
func (s *Sink) ping(ctx context.Context) error {
	code, answer, err := s.post(ctx, "/ping", nil, http.Header{}, nil)
	if err != nil {
		return err
	}
	if code >= http.StatusInternalServerError {
		return answerError(code, answer)
	}
	return nil
}

// post sends a request and returns the answer's status and what it says.
func (s *Sink) post(ctx context.Context, path string, query url.Values, header http.Header, body []byte) (code int, answer string, err error) {
	u := *s.url
	u.Path, u.RawQuery = path, query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header = header
	req.Header.Set("User-Agent", "weir")
	if s.user != "" || s.password != "" {
		req.SetBasicAuth(s.user, s.password)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return 0, "", fmt.Errorf("read answer of %s: %w", s.url, err)
	}
	return resp.StatusCode, message(text), nil
}

// message returns what an answer says: {"error": "…"}, or the whole text.
func message(text []byte) string {
	var said struct {
		Error   string `json:"error"`
		Results []struct {
			Error string `json:"error"`
		} `json:"results"`
	}
	if json.Unmarshal(text, &said) != nil {
		return strings.TrimSpace(string(text))
	}
	for _, r := range said.Results {
		if r.Error != "" {
			return "error: " + r.Error
		}
	}
	return said.Error
}

func answerError(code int, answer string) error {
	if answer == "" {
		return fmt.Errorf("the server answers %d %s", code, http.StatusText(code))
	}
	return fmt.Errorf("the server answers %d %s: %s", code, http.StatusText(code), clip(answer))
}

func clip(s string) string {
	if len(s) <= messageMax {
		return s
	}
	return strings.ToValidUTF8(s[:messageMax], "") + "…"
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"weir/sql/diag"
)

// DefaultURL is where a server listens unless it was told otherwise.
const DefaultURL = "http://127.0.0.1:8484"

// errorBytesMax is how much of a failed answer is read.
const errorBytesMax = 1 << 20

// Client sends requests to one server. It is safe for any number of goroutines.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New returns a client of the server at base, such as http://127.0.0.1:8484; a
// bare host:port means HTTP. token is sent with every request unless it is empty.
func New(base, token string) (*Client, error) {
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no address of a server: write it like %s", base, DefaultURL)
	}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     time.Minute,
	}
	return &Client{base: strings.TrimRight(u.String(), "/"), token: token, http: &http.Client{Transport: t}}, nil
}

// URL returns the server's address.
func (c *Client) URL() string { return c.base }

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// do sends a request. Every request passes here.
func (c *Client) do(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &unreachable{base: c.base, err: err}
	}
	return resp, nil
}

// Ping returns why the server cannot be used, if so.
func (c *Client) Ping(ctx context.Context) error {
	resp, err := c.do(ctx, http.MethodGet, "/healthz", http.NoBody, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return failure(c.base, resp)
	}
	return nil
}

// unreachable is the error of a request that got no answer.
type unreachable struct {
	base string
	err  error
}

// Error says what to do about it.
func (e *unreachable) Error() string {
	cause := e.err
	var u *url.Error
	if errors.As(cause, &u) {
		cause = u.Err
	}
	if errors.Is(cause, syscall.ECONNREFUSED) {
		return fmt.Sprintf("no server answers at %s: start one with `weir serve`, or say where it is with --url or WEIR_URL", e.base)
	}
	if errors.Is(cause, io.EOF) || errors.Is(cause, syscall.ECONNRESET) || errors.Is(cause, syscall.EPIPE) {
		return fmt.Sprintf("the server at %s went away in the middle of a request", e.base)
	}
	return fmt.Sprintf("cannot reach the server at %s: %v; --url or WEIR_URL says where it is", e.base, cause)
}

// Unwrap returns what the network said.
func (e *unreachable) Unwrap() error { return e.err }

// wireError is an error as the server writes it.
type wireError struct {
	Code    diag.Code `json:"code"`
	Message string    `json:"message"`
	Span    *struct {
		Start int `json:"start"`
		End   int `json:"end"`
	} `json:"span"`
	Label string `json:"label"`
	Hint  string `json:"hint"`
}

// diag returns the error as it is rendered.
func (e *wireError) diag() *diag.Error {
	d := &diag.Error{Code: e.Code, Message: e.Message, Label: e.Label, Hint: e.Hint}
	if e.Span != nil {
		d.Span = diag.Span{Start: e.Span.Start, End: e.Span.End}
	}
	return d
}

// failure reads the answer to a request that failed.
func failure(base string, resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, errorBytesMax))
	if err != nil {
		return &unreachable{base: base, err: err}
	}
	return failureIn(base, resp.StatusCode, body)
}

// failureIn is failure for a body that was read.
func failureIn(base string, status int, body []byte) error {
	var answer struct {
		Error *wireError `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err == nil && answer.Error != nil && answer.Error.Message != "" {
		return answer.Error.diag()
	}
	return fmt.Errorf("%s answers with status %d and not as weir does: is it another program's port?", base, status)
}

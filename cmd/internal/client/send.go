package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"weir/sql/diag"
)

// How long a sender waits before it tries again: twice as long each time.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// graceful is how long a request that is under way may take once somebody has
// interrupted: it is better to know what became of it.
const graceful = 5 * time.Second

// sender sends pieces to a stream, each until it is known what became of it.
type sender struct {
	client   *Client
	path     string
	patience time.Duration // how long one piece is tried
	waiting  func(why string)
}

func newSender(c *Client, stream string, patience time.Duration, waiting func(string)) *sender {
	return &sender{client: c, path: "/v1/streams/" + url.PathEscape(stream) + "/records", patience: patience, waiting: waiting}
}

// receipt is what the server says to a body.
type receipt struct {
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`
	Errors   []struct {
		Row     int    `json:"row"`
		Code    string `json:"code"`
		Column  string `json:"column"`
		Message string `json:"message"`
	} `json:"errors"`
	Unknown []struct {
		Name string `json:"name"`
		Rows int64  `json:"rows"`
		Hint string `json:"hint"`
	} `json:"unknown"`
	Error *wireError `json:"error"`
}

// tryAgain is an error that may go by itself.
type tryAgain struct {
	err   error
	after time.Duration // the server's wish; 0 if it has none
}

func (e *tryAgain) Error() string { return e.err.Error() }
func (e *tryAgain) Unwrap() error { return e.err }

// refused is the error of a body that the server will not take.
type refused struct{ err error }

func (e *refused) Error() string { return e.err.Error() }
func (e *refused) Unwrap() error { return e.err }

// send sends a body under a key until it is answered. The key makes the server
// count it once however often it comes.
func (s *sender) send(ctx context.Context, key string, as Format, body []byte) (receipt, error) {
	began := time.Now()
	wait := firstPause
	for {
		r, err := s.once(ctx, key, as, body)
		var again *tryAgain
		if err == nil || !errors.As(err, &again) {
			return r, err
		}
		if time.Since(began) > s.patience {
			return r, fmt.Errorf("gave up after %s: %w", s.patience, again.err)
		}
		s.waiting(again.err.Error())
		timer := time.NewTimer(max(again.after, wait/2+rand.N(wait/2)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return r, ctx.Err()
		}
		wait = min(2*wait, longestPause)
	}
}

// once sends a body once.
func (s *sender) once(ctx context.Context, key string, as Format, body []byte) (receipt, error) {
	ctx, cancel := withGrace(ctx)
	defer cancel()
	header := http.Header{"Content-Type": {as.contentType()}, "Idempotency-Key": {key}}
	resp, err := s.client.do(ctx, http.MethodPost, s.path, bytes.NewReader(body), header)
	if err != nil {
		return receipt{}, retryable(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, errorBytesMax))
	if err != nil {
		if ctx.Err() != nil {
			return receipt{}, ctx.Err()
		}
		return receipt{}, retryable(&unreachable{base: s.client.base, err: err})
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusBadRequest:
		var r receipt
		if err := json.Unmarshal(answer, &r); err != nil {
			return receipt{}, &refused{failureIn(s.client.base, resp.StatusCode, answer)}
		}
		if r.Error != nil && r.Error.Code == "CUT_SHORT" {
			return receipt{}, &tryAgain{err: r.Error.diag()}
		}
		// A piece of blank lines is no mistake.
		if r.Error != nil && r.Error.Code != "EMPTY_BODY" {
			return receipt{}, &refused{plain(r.Error.diag())}
		}
		return r, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusRequestTimeout,
		http.StatusBadGateway, http.StatusGatewayTimeout:
		return receipt{}, &tryAgain{err: plain(failureIn(s.client.base, resp.StatusCode, answer)), after: retryAfter(resp.Header)}
	}
	err = failureIn(s.client.base, resp.StatusCode, answer)
	if d := (*diag.Error)(nil); resp.StatusCode == http.StatusNotFound && errors.As(err, &d) {
		return receipt{}, &refused{noStream{plain(err)}}
	}
	return receipt{}, &refused{plain(err)}
}

// noStream is the server's word that it has no such stream.
type noStream struct{ error }

func (noStream) Is(target error) bool { return target == ErrNoStream }

// retryable tells errors of the network from those of the caller.
func retryable(err error) error {
	var gone *unreachable
	if errors.As(err, &gone) {
		return &tryAgain{err: err}
	}
	return err
}

// retryAfterMax bounds what a server may wish for.
const retryAfterMax = time.Minute

func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, retryAfterMax)
}

// plain writes an error of the server's without codes, with what to do.
func plain(err error) error {
	var d *diag.Error
	if !errors.As(err, &d) {
		return err
	}
	if d.Hint == "" {
		return errors.New(d.Message)
	}
	return fmt.Errorf("%s; %s", d.Message, d.Hint)
}

// withGrace returns a context that outlives ctx for a while.
func withGrace(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(graceful):
			cancel()
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel() }
}

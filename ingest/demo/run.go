package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config says where the events go and what they are.
type Config struct {
	BaseURL string           // of the server, such as http://127.0.0.1:8484
	Seed    int64            // of everything that is random
	Rate    float64          // how many rows beyond each key's own; 1 if 0, some 700 rows a second in all
	Client  *http.Client     // one of its own if nil
	Now     func() time.Time // time.Now if nil
	// Start is when the story begins; now if zero. Ticks before now are the
	// business of Fill, the others of Run.
	Start time.Time
}

// maxRate keeps a body below the server's limits.
const maxRate = 1000

func (c Config) withDefaults() (Config, error) {
	if c.BaseURL == "" {
		return c, errors.New("the demo needs the server's URL")
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	if c.Rate == 0 {
		c.Rate = 1
	}
	if c.Rate < 0 || c.Rate > maxRate {
		return c, fmt.Errorf("rate %g is not between 0 and %d", c.Rate, maxRate)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Start.IsZero() {
		c.Start = c.Now()
	}
	return c, nil
}

// fillTicks is how many ticks Fill posts in one body.
const fillTicks = 10

// Fill posts what has happened since cfg.Start, so that a chart has a past when
// it is first seen. Run with the same cfg goes on from there.
func Fill(ctx context.Context, cfg Config) error {
	return each(ctx, cfg, func(ctx context.Context, cfg Config, s scene) error {
		var body []byte
		last := int64(cfg.Now().Sub(cfg.Start) / tickEvery)
		for n := int64(0); n < last; {
			body = body[:0]
			for end := min(n+fillTicks, last); n < end; n++ {
				body = s.rows(body, cfg.Seed, cfg.Rate, n, cfg.Start.Add(time.Duration(n)*tickEvery))
			}
			if err := post(ctx, cfg, s.stream, body); err != nil {
				return fmt.Errorf("post to %s: %w", s.stream, err)
			}
		}
		return nil
	})
}

// Run posts the rows of each tick as its time comes, until ctx is done, which is
// no error. Ticks that were missed are not made up for. It ends with an error
// when the server cannot be reached or takes a row for a bad one; a server that
// is busy loses one tick, and a stream that is dropped ends its scene alone.
func Run(ctx context.Context, cfg Config) error { return each(ctx, cfg, play) }

// each does something for all scenes at once, until one of them fails.
func each(ctx context.Context, cfg Config, do func(context.Context, Config, scene) error) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	if cfg.Client == nil {
		transport := &http.Transport{MaxIdleConnsPerHost: len(scenes())}
		defer transport.CloseIdleConnections()
		cfg.Client = &http.Client{Transport: transport, Timeout: 10 * time.Second}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	all := scenes()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() {
			if errs[i] = do(ctx, cfg, s); errs[i] != nil {
				stop() // the others too: a demo is whole or it is none
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// errGone says that the stream is no more.
var errGone = errors.New("the stream is gone")

// play runs one scene.
func play(ctx context.Context, cfg Config, s scene) error {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	var body []byte
	for last := int64(-1); ; {
		// After a pause the scene goes on with the present.
		if n := int64(cfg.Now().Sub(cfg.Start) / tickEvery); n > last {
			last = n
			body = s.rows(body[:0], cfg.Seed, cfg.Rate, n, cfg.Start.Add(time.Duration(n)*tickEvery))
			err := post(ctx, cfg, s.stream, body)
			switch {
			case ctx.Err() != nil || errors.Is(err, errGone):
				return nil
			case err != nil:
				return fmt.Errorf("post to %s: %w", s.stream, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// post sends one body.
func post(ctx context.Context, cfg Config, stream string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, cfg.BaseURL+"/v1/streams/"+stream+"/records", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := cfg.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests:
		return nil
	case http.StatusNotFound:
		return errGone
	default:
		return fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(text))
	}
	var answer struct{ Rejected int }
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("read the answer %q: %w", text, err)
	}
	if answer.Rejected > 0 {
		return fmt.Errorf("%d rows were rejected: %s", answer.Rejected, bytes.TrimSpace(text))
	}
	return nil
}

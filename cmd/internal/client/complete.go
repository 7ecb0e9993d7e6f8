package client

import (
	"context"
	"errors"
	"io"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"
)

// namesWithin is how long somebody who pressed Tab waits for the catalog.
const namesWithin = time.Second

// keywords are the words of the dialect that are worth a Tab.
func keywords() []string {
	return strings.Fields(`ALLOWED ANALYZE AND AS ASC AVG BETWEEN BIGINT BOOLEAN BY CASE CAST COALESCE COUNT CREATE DATE DATETIME
		DECIMAL DESC DESCRIBE DISTINCT DOUBLE DROP ELSE EMIT END EVERY EXISTS EXPLAIN FALSE FROM GROUP HAVING HOP IF IN INSERT INTERVAL INTO IS KILL
		IS_COMPLETE IS_FINAL LATENESS LIKE LIMIT MATERIALIZED MAX MIN MINUTE NOT NULL OFFSET OR ORDER PARTITION PROCESSLIST PROGRESS PUMP PUMPS QUERIES REPLACE SECOND SELECT SHOW SNAPSHOT
		STREAM STREAMS SUBSCRIBE SUM THEN TO TRUE TUMBLE VALUES VARCHAR VIEW VIEWS WATERMARK WHEN WHERE
		WINDOW_END WINDOW_REV WINDOW_START WITH`)
}

// completer completes the last word of a line.
type completer struct {
	client *Client
	names  []string // of streams, views and pumps
	fresh  bool     // names need not be asked for again
}

// forget has the names asked for again: a statement may have changed them.
func (c *completer) forget() { c.fresh = false }

// complete is a Completer. Words come in the case that was begun.
func (c *completer) complete(ctx context.Context, line string) (head string, words []string) {
	start := strings.LastIndexFunc(line, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$' && r != '\\'
	}) + 1
	head, begun := line[:start], line[start:]
	if begun == "" && strings.TrimSpace(head) == "" {
		return head, nil
	}
	c.refresh(ctx)
	for _, n := range c.names {
		if hasFold(n, begun) {
			words = append(words, n)
		}
	}
	if begun != "" {
		lower := begun == strings.ToLower(begun)
		for _, k := range keywords() {
			if !hasFold(k, begun) {
				continue
			}
			if lower {
				k = strings.ToLower(k)
			}
			words = append(words, k)
		}
	}
	sort.Strings(words)
	return head, slices.Compact(words)
}

func hasFold(word, prefix string) bool {
	return len(word) >= len(prefix) && strings.EqualFold(word[:len(prefix)], prefix)
}

// refresh asks the server for the names. What it cannot have it goes without.
func (c *completer) refresh(ctx context.Context) {
	if c.fresh {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, namesWithin)
	defer cancel()
	var names []string
	for _, show := range [...]string{"SHOW STREAMS", "SHOW VIEWS", "SHOW PUMPS"} {
		found, err := c.client.firstColumn(ctx, show)
		if err != nil {
			return
		}
		names = append(names, found...)
	}
	c.names, c.fresh = names, true
}

// Streams returns the names of the server's streams, none if it does not answer
// within a second.
func (c *Client) Streams(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, namesWithin)
	defer cancel()
	names, err := c.firstColumn(ctx, "SHOW STREAMS")
	if err != nil {
		return nil // who completes a word wants no message
	}
	return names
}

// firstColumn returns the first value of each row.
func (c *Client) firstColumn(ctx context.Context, text string) ([]string, error) {
	a, err := c.Run(ctx, text)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if a.live || len(a.columns) == 0 {
		return nil, errors.New("the answer has no columns")
	}
	var values []string
	for {
		r, err := a.next(ctx)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		text, _, err := textOf(r[0])
		if err != nil {
			return nil, err
		}
		values = append(values, text)
	}
}

package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// lineBytesMax is the longest row of a live answer.
const lineBytesMax = 16 << 20

// column is a column of an answer.
type column struct {
	Name string `json:"name"`
	Type string `json:"type"` // "" where the server did not say
}

// numeric tells whether values stand on the right.
func (c column) numeric() bool {
	for _, t := range [...]string{"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL"} {
		if strings.HasPrefix(c.Type, t) {
			return true
		}
	}
	return false
}

// Answer is what the server says to one statement. It is read by one goroutine.
type Answer struct {
	live    bool
	columns []column
	body    io.Closer
	dec     *json.Decoder // of a finite answer
	lines   *bufio.Reader // of a live one
	base    string
	notes   []string // what the server says beside the rows
}

// Run sends statements and returns the answer, which the caller closes. Mistakes
// in them are *diag.Error. Cancelling ctx ends a live answer.
func (c *Client) Run(ctx context.Context, text string) (*Answer, error) {
	header := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	resp, err := c.do(ctx, http.MethodPost, "/v1/sql", strings.NewReader(text), header)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, failure(c.base, resp)
	}
	a := &Answer{body: resp.Body, base: c.base}
	// What does not parse is no media type of ours.
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch media {
	case "application/x-ndjson":
		a.live, a.lines = true, bufio.NewReaderSize(resp.Body, 64<<10)
		return a, nil
	case "application/json":
		a.dec = json.NewDecoder(resp.Body)
		if err := a.begin(); err != nil {
			return nil, errors.Join(a.broken(ctx, err), a.Close())
		}
		return a, nil
	}
	defer resp.Body.Close()
	return nil, fmt.Errorf("%s answers with %q and not as weir does: is it another program's port?", c.base, media)
}

// Close ends the answer, whether it was read or not.
func (a *Answer) Close() error { return a.body.Close() }

// begin reads {"columns":[…],"rows":[.
func (a *Answer) begin() error {
	if err := a.expect(json.Delim('{'), "columns"); err != nil {
		return err
	}
	if err := a.dec.Decode(&a.columns); err != nil {
		return err
	}
	return a.expect("rows", json.Delim('['))
}

func (a *Answer) expect(tokens ...json.Token) error {
	for _, want := range tokens {
		got, err := a.dec.Token()
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("found %v where %v should be", got, want)
		}
	}
	return nil
}

// row is the values of one row, as JSON.
type row []json.RawMessage

// next returns the next row of a finite answer, io.EOF behind the last.
func (a *Answer) next(ctx context.Context) (row, error) {
	if a.dec.More() {
		var r row
		if err := a.dec.Decode(&r); err != nil {
			return nil, a.broken(ctx, err)
		}
		if len(r) != len(a.columns) {
			return nil, a.broken(ctx, fmt.Errorf("a row has %d values for %d columns", len(r), len(a.columns)))
		}
		return r, nil
	}
	if err := a.expect(json.Delim(']')); err != nil {
		return nil, a.broken(ctx, err)
	}
	key, err := a.dec.Token()
	if err == nil && key == "notes" {
		if err = a.dec.Decode(&a.notes); err == nil {
			key, err = a.dec.Token()
		}
	}
	if err != nil {
		return nil, a.broken(ctx, err)
	}
	if key != "error" {
		return nil, io.EOF
	}
	var w wireError
	if err := a.dec.Decode(&w); err != nil {
		return nil, a.broken(ctx, err)
	}
	return nil, w.diag()
}

// broken says why an answer cannot be read further.
func (a *Answer) broken(ctx context.Context, err error) error {
	var syntax *json.SyntaxError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &syntax):
		return fmt.Errorf("the answer of %s is no JSON: %w", a.base, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		// Not wrapped: io.EOF is how an answer ends that is whole.
		return fmt.Errorf("the answer of %s breaks off", a.base)
	}
	return fmt.Errorf("read the answer of %s: %w", a.base, err)
}

// line returns the next line of a live answer, io.EOF behind the last. It is
// valid until the next call.
func (a *Answer) line(ctx context.Context) ([]byte, error) {
	var long []byte
	for {
		part, err := a.lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if long = append(long, part...); len(long) > lineBytesMax {
				return nil, fmt.Errorf("a row of the answer is longer than %d bytes", lineBytesMax)
			}
			continue
		case errors.Is(err, io.EOF) && len(part)+len(long) == 0:
			return nil, io.EOF
		case err != nil:
			return nil, a.broken(ctx, err)
		}
		if long != nil {
			part = append(long, part...)
		}
		if bytes.HasPrefix(part, []byte(`{"error":{`)) {
			if w := endOf(part); w != nil {
				return nil, w.diag()
			}
		}
		return part, nil
	}
}

// endOf reads the line that ends a live answer that failed. A row may have a
// column `error`, but not one that is an object.
func endOf(line []byte) *wireError {
	var end struct {
		Error *wireError `json:"error"`
	}
	if err := json.Unmarshal(line, &end); err != nil || end.Error == nil || end.Error.Message == "" {
		return nil
	}
	return end.Error
}

// waiting tells whether another line is there already.
func (a *Answer) waiting() bool {
	n := a.lines.Buffered()
	if n == 0 {
		return false
	}
	ahead, err := a.lines.Peek(n)
	return err == nil && bytes.IndexByte(ahead, '\n') >= 0
}

// members cuts a line of a live answer into names and values, in order.
func members(line []byte) (names []string, values row, err error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, fmt.Errorf("a row is no object: %.100s", line)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("a row is no object: %w", err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, nil, fmt.Errorf("a value is no JSON: %w", err)
		}
		names = append(names, name.(string))
		values = append(values, value)
	}
	return names, values, nil
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"weir/operators/stream"
	"weir/operators/stream/render"
)

// writeAfter is how many bytes are gathered before they are written, within a batch.
const writeAfter = 32 << 10

// rowWriter writes rows as JSON, a batch at a time.
type rowWriter struct {
	w      http.ResponseWriter
	ctl    *http.ResponseController
	schema stream.Schema
	names  [][]byte // `"name":` of each column, for objects
	buf    []byte
	rows   int64
}

func newRowWriter(w http.ResponseWriter, schema stream.Schema) *rowWriter {
	names := make([][]byte, len(schema))
	for i, f := range schema {
		names[i] = append(jsonString(f.Name), ':')
	}
	return &rowWriter{w: w, ctl: http.NewResponseController(w), schema: schema, names: names}
}

// answer writes {"columns":[…],"rows":[…]}. An error before the first row
// is answered as such; one after it is a last member "error".
func (o *rowWriter) answer(ctx context.Context, res Result) error {
	begun := false
	for {
		b, err := o.next(ctx, res)
		if err == nil && !begun {
			o.begin("application/json; charset=utf-8")
			o.buf = append(o.appendColumns(o.buf), `,"rows":[`...)
			begun = true
		}
		switch {
		case errors.Is(err, io.EOF):
			return o.finish(begun, nil)
		case err != nil && !begun:
			WriteError(o.w, err)
			return internalOnly(err)
		case err != nil:
			return errors.Join(internalOnly(err), o.finish(begun, err))
		}
		err = o.writeArrays(b)
		b.Release()
		if err != nil {
			return nil // the client is gone, or too slow
		}
	}
}

// next returns the next batch; a statement without columns has none.
func (o *rowWriter) next(ctx context.Context, res Result) (stream.Batch, error) {
	if len(o.schema) == 0 {
		return stream.Batch{}, io.EOF
	}
	return res.Next(ctx)
}

// finish closes the answer, with the error that cut it short if there was one.
func (o *rowWriter) finish(begun bool, cause error) error {
	if !begun {
		o.begin("application/json; charset=utf-8")
		o.buf = append(o.appendColumns(o.buf), `,"rows":[`...)
	}
	o.buf = append(o.buf, ']')
	if cause != nil {
		member := appendError(nil, failureOf(cause))
		o.buf = append(append(o.buf, ','), member[1:len(member)-1]...)
	}
	o.buf = append(o.buf, "}\n"...)
	_ = o.write() // nobody is left to be told
	return nil
}

// stream writes one object a line until the client goes or the query ends.
// A line of a row that leaves the result begins with "_op":"delete".
func (o *rowWriter) stream(ctx context.Context, res Result) error {
	o.begin("application/x-ndjson; charset=utf-8")
	if o.flush() != nil {
		return nil
	}
	for {
		b, err := o.next(ctx, res)
		if err != nil {
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return nil
			}
			o.buf = append(appendError(o.buf, failureOf(err)), '\n')
			_ = o.flush()
			return internalOnly(err)
		}
		err = o.writeObjects(b)
		b.Release()
		if err != nil {
			return nil
		}
	}
}

func (o *rowWriter) begin(contentType string) {
	h := o.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	o.w.WriteHeader(http.StatusOK)
}

func (o *rowWriter) appendColumns(dst []byte) []byte {
	dst = append(dst, `{"columns":[`...)
	for i, f := range o.schema {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":`...)
		dst = append(dst, jsonString(f.Name)...)
		dst = append(dst, `,"type":`...)
		dst = append(dst, jsonString(f.Type.String())...)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// writeArrays writes the rows of b as members of "rows".
func (o *rowWriter) writeArrays(b stream.Batch) error {
	for row := range int(b.NumRows()) {
		if o.rows > 0 {
			o.buf = append(o.buf, ',')
		}
		o.rows++
		o.buf = append(o.buf, "\n["...)
		for c, f := range o.schema {
			if c > 0 {
				o.buf = append(o.buf, ',')
			}
			o.buf = render.AppendJSON(o.buf, b.Column(c), row, f.Type)
		}
		o.buf = append(o.buf, ']')
		if len(o.buf) >= writeAfter {
			if err := o.write(); err != nil {
				return err
			}
		}
	}
	return o.flush()
}

// writeObjects writes the rows of b as lines.
func (o *rowWriter) writeObjects(b stream.Batch) error {
	for row := range int(b.NumRows()) {
		o.buf = append(o.buf, '{')
		if b.Ops != nil && b.Ops[row] == stream.Delete {
			o.buf = append(o.buf, `"_op":"delete",`...)
		}
		for c, f := range o.schema {
			if c > 0 {
				o.buf = append(o.buf, ',')
			}
			o.buf = append(o.buf, o.names[c]...)
			o.buf = render.AppendJSON(o.buf, b.Column(c), row, f.Type)
		}
		o.buf = append(o.buf, "}\n"...)
		if len(o.buf) >= writeAfter {
			if err := o.write(); err != nil {
				return err
			}
		}
	}
	return o.flush()
}

// write hands what is gathered to the connection, which must take it in time:
// a client that reads nothing may not hold a query for ever.
func (o *rowWriter) write() error {
	err := o.ctl.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err = o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// flush writes what is gathered through to the client.
func (o *rowWriter) flush() error {
	if err := o.write(); err != nil {
		return err
	}
	if err := o.ctl.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

func jsonString(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // no string fails
		panic(err)
	}
	return b
}

package api

import (
	"encoding/json"
	"strconv"

	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/sql/types"
)

// opField is the first column of a live result in a format with fixed columns:
// insert, or delete for a row that leaves the result.
var opField = stream.Field{Name: "_op", Type: types.VarcharType}

// jsonEncoder writes {"columns":[…],"rows":[[…],…]}, and "error" behind the rows
// if they are not all.
type jsonEncoder struct {
	*out
	schema stream.Schema
	live   bool
	count  int64
	notes  []string // what a statement without rows says
}

func (e *jsonEncoder) contentType() string { return "application/json; charset=utf-8" }

func (e *jsonEncoder) begin() error {
	schema := e.schema
	if e.live {
		schema = append(stream.Schema{opField}, schema...)
	}
	e.buf = append(appendColumns(e.buf, schema), `,"rows":[`...)
	return nil
}

func (e *jsonEncoder) rows(b stream.Batch) error {
	for row := range int(b.NumRows()) {
		if e.count > 0 {
			e.buf = append(e.buf, ',')
		}
		e.count++
		e.buf = append(e.buf, "\n["...)
		if e.live {
			e.buf = append(render.AppendJSONString(e.buf, opOf(b, row)), ',')
		}
		for c, f := range e.schema {
			if c > 0 {
				e.buf = append(e.buf, ',')
			}
			e.buf = render.AppendJSON(e.buf, b.Column(c), row, f.Type)
		}
		e.buf = append(e.buf, ']')
		if err := e.pass(); err != nil {
			return err
		}
	}
	return nil
}

func (e *jsonEncoder) end(cause error) error {
	e.buf = append(e.buf, ']')
	for i, n := range e.notes {
		e.buf = append(e.buf, [...]string{`,"notes":[`, ","}[min(i, 1)]...)
		e.buf = render.AppendJSONString(e.buf, n)
	}
	if len(e.notes) > 0 {
		e.buf = append(e.buf, ']')
	}
	if cause != nil {
		member := appendError(nil, failureOf(cause))
		e.buf = append(append(e.buf, ','), member[1:len(member)-1]...)
	}
	e.buf = append(e.buf, "}\n"...)
	return nil
}

// appendColumns appends {"columns":[…] without the brace that closes it.
func appendColumns(dst []byte, schema stream.Schema) []byte {
	dst = append(dst, `{"columns":[`...)
	for i, f := range schema {
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

// objects writes rows as JSON objects. That of a row that leaves the result
// begins with "_op":"delete".
type objects struct {
	schema stream.Schema
	names  [][]byte // `"name":` of each column
}

func newObjects(schema stream.Schema) objects {
	names := make([][]byte, len(schema))
	for i, f := range schema {
		names[i] = append(jsonString(f.Name), ':')
	}
	return objects{schema, names}
}

func (o *objects) append(dst []byte, b stream.Batch, row int) []byte {
	dst = append(dst, '{')
	if b.Ops != nil && b.Ops[row] == stream.Delete {
		dst = append(dst, `"_op":"delete",`...)
	}
	for c, f := range o.schema {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, o.names[c]...)
		dst = render.AppendJSON(dst, b.Column(c), row, f.Type)
	}
	return append(dst, '}')
}

// ndjsonEncoder writes an object a line, and a last one with "error" if they are
// not all.
type ndjsonEncoder struct {
	*out
	objects
}

func (e *ndjsonEncoder) contentType() string { return "application/x-ndjson; charset=utf-8" }
func (e *ndjsonEncoder) begin() error        { return nil }

func (e *ndjsonEncoder) rows(b stream.Batch) error {
	for row := range int(b.NumRows()) {
		e.buf = append(e.append(e.buf, b, row), '\n')
		if err := e.pass(); err != nil {
			return err
		}
	}
	return nil
}

func (e *ndjsonEncoder) end(cause error) error {
	if cause != nil {
		e.buf = append(appendError(e.buf, failureOf(cause)), '\n')
	}
	return nil
}

// sseEncoder writes server-sent events (WHATWG HTML, 9.2): `schema` once, then a
// message for each row with the object of NDJSON, then `done` if the rows are
// all, or `error`. A row is small enough for every client's buffer, a batch may
// not be. The last row of a step has the step's commit as its id.
type sseEncoder struct {
	*out
	objects
	res Result
}

func (e *sseEncoder) contentType() string { return "text/event-stream" }

func (e *sseEncoder) begin() error {
	e.buf = append(e.buf, "event: schema\ndata: "...)
	e.buf = append(appendColumns(e.buf, e.schema), "}\n\n"...)
	return nil
}

func (e *sseEncoder) rows(b stream.Batch) error {
	var commit stream.Commit
	if p, ok := e.res.(Positioned); ok {
		commit = p.Commit()
	}
	last := int(b.NumRows()) - 1
	for row := range last + 1 {
		if row == last && commit > 0 {
			e.buf = append(e.buf, "id: "...)
			e.buf = append(strconv.AppendUint(e.buf, uint64(commit), 10), '\n')
		}
		e.buf = append(e.buf, "data: "...)
		e.buf = append(e.append(e.buf, b, row), "\n\n"...)
		if err := e.pass(); err != nil {
			return err
		}
	}
	return nil
}

func (e *sseEncoder) end(cause error) error {
	switch {
	case cause != nil:
		e.buf = append(e.buf, "event: error\ndata: "...)
		e.buf = append(appendError(e.buf, failureOf(cause)), "\n\n"...)
	case !e.res.Live():
		e.buf = append(e.buf, "event: done\ndata: {}\n\n"...)
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

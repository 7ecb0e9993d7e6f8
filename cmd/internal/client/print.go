package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/sql/types"
)

// Formats returns the names of the formats, the first for people.
func Formats() []string { return []string{"table", "ndjson", "csv", "tsv"} }

// batchRows is how many rows of a finite answer are written at once.
const batchRows = 1000

// cellMax is how much of a value a live table shows, cellMin how much room every
// value gets: later rows may be wider than the first.
const (
	cellMin = 8
	cellMax = 60
)

// opColumn is the member of a live row that says whether the row enters or leaves.
const opColumn = "_op"

// Printer writes answers.
type Printer struct {
	out    io.Writer
	format string
}

// NewPrinter returns a printer of one of Formats.
func NewPrinter(out io.Writer, format string) (*Printer, error) {
	if !slices.Contains(Formats(), format) {
		return nil, fmt.Errorf("unknown format %q; there are %s", format, strings.Join(Formats(), ", "))
	}
	return &Printer{out: out, format: format}, nil
}

// Print writes an answer to its end and returns how many rows it had. What came
// before an error, or before ctx was cancelled, is written.
func (p *Printer) Print(ctx context.Context, a *Answer) (rows int64, err error) {
	if a.live {
		return p.live(ctx, a)
	}
	if len(a.columns) == 0 {
		_, err := a.next(ctx)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return 0, err
	}
	return p.finite(ctx, a)
}

func (p *Printer) finite(ctx context.Context, a *Answer) (rows int64, err error) {
	g := p.grid(a.columns, false)
	for {
		r, err := a.next(ctx)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return rows, errors.Join(err, g.close())
		}
		rows++
		if err := g.add(r); err != nil {
			return rows, err
		}
		if g.rows() >= batchRows {
			if err := g.flush(); err != nil {
				return rows, err
			}
		}
	}
}

// live writes rows as they come: those that came together at once.
func (p *Printer) live(ctx context.Context, a *Answer) (rows int64, err error) {
	var g *grid
	var names []string
	defer func() {
		if g != nil {
			err = errors.Join(err, g.close())
		}
	}()
	for {
		line, err := a.line(ctx)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows++
		if p.format == "ndjson" {
			if _, err := p.out.Write(line); err != nil {
				return rows, writeError(err)
			}
			continue
		}
		found, values, err := members(line)
		if err != nil {
			return rows, err
		}
		found, values = withOp(names, found, values)
		if !slices.Equal(found, names) {
			if g != nil {
				if err := g.close(); err != nil {
					return rows, err
				}
			}
			names = found
			g = p.grid(guess(names, values), true)
		}
		if err := g.add(values); err != nil {
			return rows, err
		}
		if !a.waiting() || g.rows() >= batchRows {
			if err := g.flush(); err != nil {
				return rows, err
			}
		}
	}
}

// withOp gives a row that enters the column that a row which left has brought.
func withOp(names, found []string, values row) ([]string, row) {
	if len(names) == len(found)+1 && names[0] == opColumn && slices.Equal(names[1:], found) {
		return names, append(row{json.RawMessage(`"insert"`)}, values...)
	}
	return found, values
}

// guess finds out what the columns of a live answer are from its first row.
func guess(names []string, values row) []column {
	columns := make([]column, len(names))
	for i, n := range names {
		columns[i] = column{Name: n, Type: "VARCHAR"}
		if c := values[i][0]; c == '-' || '0' <= c && c <= '9' {
			columns[i].Type = "DOUBLE"
		}
	}
	return columns
}

// grid gathers rows for a format.
type grid struct {
	names  [][]byte // NDJSON: `"name":` of each column
	out    io.Writer
	buf    []byte // NDJSON
	held   int
	build  *array.RecordBuilder
	writer render.Writer
}

// grid returns what gathers rows of the columns. The values of an answer are text
// already; the types in the schema decide only where they stand.
func (p *Printer) grid(columns []column, live bool) *grid {
	g := &grid{out: p.out}
	if p.format == "ndjson" {
		for _, c := range columns {
			g.names = append(g.names, append(render.AppendJSONString(nil, c.Name), ':'))
		}
		return g
	}
	schema, text := make(stream.Schema, len(columns)), make(stream.Schema, len(columns))
	for i, c := range columns {
		text[i] = stream.Field{Name: c.Name, Type: types.VarcharType}
		schema[i] = text[i]
		if c.numeric() {
			schema[i].Type = types.DoubleType
		}
	}
	g.build = array.NewRecordBuilder(memory.DefaultAllocator, text.Arrow())
	switch p.format {
	case "csv":
		g.writer = render.NewCSV(p.out, schema, ',', "")
	case "tsv":
		g.writer = render.NewTSV(p.out, schema)
	default:
		opt := render.TableOptions{}
		if live {
			opt = render.TableOptions{CellMin: cellMin, CellMax: cellMax, Eager: true}
		}
		g.writer = render.NewTable(p.out, schema, opt)
	}
	return g
}

func (g *grid) rows() int { return g.held }

func (g *grid) add(r row) error {
	g.held++
	if g.build == nil {
		g.buf = append(g.buf, '{')
		for i, v := range r {
			if i > 0 {
				g.buf = append(g.buf, ',')
			}
			g.buf = append(append(g.buf, g.names[i]...), v...)
		}
		g.buf = append(g.buf, '}', '\n')
		return nil
	}
	for i, v := range r {
		b := g.build.Field(i).(*array.StringBuilder)
		text, null, err := textOf(v)
		switch {
		case err != nil:
			return err
		case null:
			b.AppendNull()
		default:
			b.Append(text)
		}
	}
	return nil
}

// textOf returns a JSON value as text: a string without its quotes, everything
// else as it is written.
func textOf(v json.RawMessage) (text string, null bool, err error) {
	switch {
	case bytes.Equal(v, []byte("null")):
		return "", true, nil
	case len(v) > 0 && v[0] == '"':
		if err := json.Unmarshal(v, &text); err != nil {
			return "", false, fmt.Errorf("a value is no JSON: %w", err)
		}
		return text, false, nil
	}
	return string(v), false, nil
}

// flush writes what was gathered.
func (g *grid) flush() error {
	if g.held == 0 {
		return nil
	}
	g.held = 0
	if g.build == nil {
		_, err := g.out.Write(g.buf)
		g.buf = g.buf[:0]
		return writeError(err)
	}
	rec := g.build.NewRecordBatch()
	defer rec.Release()
	return writeError(g.writer.Write(rec))
}

// close writes what was gathered and ends the table.
func (g *grid) close() error {
	err := g.flush()
	if g.build == nil {
		return err
	}
	g.build.Release()
	return errors.Join(err, writeError(g.writer.Close()))
}

func writeError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write result: %w", err)
}

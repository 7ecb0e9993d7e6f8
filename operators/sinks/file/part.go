package file

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/sinks"
	"weir/operators/stream"
	"weir/sql/types"
)

// part is a finished file: the commits of its first and of its last step.
type part struct{ from, to stream.Commit }

// name has zeros in front, so that names are in the order of the commits.
func (p part) name(f Format) string {
	return fmt.Sprintf("part-%012d-%012d%s", p.from, p.to, f.suffix())
}

func (f Format) suffix() string {
	if f == CSV {
		return ".csv"
	}
	return ".ndjson"
}

// parsePart reads the name of a part; ok is false for other files.
func parsePart(name string) (p part, ok bool) {
	rest, ok := strings.CutPrefix(name, "part-")
	if !ok {
		return p, false
	}
	rest, ndjson := strings.CutSuffix(rest, JSON.suffix())
	rest, csv := strings.CutSuffix(rest, CSV.suffix())
	from, to, found := strings.Cut(rest, "-")
	if !found || ndjson == csv {
		return p, false
	}
	a, err := strconv.ParseUint(from, 10, 64)
	b, err2 := strconv.ParseUint(to, 10, 64)
	p = part{stream.Commit(a), stream.Commit(b)}
	return p, err == nil && err2 == nil && a <= b
}

// parts returns the parts of the directory.
func (s *Sink) parts() ([]part, error) {
	d, err := s.cfg.Root.Open(s.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open directory of sink: %w", err)
	}
	defer func() { _ = d.Close() }() // it was only read
	var out []part
	for {
		names, err := d.Readdirnames(1024)
		for _, n := range names {
			if p, ok := parsePart(n); ok {
				out = append(out, p)
			}
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list directory of sink: %w", err)
		}
	}
}

// opColumn tells what became of a row, where all changes are written.
const opColumn = "_op"

func (s *Sink) schema() stream.Schema {
	if !s.cfg.Changes {
		return s.cfg.Schema
	}
	return append(stream.Schema{{Name: opColumn, Type: types.VarcharType}}, s.cfg.Schema...)
}

// record returns the rows as they are written, which the caller releases.
func (s *Sink) record(b stream.Batch) (arrow.RecordBatch, error) {
	if !s.cfg.Changes {
		for _, op := range b.Ops {
			if op == stream.Delete {
				return nil, sinks.Permanent(errors.New("a row left the view, and files in mode 'append' cannot say so: create the sink with mode = 'changes'"))
			}
		}
		b.Retain()
		return b.RecordBatch, nil
	}
	ops := array.NewStringBuilder(s.cfg.Alloc)
	defer ops.Release()
	for i := range int(b.NumRows()) {
		if b.Ops != nil && b.Ops[i] == stream.Delete {
			ops.Append("delete")
		} else {
			ops.Append("insert")
		}
	}
	first := ops.NewArray()
	defer first.Release()
	columns := append([]arrow.Array{first}, b.Columns()...)
	return array.NewRecordBatch(s.schema().Arrow(), columns, b.NumRows()), nil
}

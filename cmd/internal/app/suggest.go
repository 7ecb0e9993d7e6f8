package app

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"

	"weir/ingest/file"
	"weir/operators/stream"
	"weir/sql"
	"weir/sql/types"
)

// suggestStream is how a stream for the rows of a file could be declared, as a
// continuation of an error; "" if the file does not tell.
func suggestStream(name, path string) string {
	columns, err := columnsOf(path)
	if err != nil || len(columns) == 0 {
		return ""
	}
	return "\nThe file looks like this stream; make it, then put again:\n  " +
		"weir sql -e " + quoteArg(declaration(name, columns))
}

// declaration writes a CREATE STREAM for columns. The first of a type that is a
// time becomes the event time: it is a guess, which a person reads before it runs.
func declaration(name string, columns stream.Schema) string {
	parts := make([]string, 0, len(columns)+1)
	watermark := ""
	for _, c := range columns {
		n := sql.QuoteName(c.Name)
		parts = append(parts, n+" "+c.Type.String())
		if watermark == "" && c.Type.Kind == types.Datetime {
			watermark = "WATERMARK FOR " + n + " AS " + n + " - INTERVAL 5 SECOND"
		}
	}
	if watermark != "" {
		parts = append(parts, watermark)
	}
	return "CREATE STREAM " + sql.QuoteName(name) + " (" + strings.Join(parts, ", ") + ")"
}

// columnsOf looks into a file, plain or compressed, for its columns.
func columnsOf(path string) (columns stream.Schema, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in, path, err := unpacked(f, path)
	if err != nil {
		return nil, err
	}
	format := "" // guessed
	if strings.HasSuffix(strings.ToLower(path), ".csv") {
		format = file.CSV
	}
	columns, _, _, _, err = file.InferReader(in, format)
	return columns, err
}

// unpacked returns what a compressed file has in it, and the name of that.
func unpacked(f *os.File, path string) (io.Reader, string, error) {
	switch {
	case strings.HasSuffix(path, ".gz"):
		in, err := gzip.NewReader(f)
		return in, strings.TrimSuffix(path, ".gz"), err
	case strings.HasSuffix(path, ".zst"):
		in, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		return in, strings.TrimSuffix(path, ".zst"), err
	}
	return f, path, nil
}

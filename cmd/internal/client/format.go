package client

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// Format is what rows are written in.
type Format string

// The formats. Auto is CSV if the name says so, else JSON: an array if the input
// begins with a bracket, else lines.
const (
	Auto  Format = "auto"
	Lines Format = "ndjson"
	Table Format = "csv"
	Array Format = "json"
)

// PutFormats are the names of the formats.
func PutFormats() []string {
	return []string{string(Auto), string(Lines), string(Table), string(Array)}
}

// formatOf returns the format that is meant, as far as the name tells.
func formatOf(f Format, name string) (Format, error) {
	switch f {
	case Lines, Table, Array:
		return f, nil
	case "", Auto:
	default:
		return f, fmt.Errorf("--format %s: there are %s", f, strings.Join(PutFormats(), ", "))
	}
	name = strings.ToLower(name)
	for _, packed := range []string{".gz", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, packed)
	}
	switch {
	case strings.HasSuffix(name, ".csv"):
		return Table, nil
	case strings.HasSuffix(name, ".tsv"):
		return f, fmt.Errorf("tables are sent as CSV, with commas between fields")
	}
	return Auto, nil
}

// contentType is how a body of rows is announced.
func (f Format) contentType() string {
	switch f {
	case Table:
		return "text/csv"
	case Array:
		return "application/json"
	}
	return "application/x-ndjson"
}

// meter counts what is read of an input.
type meter struct {
	in     io.Reader
	n      atomic.Int64
	packed atomic.Bool // the input is compressed
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.in.Read(b)
	m.n.Add(int64(n))
	return n, err
}

// windowMax is the largest window of zstd that is unpacked, in bytes.
const windowMax = 128 << 20

// unpack returns what reads an input that may be compressed with gzip or zstd:
// its first bytes tell, whatever it is called. No text begins like that. It blocks
// until there is a byte.
func (m *meter) unpack() (r io.Reader, done func(), err error) {
	const gzipMagic, zstdMagic = "\x1f\x8b", "\x28\xb5\x2f\xfd"
	b := bufio.NewReaderSize(m, 64<<10)
	begins := func(magic string) bool {
		for n := range len(magic) { // a byte at a time: there may be no more for a while
			if head, _ := b.Peek(n + 1); string(head) != magic[:n+1] {
				return false
			}
		}
		m.packed.Store(true)
		return true
	}
	switch {
	case begins(gzipMagic):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, nil, fmt.Errorf("unpack gzip: %w", err)
		}
		return z, func() {}, nil
	case begins(zstdMagic):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(windowMax))
		if err != nil {
			return nil, nil, fmt.Errorf("unpack zstd: %w", err)
		}
		return z, z.Close, nil
	}
	return b, func() {}, nil
}

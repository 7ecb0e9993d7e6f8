package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// coding is how a body is compressed.
type coding uint8

const (
	plainCoding coding = iota
	gzipCoding
	zstdCoding
)

// zstdWindowMax is the largest window that a decoder must have memory for: what
// RFC 8878 asks of every decoder. Only `zstd --long` and `--ultra` want more.
const zstdWindowMax = 8 << 20

func (c coding) String() string {
	switch c {
	case gzipCoding:
		return "gzip"
	case zstdCoding:
		return "zstd"
	}
	return "identity"
}

// contentEncoding reads the header, which may name one coding.
func contentEncoding(values []string) (coding, error) {
	value := strings.Join(values, ", ")
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "identity":
		return plainCoding, nil
	case "gzip", "x-gzip":
		return gzipCoding, nil
	case "zstd":
		return zstdCoding, nil
	}
	return plainCoding, &failure{status: http.StatusUnsupportedMediaType, Code: "UNSUPPORTED_ENCODING",
		Message: "bodies cannot be compressed with " + value, Hint: "send the body as it is, or compressed once with gzip or zstd"}
}

// inflators are the decompressors of a worker. They are made when they are
// first used; with them memory for windows is bounded by the number of workers,
// whatever clients send.
type inflators struct {
	in   bytes.Reader
	gzip *gzip.Reader
	zstd *zstd.Decoder
}

// open returns body, decompressed.
func (i *inflators) open(c coding, body []byte) (io.Reader, error) {
	i.in.Reset(body)
	switch {
	case c == gzipCoding && i.gzip == nil:
		r, err := gzip.NewReader(&i.in)
		if err != nil {
			return nil, err
		}
		i.gzip = r
		return r, nil
	case c == gzipCoding:
		return i.gzip, i.gzip.Reset(&i.in)
	}
	if i.zstd == nil {
		// One at a time starts no goroutines.
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err != nil {
			return nil, fmt.Errorf("make a zstd decoder: %w", err)
		}
		i.zstd = d
	}
	return i.zstd, i.zstd.Reset(&i.in)
}

// inflate returns the body decompressed. The memory grows with what comes out,
// within the budget, and ends at the limit of bodies: a small body that claims
// to be, or is, a huge one costs no more than a large one that was not compressed.
func (h *Handler) inflate(w *worker, c coding, body []byte, held *int64) ([]byte, error) {
	if c == plainCoding || len(body) == 0 {
		return body, nil
	}
	defer w.inflators.in.Reset(nil) // the body must not outlive its request
	in, err := w.inflators.open(c, body)
	if err != nil {
		return nil, badCoding(c, err)
	}
	limit := h.cfg.MaxBody
	var out []byte
	for size := min(max(firstRead, 4*int64(len(body))), limit+1); ; size = min(4*size, limit+1) {
		more := size - int64(len(out))
		if !h.inFlight.take(more) {
			return nil, errBusy
		}
		*held += more
		grown := make([]byte, size)
		n, err := fill(in, grown, copy(grown, out))
		out = grown[:n]
		switch {
		case int64(n) > limit:
			return nil, tooLargeInflated(limit)
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, badCoding(c, err)
		}
	}
}

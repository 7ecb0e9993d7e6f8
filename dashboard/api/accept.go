package api

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"weir/sql/diag"
)

// format is how a result is written.
type format uint8

const (
	formatAuto format = iota // JSON for an answer that ends, NDJSON for a live one
	formatJSON
	formatNDJSON
	formatCSV
	formatSSE
	formatArrow
)

// offered are the formats by media type. Where a client likes several the same,
// and says so with one range, the first counts.
var offered = []struct {
	format format
	media  string
}{
	{formatJSON, "application/json"},
	{formatNDJSON, "application/x-ndjson"},
	{formatNDJSON, "application/ndjson"},
	{formatNDJSON, "application/jsonl"},
	{formatCSV, "text/csv"},
	{formatSSE, "text/event-stream"},
	{formatArrow, "application/vnd.apache.arrow.stream"},
}

// mediaRange is a member of an Accept header.
type mediaRange struct {
	media string
	q     float64
}

// specificity is 3 for the type itself, 2 for its family, 1 for everything, and 0
// where the range does not have the type in it.
func (r mediaRange) specificity(media string) int {
	family, _, _ := strings.Cut(media, "/")
	switch r.media {
	case media:
		return 3
	case family + "/*":
		return 2
	case "*/*":
		return 1
	}
	return 0
}

// negotiate chooses the format that the Accept header likes best (RFC 9110,
// 12.5.1). Of equals the one that is named first counts.
func negotiate(header http.Header) (format, error) {
	value := strings.Join(header.Values("Accept"), ",")
	ranges := accepted(value)
	if strings.TrimSpace(value) == "" {
		return formatAuto, nil
	}
	chosen, bestQ, bestAt := formatAuto, 0.0, 0
	for _, o := range offered {
		at, q := place(ranges, o.media)
		if at < 0 || q == 0 || q < bestQ || q == bestQ && at >= bestAt {
			continue
		}
		chosen, bestQ, bestAt = o.format, q, at
		if ranges[at].media == "*/*" {
			chosen = formatAuto
		}
	}
	if bestQ == 0 {
		return formatAuto, notAcceptable(value)
	}
	return chosen, nil
}

// place returns which of the ranges speaks for a media type, the most specific
// one, and what it says; -1 if none does.
func place(ranges []mediaRange, media string) (at int, q float64) {
	at, best := -1, 0
	for i, r := range ranges {
		if s := r.specificity(media); s > best {
			at, best, q = i, s, r.q
		}
	}
	return at, q
}

// accepted reads the members of an Accept header that can be read.
func accepted(value string) []mediaRange {
	var ranges []mediaRange
	for _, member := range strings.Split(value, ",") {
		media, params, err := mime.ParseMediaType(member)
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		ranges = append(ranges, mediaRange{media, q})
	}
	return ranges
}

func notAcceptable(value string) *diag.Error {
	media := make([]string, 0, len(offered))
	for i, o := range offered {
		if i == 0 || o.format != offered[i-1].format {
			media = append(media, o.media)
		}
	}
	return httpError(CodeNotAcceptable, "no answer can be given as %s", quote(value)).
		WithHint("accept one of %s", strings.Join(media, ", "))
}

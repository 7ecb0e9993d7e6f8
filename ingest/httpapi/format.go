package httpapi

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/sql/diag"
)

const (
	// headerBytesMax is the longest CSV header: a thousand columns with long names.
	headerBytesMax = 256 << 10
	// partitionKeyMax is the longest ?partition_key=.
	partitionKeyMax = 256
)

// reading is how a request says that its body is to be read.
type reading struct {
	csv          bool
	coding       coding
	partitionKey string // of all rows; "": the declared column decides
}

// readAs reads what the header and the query say of the body.
func readAs(r *http.Request) (how reading, err error) {
	if how.csv, err = contentType(r.Header.Get("Content-Type")); err != nil {
		return how, err
	}
	if how.coding, err = contentEncoding(r.Header.Values("Content-Encoding")); err != nil {
		return how, err
	}
	how.partitionKey, err = partitionKey(r.URL.RawQuery)
	return how, err
}

// contentType tells whether a body of that type is CSV; else it is JSON.
func contentType(value string) (csv bool, err error) {
	if value == "" {
		return false, nil
	}
	kind, params, err := mime.ParseMediaType(value)
	if err == nil {
		switch kind {
		case "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl",
			"text/plain", "application/x-www-form-urlencoded": // the last is what curl -d says
			return false, nil
		case "text/csv", "application/csv":
			return true, csvParams(params)
		}
	}
	return false, &failure{status: http.StatusUnsupportedMediaType, Code: "UNSUPPORTED_TYPE",
		Message: "records cannot be read as " + value,
		Hint: "send NDJSON or a JSON array as application/x-ndjson, application/json, application/jsonl, text/plain, or without a Content-Type; " +
			"send CSV as text/csv"}
}

// csvParams refuses CSV that says that it is written in another way than weir
// reads it (RFC 4180, section 3).
func csvParams(params map[string]string) error {
	charset := strings.ToLower(params["charset"])
	if charset != "" && charset != "utf-8" && charset != "us-ascii" {
		return &failure{status: http.StatusUnsupportedMediaType, Code: "UNSUPPORTED_TYPE",
			Message: "CSV cannot be read in the character set " + params["charset"], Hint: "send it in UTF-8"}
	}
	if strings.EqualFold(params["header"], "absent") {
		return &failure{status: http.StatusUnsupportedMediaType, Code: "UNSUPPORTED_TYPE",
			Message: "CSV cannot be read without a header", Hint: "begin the body with a line of column names"}
	}
	return nil
}

// partitionKey reads the query, which may say nothing else.
func partitionKey(query string) (string, error) {
	bad := func(format string, args ...any) error {
		return &failure{status: http.StatusBadRequest, Code: "BAD_PARAMETER", Message: fmt.Sprintf(format, args...),
			Hint: "write ?partition_key=… to send all rows to that key's shard"}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", bad("the query of the URL cannot be read: %s", err)
	}
	const name = "partition_key"
	unknown := make([]string, 0, 1)
	for k := range values {
		if k != name {
			unknown = append(unknown, k)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		message := fmt.Sprintf("there is no parameter `%.60s`", unknown[0])
		if diag.Suggest(unknown[0], []string{name}) != "" {
			message += "; did you mean `partition_key`?"
		}
		return "", bad("%s", message)
	}
	switch keys := values[name]; {
	case len(keys) == 0:
		return "", nil
	case len(keys) > 1:
		return "", bad("partition_key is there %d times", len(keys))
	case keys[0] == "":
		return "", bad("partition_key is empty")
	case len(keys[0]) > partitionKeyMax:
		return "", bad("a partition_key has at most %d bytes", partitionKeyMax)
	default:
		return keys[0], nil
	}
}

// mark makes of a body's hash that of the request: the same body for another
// partition key, or read in another way, is another request.
func (how reading) mark(body [32]byte) [32]byte {
	if !how.csv && how.partitionKey == "" {
		return body
	}
	kind := byte('j')
	if how.csv {
		kind = 'c'
	}
	return sha256.Sum256(append(append(body[:], kind), how.partitionKey...))
}

// part is the part of a body that holds the rows, and how the log keeps them.
type part struct {
	data     []byte // spans count from its beginning
	encoding wal.Encoding
	header   []byte // stands before the rows of each shard
	lineEnd  string // ends a row of CSV, stands between those of JSON
}

// decode finds the rows of a body.
func (w *worker) decode(s Stream, how reading, body []byte, maxRow int) (decode.Result, part, error) {
	if how.csv {
		return w.decodeCSV(s, body, maxRow)
	}
	d, err := w.decoder(s, maxRow)
	if err != nil {
		return decode.Result{}, part{}, err
	}
	read := d.Lines
	if isArray(body) {
		read = d.Array
	}
	res, err := read(body)
	return res, part{data: body, encoding: wal.JSON, lineEnd: "\n"}, err
}

// isArray tells what a body is by its first byte that is not blank.
func isArray(body []byte) bool {
	rest := bytes.TrimLeft(body, " \t\r\n")
	return len(rest) > 0 && rest[0] == '['
}

// decodeCSV finds the rows behind the header.
func (w *worker) decodeCSV(s Stream, body []byte, maxRow int) (decode.Result, part, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	body = bytes.TrimLeft(body, "\r\n")
	if len(body) == 0 {
		return decode.Result{}, part{}, emptyTable
	}
	names, next, err := decode.CSVHeader(body, ',', headerBytesMax)
	if err != nil {
		return decode.Result{}, part{}, badHeader(err.Error(), "begin the body with a line of column names")
	}
	// A row goes to the log as it came. The line end does not: "\r\n" behind each
	// is read back as the row, whatever the row ends with.
	header := bytes.TrimSuffix(bytes.TrimSuffix(body[:next], []byte("\n")), []byte("\r"))
	header = append(header[:len(header):len(header)], "\r\n"...)
	d, err := w.csvDecoder(s, string(header), names, maxRow)
	if err != nil {
		return decode.Result{}, part{}, err
	}
	if !d.Known() {
		return decode.Result{}, part{}, badHeader(fmt.Sprintf("the header names no column of `%s`", s.Name),
			"begin the body with a line of column names, with commas between them: "+columnList(s.Columns))
	}
	p := part{data: body[next:], encoding: wal.CSV, header: header, lineEnd: "\r\n"}
	res, err := d.Records(p.data)
	return res, p, err
}

// columnList lists the first few columns.
func columnList(columns []decode.Column) string {
	names := make([]string, 0, 8)
	for i, c := range columns {
		if i == 7 {
			names = append(names, "…")
			break
		}
		names = append(names, c.Name)
	}
	return strings.Join(names, ",")
}

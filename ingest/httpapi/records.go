package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"mime"
	"net/http"
	"strings"

	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
)

const (
	// errorsMax is how many bad rows an answer lists; it counts all.
	errorsMax = 100
	// keyBytesMax is the longest Idempotency-Key.
	keyBytesMax = 256
)

// records appends the good rows of a body.
func (h *Handler) records(w http.ResponseWriter, r *http.Request, s Stream) error {
	if err := acceptable(r.Header); err != nil {
		return err
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > keyBytesMax {
		return badKey
	}
	body, held, err := h.read(w, r)
	defer func() { h.inFlight.give(held) }()
	if err != nil {
		return err
	}
	h.bytes.Add(int64(len(body)))

	rows, err := h.sort(r.Context(), s, body)
	if err != nil {
		return err
	}
	h.rejected.Add(int64(rows.rejected))
	if rows.accepted == 0 {
		a := rows.answer()
		if rows.rejected == 0 {
			a.Error = emptyBody
		}
		writeJSON(w, http.StatusBadRequest, a)
		return nil
	}
	req := wal.Request{Blocks: rows.blocks}
	if key != "" {
		// A stream's number never comes back, its name may.
		req.Key = scoped(s.ID, key)
		req.KeyHash = sha256.Sum256(body)
		req.KeyInfo = rows.counts()
	}
	ack, err := h.cfg.Log.Append(r.Context(), req)
	if err != nil {
		return err
	}
	if ack.Repeated {
		h.repeats.Add(1)
		rows.restore(ack.KeyInfo)
	} else {
		h.accepted.Add(int64(rows.accepted))
	}
	a := rows.answer()
	a.Commit = ack.Commit
	writeJSON(w, http.StatusOK, a)
	return nil
}

// acceptable refuses bodies that say that they are something else than JSON.
func acceptable(header http.Header) error {
	if e := header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return &failure{status: http.StatusUnsupportedMediaType, Code: "UNSUPPORTED_ENCODING",
			Message: "bodies cannot be compressed with " + e, Hint: "send the body as it is"}
	}
	value := header.Get("Content-Type")
	if value == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(value)
	if err == nil {
		switch kind {
		case "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl",
			"text/plain", "application/x-www-form-urlencoded": // the last is what curl -d says
			return nil
		}
	}
	return &failure{status: http.StatusUnsupportedMediaType, Code: "UNSUPPORTED_TYPE",
		Message: "records cannot be read as " + value,
		Hint:    "send NDJSON or a JSON array as application/x-ndjson, application/json, application/jsonl, text/plain, or without a Content-Type"}
}

// sort decodes a body and deals its good rows to the shards.
func (h *Handler) sort(ctx context.Context, s Stream, body []byte) (*rows, error) {
	worker, err := h.worker(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { h.workers <- worker }()
	d, err := worker.decoder(s, h.cfg.MaxRow)
	if err != nil {
		return nil, err
	}
	read := d.Lines
	if isArray(body) {
		read = d.Array
	}
	res, err := read(body)
	if err != nil {
		return nil, err
	}
	defer res.Batch.Release()
	out := &rows{accepted: len(res.Spans), rejected: res.ErrorCount, errors: listed(res.Errors)}
	if out.accepted > 0 {
		out.blocks = h.blocks(s, body, res)
	}
	return out, nil
}

// isArray tells what a body is by its first byte that is not blank.
func isArray(body []byte) bool {
	rest := bytes.TrimLeft(body, " \t\r\n")
	return len(rest) > 0 && rest[0] == '['
}

// rows is what became of the rows of a body.
type rows struct {
	accepted, rejected int
	errors             []rowError
	blocks             []wal.Block
}

// rowError is a bad row in an answer.
type rowError struct {
	Row     int    `json:"row"` // from 1
	Code    string `json:"code"`
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
}

func listed(bad []decode.RowError) []rowError {
	list := make([]rowError, 0, min(len(bad), errorsMax))
	for _, e := range bad[:min(len(bad), errorsMax)] {
		list = append(list, rowError{Row: e.Row, Code: e.Code, Column: e.Column, Message: e.Message})
	}
	return list
}

// answer is the body of 200, and of 400 where no row was accepted.
type answer struct {
	Accepted int           `json:"accepted"`
	Rejected int           `json:"rejected"`
	Commit   stream.Commit `json:"commit"` // 0 where nothing was appended
	Errors   []rowError    `json:"errors"`
	Error    *failure      `json:"error,omitempty"`
}

func (r *rows) answer() answer {
	return answer{Accepted: r.accepted, Rejected: r.rejected, Errors: r.errors}
}

// counts packs what an answer counts, to be kept beside the key.
func (r *rows) counts() uint64 { return uint64(r.accepted)<<32 | uint64(uint32(r.rejected)) }

// restore takes the counts of the first answer: the declaration of the stream
// may have changed since, and with it what is a good row.
func (r *rows) restore(counts uint64) {
	r.accepted, r.rejected = int(counts>>32), int(uint32(counts))
}

package httpapi

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/diag"
)

const (
	// errorsMax is how many bad rows an answer lists; it counts all.
	errorsMax = 100
	// keyBytesMax is the longest Idempotency-Key.
	keyBytesMax = 256
)

// records appends the good rows of a body.
func (h *Handler) records(w http.ResponseWriter, r *http.Request, s Stream) error {
	if s.NoRows != "" {
		return &failure{status: http.StatusConflict, Code: "NO_RECORDS", Message: s.NoRows, Hint: s.Instead}
	}
	how, err := readAs(r)
	if err != nil {
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
	shards, release := s.Shards.Hold() // until the rows are in the log
	defer release()
	rows, err := h.sort(r.Context(), s, shards, how, body, &held)
	if err != nil {
		return err
	}
	h.bytes.Add(int64(len(rows.body)))
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
		req.KeyHash = how.mark(sha256.Sum256(rows.body))
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

// sort decodes a body and deals its good rows to the shards. What it takes of
// the budget it adds to held.
func (h *Handler) sort(ctx context.Context, s Stream, m *ingest.ShardMap, how reading, body []byte, held *int64) (*rows, error) {
	worker, err := h.worker(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { h.workers <- worker }()
	if body, err = h.inflate(worker, how.coding, body, held); err != nil {
		return nil, err
	}
	res, p, err := worker.decode(s, how, body, h.cfg.MaxRow)
	if err != nil {
		return nil, err
	}
	defer res.Batch.Release()
	out := &rows{
		body:     body,
		accepted: len(res.Spans), rejected: res.ErrorCount, errors: listed(res.Errors), unknown: strangers(s, res.Unknown),
	}
	if out.accepted > 0 {
		out.blocks, err = h.blocks(s, p, h.route(s, m, how, res), res.Spans)
	}
	return out, err
}

// rows is what became of the rows of a body.
type rows struct {
	body               []byte // decompressed
	accepted, rejected int
	errors             []rowError
	unknown            []unknownMember
	blocks             []wal.Block
}

// rowError is a bad row in an answer.
type rowError struct {
	Row     int    `json:"row"` // from 1
	Code    string `json:"code"`
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
}

// unknownMember is a member, or a field of CSV, that is in the log and that
// nobody reads: it may be misspelt.
type unknownMember struct {
	Name string `json:"name"`
	Rows int    `json:"rows"` // accepted ones that have it
	Hint string `json:"hint,omitempty"`
}

// nameBytesMax is how much of an unknown name an answer shows.
const nameBytesMax = 100

// strangers lists unknown members by name.
func strangers(s Stream, counts map[string]int) []unknownMember {
	var out []unknownMember
	var names []string
	for name, n := range counts {
		if names == nil {
			for i, c := range s.Columns {
				if !slices.Contains(s.Generated, i) {
					names = append(names, c.Name)
				}
			}
		}
		m := unknownMember{Name: name, Rows: n}
		if near := diag.Suggest(name, names); near != "" {
			m.Hint = "did you mean `" + near + "`?"
		}
		if len(name) > nameBytesMax {
			m.Name = strings.ToValidUTF8(name[:nameBytesMax], "") + "…"
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b unknownMember) int { return strings.Compare(a.Name, b.Name) })
	return out
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
	// Unknown are members of accepted rows that no column is called after.
	Unknown []unknownMember `json:"unknown,omitempty"`
	Error   *failure        `json:"error,omitempty"`
}

func (r *rows) answer() answer {
	return answer{Accepted: r.accepted, Rejected: r.rejected, Errors: r.errors, Unknown: r.unknown}
}

// counts packs what an answer counts, to be kept beside the key.
func (r *rows) counts() uint64 { return uint64(r.accepted)<<32 | uint64(uint32(r.rejected)) }

// restore takes the counts of the first answer: the declaration of the stream
// may have changed since, and with it what is a good row.
func (r *rows) restore(counts uint64) {
	r.accepted, r.rejected = int(counts>>32), int(uint32(counts))
}

package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"weir/sql/diag"
)

// LostRows is what a Catalog implements beside, if it can show the rows behind
// the numbers of a ledger.
type LostRows interface {
	// LostRows returns the newest rows of a query that were late, or those that
	// were errors; found is false if no such query runs.
	LostRows(ctx context.Context, query string, late bool) (rows []LostRow, found bool, err error)
}

// LostRow is a row that a query counted as late or as an error.
type LostRow struct {
	Why       string          `json:"why"`    // a sentence
	Reason    string          `json:"reason"` // of an error: `_reason` of view$errors; "" of late ones
	Shard     int             `json:"shard"`
	Seq       int64           `json:"seq"`
	Sub       int64           `json:"sub"` // which row of its record it is, from 0
	Arrival   *time.Time      `json:"arrival"`
	Event     *time.Time      `json:"event_time"`
	Watermark *time.Time      `json:"watermark"`           // of its shard before it; null of errors
	BehindMS  float64         `json:"behind_ms"`           // from the end of its last window to the watermark
	Row       json.RawMessage `json:"row"`                 // as the producer sent it; null where it cannot be read any more
	RowBytes  int             `json:"row_bytes,omitempty"` // of a row that is too long to be shown: how long it is; Row is a text that begins so
}

// The kinds of rows that a ledger's numbers open.
const (
	kindLate  = "late"
	kindError = "error"
)

// lostRows answers GET /v1/queries/{name}/rows?kind=late|error.
func lostRows(c LostRows) http.Handler {
	return Methods(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := r.URL.Query().Get("kind")
		if kind != kindLate && kind != kindError {
			WriteError(w, httpError(diag.BadOption, "kind is %q", kind).WithHint("it takes late or error"))
			return
		}
		rows, found, err := c.LostRows(r.Context(), r.PathValue("name"), kind == kindLate)
		if err != nil {
			WriteError(w, err)
			return
		}
		if !found {
			WriteError(w, httpError(CodeNotFound, "no query `%s` runs", r.PathValue("name")).WithHint("GET /v1/queries lists them"))
			return
		}
		writeValue(w, map[string]any{"rows": list(rows)})
	}), http.MethodGet, http.MethodHead)
}

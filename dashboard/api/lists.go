package api

import (
	"encoding/json"
	"net/http"
	"time"
)

// Catalog tells what there is, for the routes that list it.
type Catalog interface {
	// Streams returns the streams, by name.
	Streams() []StreamInfo
	// Stream returns one stream.
	Stream(name string) (StreamDetail, bool)
	// Views returns the views, by name.
	Views() []ViewInfo
	// Queries returns the queries that run, by name.
	Queries() []QueryInfo
	// Sinks returns the sinks, by name.
	Sinks() []SinkInfo
}

// StreamInfo is a stream in a list.
type StreamInfo struct {
	Name         string `json:"name"`
	Source       string `json:"source"`           // "log", or "file"
	Format       string `json:"format,omitempty"` // "json", "csv", or "raw": a partition key and bytes
	Shards       int    `json:"shards"`
	PartitionKey string `json:"partition_key,omitempty"`
	Records      int64  `json:"records"` // in the log, ever
	// Retention is how long records are kept, such as "24h0m0s", or "forever";
	// absent where the log keeps none. Oldest is when the oldest of them arrived,
	// exact to a segment of the log; null: there is none. Bytes is what they take.
	Retention string     `json:"retention,omitempty"`
	Oldest    *time.Time `json:"oldest"`
	Bytes     int64      `json:"bytes"`
	Rate      float64    `json:"rate"` // records a second, over the last ten
}

// StreamDetail is a stream with its columns.
type StreamDetail struct {
	StreamInfo
	Columns         []ColumnInfo `json:"columns"`
	Watermark       string       `json:"watermark"` // the expression
	IdleTimeout     string       `json:"idle_timeout,omitempty"`
	RecordsPerShard []int64      `json:"records_per_shard,omitempty"`
	Readers         []string     `json:"readers"` // the materialized views that read it
	SQL             string       `json:"sql"`     // that makes it
}

// ColumnInfo is a column.
type ColumnInfo struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// ViewInfo is a view in a list. What only a materialized view has is null in others.
type ViewInfo struct {
	Name         string     `json:"name"`
	Materialized bool       `json:"materialized"`
	Rows         *int64     `json:"rows"`
	Watermark    *time.Time `json:"watermark"`
	Columns      []string   `json:"columns"`
	SQL          string     `json:"sql"`
}

// QueryInfo is a query in a list.
type QueryInfo struct {
	Name      string     `json:"name"` // of its view; of a client's query one that it got
	Kind      string     `json:"kind"` // "view", "insert"; "live" while somebody looks at it; "statement" that runs over HTTP
	SQL       string     `json:"sql"`  // the statement
	State     string     `json:"state"`
	Reads     string     `json:"reads"`      // the stream, or the view
	Rate      float64    `json:"rate"`       // rows read a second, over the last ten
	RateOut   float64    `json:"rate_out"`   // rows that entered or left the result a second, over the last ten
	Commit    int64      `json:"commit"`     // read up to here
	CommitLag int64      `json:"commit_lag"` // commits of the log behind that
	Watermark *time.Time `json:"watermark"`  // null: there is none yet, or the stream has ended
	Ended     bool       `json:"ended"`      // the stream has ended
	// WaitingFor says in words what its windows wait for; "": for nothing.
	WaitingFor string `json:"waiting_for"`
	// Ledger is null where no query runs: one that must see a whole view is run
	// again at each change.
	Ledger *LedgerInfo `json:"ledger"`
	// Of a client's query: what KILL ends it by, who the client is, since when it runs,
	// and the rows that the client got.
	ID     uint32     `json:"id,omitempty"`
	Client string     `json:"client,omitempty"`
	Since  *time.Time `json:"since,omitempty"`
	Rows   int64      `json:"rows,omitempty"`
	// Of the query of INSERT INTO … SELECT: the stream that it writes to, the rows
	// that it took and those that it did not, and why the last of these.
	Into        string `json:"into,omitempty"`
	Written     int64  `json:"written,omitempty"`
	Refused     int64  `json:"refused,omitempty"`
	LastRefused string `json:"last_refused,omitempty"`
}

// LedgerInfo is what became of the rows that a query read: In is the sum of the
// four that follow.
type LedgerInfo struct {
	In         int64 `json:"in"`
	Used       int64 `json:"used"`
	Filtered   int64 `json:"filtered"`
	Late       int64 `json:"late"`
	Error      int64 `json:"error"`
	PartlyLate int64 `json:"partly_late"`
	Nulled     int64 `json:"nulled"`
}

// SinkInfo is a sink in a list. It holds no secret.
type SinkInfo struct {
	Name      string     `json:"name"`
	Connector string     `json:"connector"`
	View      string     `json:"view"`
	Guarantee string     `json:"guarantee"` // "exactly once", "idempotent"
	Target    string     `json:"target"`    // where it writes
	State     string     `json:"state"`     // "starting", "running", "retrying", "stopped"
	Since     *time.Time `json:"since"`     // of the last two
	Rate      float64    `json:"rate"`      // rows a second
	Rows      int64      `json:"rows"`      // taken by the destination since the server began
	Batches   int64      `json:"batches"`
	Refused   int64      `json:"refused"` // rows that the destination did not take
	Stayed    int64      `json:"stayed"`  // rows that left the view and stay at the destination
	Retries   int64      `json:"retries"`
	Commit    int64      `json:"commit"`     // everything up to here is there
	CommitLag int64      `json:"commit_lag"` // commits of its view behind that
	LagMS     int64      `json:"lag_ms"`     // the same as time
	Error     string     `json:"error"`      // the last one; "" if there was none
	SQL       string     `json:"sql"`
}

// Lists mounts GET /v1/streams, /v1/streams/{name}, /v1/views, /v1/sinks,
// /v1/queries and, if c can show them, /v1/queries/{name}/rows.
// Each list is an object with one member, so that others can come to it.
func Lists(mux *http.ServeMux, c Catalog) {
	get := func(pattern string, value func(r *http.Request) (any, bool)) {
		mux.Handle(pattern, Methods(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v, ok := value(r)
			if !ok {
				WriteError(w, httpError(CodeNotFound, "there is no stream `%s`", r.PathValue("name")).WithHint("GET /v1/streams lists them"))
				return
			}
			writeValue(w, v)
		}), http.MethodGet, http.MethodHead))
	}
	get("/v1/streams", func(*http.Request) (any, bool) { return map[string]any{"streams": list(c.Streams())}, true })
	get("/v1/streams/{name}", func(r *http.Request) (any, bool) { return c.Stream(r.PathValue("name")) })
	get("/v1/views", func(*http.Request) (any, bool) { return map[string]any{"views": list(c.Views())}, true })
	get("/v1/sinks", func(*http.Request) (any, bool) { return map[string]any{"sinks": list(c.Sinks())}, true })
	if rows, ok := c.(LostRows); ok {
		mux.Handle("/v1/queries/{name}/rows", lostRows(rows))
	}
	get("/v1/queries", func(*http.Request) (any, bool) { return map[string]any{"queries": list(c.Queries())}, true })
}

// list makes an empty list where there is none: JSON's null is no list.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

func writeValue(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		WriteError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n')) // the client may be gone
}

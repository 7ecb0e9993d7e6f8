package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"weir/dashboard/api"
	"weir/dashboard/hub"
)

// Config is what the dashboard needs. Engine and Source are required.
type Config struct {
	Engine api.Engine
	Source hub.Source
	Page   Page
	// Status counts what the header shows; nil: it shows no counts. It is called
	// about every two seconds for each page that is open.
	Status func() Status
	// Catalog is what /v1/streams, /v1/views and /v1/queries list; nil: they are
	// not there.
	Catalog api.Catalog
	// Guard says who is let in.
	Guard  api.GuardConfig
	Logger *slog.Logger // nil: nothing is logged
}

// Page is what the page shows when it opens.
type Page struct {
	Panels  []Panel `json:"panels"`  // without any, the page shows the first steps
	Example string  `json:"example"` // stands in the SQL box
}

// Panel is one chart at the start.
type Panel struct {
	Title string `json:"title"`
	SQL   string `json:"sql"`             // a SELECT
	Start string `json:"start,omitempty"` // where it begins, as in hub.Request; "" is the default
	// Figure is how it is drawn first: line, bars, number or table; "": as fits it.
	Figure string `json:"figure,omitempty"`
	// Plan names a materialized view whose plan is shown; there is no SQL then.
	Plan string `json:"plan,omitempty"`
}

// Status is what the header tells about the server.
type Status struct {
	Streams int   `json:"streams"`
	Rows    int64 `json:"rows"` // accepted since the start of the process
}

// Handler serves the page, the REST side and the websocket.
type Handler struct {
	guard *api.Guard
	api   *api.API
	hub   *hub.Hub
	root  http.Handler
}

// New returns the dashboard. Whoever gets it calls Close.
func New(cfg Config) (*Handler, error) {
	rest, err := api.New(api.Config{Engine: cfg.Engine, Logger: cfg.Logger})
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	guard := api.NewGuard(cfg.Guard)
	sockets, err := hub.New(hub.Config{Source: cfg.Source, Logger: cfg.Logger, Hello: guard.Hello})
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	pages, err := newAssets()
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	h := &Handler{guard: guard, api: rest, hub: sockets}
	mux := http.NewServeMux()
	mux.Handle("/v1/sql", rest.SQL())
	mux.Handle("/v1/ws", sockets)
	mux.Handle("/v1/page", pageHandler(cfg))
	if cfg.Status != nil {
		mux.Handle("/v1/status", statusHandler(cfg.Status))
	}
	if cfg.Catalog != nil {
		api.Lists(mux, cfg.Catalog)
	}
	mux.Handle(api.LoginPath, guard.Login())
	mux.Handle("/healthz", rest.Healthz())
	mux.Handle("/readyz", rest.Readyz())
	mux.Handle("/", pages)
	h.root = h.guard.Wrap(mux)
	return h, nil
}

// ServeHTTP serves the dashboard, behind the guard.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.root.ServeHTTP(w, r) }

// Guard returns next behind the same guard, for handlers that are mounted beside
// the dashboard.
func (h *Handler) Guard(next http.Handler) http.Handler { return h.guard.Wrap(next) }

// Refusals counts the requests that the guard did not let in.
func (h *Handler) Refusals() api.Refusals { return h.guard.Refusals() }

// Sockets returns the counters of the websockets.
func (h *Handler) Sockets() hub.Stats { return h.hub.Stats() }

// Close ends live answers and websockets and waits for the latter's goroutines,
// or for ctx. It comes before the server's Shutdown, which would wait for them.
func (h *Handler) Close(ctx context.Context) error {
	h.api.Stop()
	return h.hub.Close(ctx)
}

// pageHandler serves what the page shows at the start.
func pageHandler(cfg Config) http.Handler {
	page := cfg.Page
	if page.Panels == nil {
		page.Panels = []Panel{}
	}
	return jsonHandler(func() any {
		return struct {
			Page
			Status bool `json:"status"` // whether there is a /v1/status
		}{page, cfg.Status != nil}
	})
}

func statusHandler(status func() Status) http.Handler {
	return jsonHandler(func() any { return status() })
}

func jsonHandler(value func() any) http.Handler {
	return api.Methods(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(value())
		if err != nil {
			api.WriteError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(append(body, '\n')) // the client may be gone
	}), http.MethodGet, http.MethodHead)
}

package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"weir/dashboard"
	"weir/dashboard/api"
	"weir/ingest/httpapi"
	"weir/ingest/kinesis"
	"weir/ingest/wal"
	"weir/sql/catalog"
)

// serverConfig is what a server needs.
type serverConfig struct {
	Listener net.Listener // owned by the server
	Dir      string       // the log's directory
	Resume   string       // the command that goes on with it; "": weir serve --data Dir
	Logger   *slog.Logger
	Page     dashboard.Page // what the page shows first

	Guard api.GuardConfig // who is let in
	// TLSListener, if there is one, takes connections that are encrypted as TLS says.
	TLSListener net.Listener
	TLS         *tls.Config
	Kinesis     kinesisConfig
	// EncryptionKeys is the file of keys for encrypted streams; "": in Dir.
	EncryptionKeys string
	Files          string // the directory that statements may read; "": none
	// DiskReserve is how many bytes of the disk are left free, as in wal.Config.
	DiskReserve int64
	// Clock is the log's wall clock; nil: the system's.
	Clock func() time.Time
	Pprof bool // serve /debug/pprof
	// SaveEvery is how often the state of queries is saved; 0: saveStateEvery.
	SaveEvery time.Duration
}

// server is a database over a log, behind HTTP.
type server struct {
	cfg     serverConfig
	log     *wal.Log
	db      *database
	page    *dashboard.Handler
	kinesis *kinesis.Handler
	http    *http.Server
	ready   atomic.Bool
	began   time.Time
	files   *os.Root // nil: no files
	rates   rates
}

// newServer opens the log and restores the catalog.
func newServer(cfg serverConfig) (*server, error) {
	s := &server{cfg: cfg, began: time.Now()}
	var err error
	sealer, err := openSealer(cmp.Or(cfg.EncryptionKeys, filepath.Join(cfg.Dir, encryptionFileName)), s.sealed)
	if err != nil {
		return nil, err
	}
	walCfg := wal.Config{Dir: cfg.Dir, Logger: cfg.Logger, DiskReserve: cfg.DiskReserve, Clock: cfg.Clock, Cipher: sealer}
	if s.log, err = wal.Open(walCfg); err != nil {
		return nil, fmt.Errorf("%w; --data names the directory to use", err)
	}
	s.db = newDatabase(s.log, cfg.Logger)
	s.db.sealer = sealer
	err = errors.Join(s.openStore(), s.openFiles())
	if err == nil {
		s.db.saver, err = newSaver(s.db, s.db.store, saveConfig(cmp.Or(cfg.SaveEvery, saveStateEvery)))
	}
	if err == nil {
		err = s.db.restore(context.Background())
		s.db.retain()
	}
	if err == nil {
		err = sealer.missing(s.encrypted())
	}
	if err == nil {
		err = s.routes()
	}
	if err != nil {
		s.db.close()
		return nil, errors.Join(err, s.closeFiles(), s.closeStore(), s.log.Close())
	}
	return s, nil
}

// sealed tells whether the records of a stream are encrypted on the disk.
func (s *server) sealed(id uint32) bool { return s.db.settings(id).KeyID != "" }

// encrypted returns the names of streams whose records are to be sealed.
func (s *server) encrypted() (names []string) {
	for _, def := range s.db.catalog.Streams() {
		if s.sealed(def.ID) {
			names = append(names, def.Name)
		}
	}
	return names
}

// openFiles lets statements read below cfg.Files.
func (s *server) openFiles() (err error) {
	if s.cfg.Files == "" {
		return nil
	}
	if s.files, err = os.OpenRoot(s.cfg.Files); err != nil {
		return fmt.Errorf("open --files: %w", err)
	}
	s.db.root, s.db.writes = s.files.FS(), s.files
	return nil
}

func (s *server) closeFiles() error {
	if s.files == nil {
		return nil
	}
	return s.files.Close()
}

func (s *server) routes() error {
	streams := target{s.db}
	records, err := httpapi.New(httpapi.Config{Target: streams, Log: s.log, Logger: s.cfg.Logger})
	if err != nil {
		return err
	}
	s.db.door = &door{streams, records}
	s.page, err = dashboard.New(dashboard.Config{
		Engine: engineAPI{s}, Source: s.db, Page: s.cfg.Page, Logger: s.cfg.Logger, Status: s.status,
		Catalog: lists{s.db, &s.rates}, Guard: s.cfg.Guard,
	})
	if err != nil {
		return err
	}
	requests := &codes{by: make(map[int]int64)}
	measures, err := s.metricsHandler(records, requests)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/streams/{name}", s.page) // else the mux adds a slash
	mux.Handle("/v1/streams/{name}/", requests.count(records))
	mux.Handle("/metrics", api.Methods(measures, http.MethodGet, http.MethodHead))
	if s.cfg.Pprof {
		mux.Handle("/debug/pprof/", profiles())
	}
	root, err := s.kinesisHandler(s.page)
	if err != nil {
		return err
	}
	mux.Handle("POST /{$}", root)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if !kinesis.Astray(w, r) {
			s.page.ServeHTTP(w, r)
		}
	})
	s.http = &http.Server{
		Handler:           s.page.Guard(mux), // before the mux, which answers some paths itself
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		TLSConfig:         s.cfg.TLS,
		Protocols:         protocols(),
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
	}
	return nil
}

// protocols are those of every listener: HTTP/1.1, and HTTP/2 with TLS or, for
// clients that know beforehand, without.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// status counts for the page's header.
func (s *server) status() dashboard.Status {
	return dashboard.Status{Streams: len(s.db.catalog.Streams()), Rows: int64(s.log.Stats().Records)}
}

func (s *server) url() string { return "http://" + s.cfg.Listener.Addr().String() }

// run serves until ctx is cancelled or the log fails. onReady is called once
// the views show everything that the log held at the start.
func (s *server) run(ctx context.Context, statements string, onReady func(time.Duration)) error {
	s.db.ddl.Lock() // statements that come now wait until the catalog runs
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.cfg.Listener) }()
	if s.cfg.TLSListener != nil {
		s.db.wg.Go(func() {
			if err := s.http.ServeTLS(s.cfg.TLSListener, "", ""); !errors.Is(err, http.ErrServerClosed) {
				s.cfg.Logger.Error("no more TLS connections are taken", "error", err)
			}
		})
	}
	s.db.wg.Go(func() { s.rates.run(s.db.ctx, s.db.counts) })
	s.db.wg.Go(func() { s.kinesis.Run(s.db.ctx) })
	err := s.start(ctx, statements)
	if err == nil {
		onReady(time.Since(s.began))
		select {
		case <-ctx.Done():
		case <-s.log.Failed():
			err = fmt.Errorf("the log failed, so nothing more can be acknowledged; restart to recover what is on disk: %w", s.log.Err())
		case err = <-served:
		}
	}
	return errors.Join(err, s.stop())
}

// startCatalog runs the views and the sinks, and lets statements in. Nothing is
// removed from the log before everybody has said what is needed of it.
func (s *server) startCatalog() error {
	defer s.db.ddl.Unlock()
	if err := s.db.startViews(); err != nil {
		return err
	}
	if s.db.saver != nil {
		s.db.saver.start()
	}
	s.db.startSinks()
	s.db.removing.Store(true)
	s.db.tick()
	return nil
}

// start runs the catalog, then the statements, then waits for the views.
func (s *server) start(ctx context.Context, statements string) error {
	if err := s.startCatalog(); err != nil {
		return err
	}
	if statements != "" {
		res, err := s.db.run(ctx, statements, func(f string, args ...any) { s.cfg.Logger.Info(fmt.Sprintf(f, args...)) })
		if err != nil {
			return locate(err, statements)
		}
		if err := res.Close(); err != nil {
			return err
		}
	}
	for _, m := range s.db.running() {
		if err := m.caughtUp(ctx, s.db); err != nil {
			if ctx.Err() != nil {
				return nil // told to stop while catching up
			}
			s.cfg.Logger.Error("view is not ready", "view", m.def.Name, "error", err)
		}
	}
	s.ready.Store(true)
	return nil
}

// engineAPI is the database as the HTTP API sees it.
type engineAPI struct{ s *server }

// Execute runs statements.
func (e engineAPI) Execute(ctx context.Context, text string) (api.Result, error) {
	var notes []string
	res, err := e.s.db.run(ctx, text, func(f string, args ...any) { notes = append(notes, fmt.Sprintf(f, args...)) })
	if err != nil {
		return nil, err
	}
	if len(res.schema) == 0 {
		res.notes = notes
	}
	if res.query != nil {
		return e.s.db.live.answer(res, api.ClientOf(ctx), e.s.db.now()), nil
	}
	return res, nil
}

// Ready tells whether the views show what the log held at the start.
func (e engineAPI) Ready() error {
	select {
	case <-e.s.log.Failed():
		return errors.New("the log failed")
	default:
	}
	if !e.s.ready.Load() {
		return errors.New("starting: views are catching up with the log")
	}
	return nil
}

// target is the catalog as ingestion sees it.
type target struct{ db *database }

// Lookup finds a stream that takes records.
func (t target) Lookup(name string) (httpapi.Stream, bool) {
	s, ok := t.db.catalog.Stream(name)
	if !ok || s.Connector != "" {
		return httpapi.Stream{}, false
	}
	event := eventColumn(s)
	why, instead := noRows(s)
	return httpapi.Stream{
		NoRows: why, Instead: instead, Shows: s.Raw,
		ID: s.Log(), Name: s.Name, Columns: decodeColumns(s),
		PartitionKey: partitionColumn(s), HasEventTime: event >= 0, EventTime: event, FutureTolerance: s.FutureTolerance,
		Generated: generatedColumns(s), TimeUnit: s.TimeUnit, Shards: t.db.router(s),
	}, true
}

// Names returns the streams that take records.
func (t target) Names() []string {
	var names []string
	for _, s := range t.db.catalog.Streams() {
		if s.Connector == "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// eventColumn returns the column with the event time that producers send, -1 if
// there is none: then it is the arrival, or computed.
func eventColumn(s *catalog.Stream) int {
	if s.Watermark == nil {
		return -1
	}
	for i, c := range s.Columns {
		if strings.EqualFold(c.Name, s.Watermark.Column.Text) && !s.IsGenerated(i) {
			return i
		}
	}
	return -1
}

func generatedColumns(s *catalog.Stream) []int {
	var out []int
	for i := range s.Generated {
		if s.IsGenerated(i) {
			out = append(out, i)
		}
	}
	return out
}

func partitionColumn(s *catalog.Stream) int {
	for i, c := range s.Columns {
		if c.Name == s.PartitionKey {
			return i
		}
	}
	return -1
}

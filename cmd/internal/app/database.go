package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/ingest/kinesis"
	"weir/ingest/wal"
	"weir/operators/expr"
	"weir/operators/sinks"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// database is the catalog, the queries that run, and what they read.
type database struct {
	catalog *catalog.Catalog
	log     *wal.Log    // nil in `weir query`, where streams are files
	store   state.Store // nil in `weir query`, where nothing outlives the process
	logger  *slog.Logger
	alloc   memory.Allocator
	now     func() time.Time

	// root is where a server's files are; nil: it reads none. Paths cannot leave it.
	root fs.FS
	// files is what `weir query` found out of files, by path; nil in a server.
	files     map[string]*fileInfo
	stdin     *stdin
	stdinRead bool // a query reads it, or has

	ddl        sync.Mutex       // one statement changes the catalog at a time
	replaying  bool             // the catalog is being restored; before anything else runs
	loading    bool             // it is, from the store
	redoing    stream.Commit    // that is run again while it is
	redoChange change           // that the commit made
	redoAt     stream.Time      // when it arrived
	ticks      time.Duration    // how long a silent log ticks
	plans      map[uint32]bound // of restored views that do not run yet, by the view's id
	unsaved    atomic.Bool      // the store could not take what the log says of the catalog
	removing   atomic.Bool      // who needs old segments has said so, and the others may go
	writes     *os.Root         // where sinks write files; nil: nowhere
	cursors    sinks.Cursors    // of sinks whose destination keeps none
	door       *door            // nil in `weir query`

	mu    sync.Mutex
	views map[uint32]*materialized // by the view's id
	sinks map[uint32]*delivery     // by the sink's id
	made  map[uint32]stream.Commit // of the statements that made the objects, by their id
	lives map[uint32]life          // of the streams that were read, by their id
	live  watched                  // the queries that somebody looks at

	routers sync.Map                        // of the streams of the log: id -> *ingest.Router
	kinesis sync.Map                        // what Kinesis keeps of them: id -> *kinesis.Settings
	account atomic.Pointer[kinesis.Account] // what it keeps of the account; nil: nothing
	sealer  *sealer                         // keys for records of encrypted streams

	cache *views.Cache // pages of all views that are on disk
	saver *saver       // saves views and their queries; nil: nothing but the log outlives the process

	ctx  context.Context // of everything that runs
	stop context.CancelFunc
	// viewsCtx is that of materialized views' queries. It ends last, so that they can
	// be saved when nobody else reads or writes.
	viewsCtx  context.Context
	stopViews context.CancelFunc
	wg        sync.WaitGroup
}

func newDatabase(log *wal.Log, logger *slog.Logger) *database {
	ctx, stop := context.WithCancel(context.Background())
	viewsCtx, stopViews := context.WithCancel(context.Background())
	return &database{
		catalog: catalog.New(), log: log, logger: logger,
		alloc: memory.DefaultAllocator, now: time.Now,
		plans: make(map[uint32]bound), made: make(map[uint32]stream.Commit),
		views: make(map[uint32]*materialized), sinks: make(map[uint32]*delivery), lives: make(map[uint32]life),
		cursors: storedCursors{state.NewMemory()},
		ctx:     ctx, stop: stop, viewsCtx: viewsCtx, stopViews: stopViews, cache: views.NewCache(0),
	}
}

// close ends every query and lets go of the views.
func (db *database) close() {
	db.stop()
	db.stopViews()
	db.wg.Wait()
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, m := range db.views {
		m.view.Close()
	}
	clear(db.views)
}

// run executes the statements of a text in order, up to the first that fails. The
// result is that of the last query, else what the last INSERT says; queries before
// the last are checked but not computed.
func (db *database) run(ctx context.Context, text string, note func(string, ...any)) (*result, error) {
	stmts, err := sql.Parse(text)
	if err != nil {
		return nil, err
	}
	last := -1
	for i, s := range stmts {
		if returnsRows(s) {
			last = i
		}
	}
	var res *result
	for i, s := range stmts {
		r, err := (*result)(nil), error(nil)
		if returnsRows(s) && i < last {
			err = db.check(s, note)
		} else {
			r, err = db.statement(ctx, s, note)
		}
		if err != nil {
			if res != nil {
				_ = res.Close()
			}
			return nil, err
		}
		if r != nil {
			at := s.Span()
			r.sql = text[at.Start:at.End]
		}
		switch {
		case r == nil:
		case i == last || last < 0:
			if res != nil {
				_ = res.Close() // it is there already, so nothing can fail
			}
			res = r
		default: // a query has the last word
			_ = r.Close()
		}
	}
	if res == nil {
		res = emptyResult()
	}
	return res, nil
}

// check plans a SELECT whose rows nobody will see.
func (db *database) check(s ast.Statement, note func(string, ...any)) error {
	var q *ast.Select
	switch s := s.(type) {
	case *ast.Select:
		q = s
	case *ast.Subscribe:
		q = subscribed(s)
	default:
		return nil
	}
	_, err := db.plan(q, &relations{db: db, notes: note})
	return err
}

// returnsRows tells whether a statement is there for its rows.
func returnsRows(s ast.Statement) bool {
	switch s.(type) {
	case *ast.CreateStream, *ast.CreateView, *ast.CreateSink, *ast.Drop, *ast.AlterStream, *ast.Insert, *ast.Kill:
		return false
	}
	return true
}

// statement executes one statement. A statement without rows gives no result.
func (db *database) statement(ctx context.Context, s ast.Statement, note func(string, ...any)) (*result, error) {
	rel := &relations{db: db, notes: note}
	switch s := s.(type) {
	case *ast.CreateStream:
		return nil, db.createStream(ctx, s, note)
	case *ast.CreateView:
		return nil, db.createView(ctx, s, rel)
	case *ast.CreateSink:
		return nil, db.createSink(ctx, s, rel)
	case *ast.Insert:
		if s.Query != nil {
			return db.createPump(ctx, s, rel)
		}
		return db.insertRows(ctx, s, rel)
	case *ast.Drop:
		return nil, db.drop(ctx, s)
	case *ast.AlterStream:
		return nil, db.alterStream(ctx, s)
	case *ast.Select:
		return db.query(ctx, s, rel)
	case *ast.Show:
		return db.show(s)
	case *ast.Kill:
		return nil, db.killQuery(s)
	case *ast.ShowCreate:
		if s.File {
			return db.showCreateFile(s, rel)
		}
		return db.showCreate(s)
	case *ast.Describe:
		return db.describe(s, rel)
	case *ast.Explain:
		return db.explain(ctx, s, rel)
	case *ast.Subscribe:
		return db.subscribe(ctx, s, rel)
	}
	return nil, diag.New(diag.Unsupported, s.Span(), "this statement is not supported")
}

// plan turns a query into what the engine runs.
func (db *database) plan(q *ast.Select, rel *relations) (*physical.Plan, error) {
	return planner.Plan(q, db.planConfig(rel))
}

func (db *database) planConfig(rel *relations) planner.Config {
	return planner.Config{Relations: rel, Fold: expr.Fold, Now: stream.FromGo(db.now())}
}

// query starts a SELECT.
func (db *database) query(ctx context.Context, q *ast.Select, rel *relations) (*result, error) {
	p, err := db.plan(q, rel)
	if err != nil {
		return nil, err
	}
	in, err := db.openSelect(ctx, q, p, rel)
	if err != nil {
		return nil, err
	}
	return startResult(in.within(db.ctx), p, in, db.alloc, db.wake())
}

// openSelect opens what a SELECT reads, from where it says, until it has ended.
func (db *database) openSelect(ctx context.Context, q *ast.Select, p *physical.Plan, rel *relations) (*input, error) {
	start, err := startOf(q)
	if err != nil {
		return nil, err
	}
	in, err := db.open(ctx, p, rel, start)
	if err != nil {
		return nil, atFrom(err, q)
	}
	if err := db.untilEnd(in); err != nil {
		return nil, errors.Join(err, in.close())
	}
	return in, nil
}

// startOf reads WITH (start = …) behind a query.
func startOf(q *ast.Select) (string, error) {
	start := ""
	for _, o := range q.With {
		switch o.Name.Text {
		case "start":
		case "ttl":
			return "", catalog.NoTTL(o)
		default:
			return "", diag.New(diag.BadOption, o.Name.At, "unknown option `%s` of a query", o.Name.Text).
				WithHint("a query takes: start")
		}
		if _, err := parseStart(o.Value.Text, time.Time{}); err != nil {
			return "", diag.New(diag.BadOption, o.Value.At, "%s", err)
		}
		start = o.Value.Text
	}
	return start, nil
}

// scanOf returns the scan at the bottom of a plan.
func scanOf(n physical.Node) *physical.Scan {
	for n.Input() != nil {
		n = n.Input()
	}
	return n.(*physical.Scan)
}

// relationsOf returns what a plan reads, each name once.
func relationsOf(p *physical.Plan) []string {
	var out []string
	for _, s := range physical.Scans(p.Root) {
		if s.Relation != "" && !slices.Contains(out, s.Relation) {
			out = append(out, s.Relation)
		}
	}
	return out
}

package planner

import (
	"time"

	"weir/operators/stream"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/rules"
	"weir/sql/ast"
	"weir/sql/diag"
)

// Relation is what a FROM names, as the planner sees it.
type Relation struct {
	Kind    physical.SourceKind
	Name    string
	Columns stream.Schema
	// Generated computes each of Columns, nil where the column is stored; nil if
	// all are. An expression may name stored columns, and generated ones that
	// stand before it.
	Generated []ast.Expr
	// Watermark is the stream's WATERMARK FOR; nil: a live stream's event time is
	// `_arrival`, a bounded one has whatever the window names.
	Watermark *ast.Watermark
	// Bounded is set if the rows end by themselves: a file, stdin, a view's content.
	Bounded bool
	// PartitionKey is the column that `_key` shows, "" if there is none.
	PartitionKey string
	// How the engine judges a shard's silence and rows from the future; see
	// physical.Scan. They count on live streams only.
	IdleTimeout, IdleAdvance, FutureTolerance time.Duration
	// Inline is the query of a plain view, which is planned in place; Columns is
	// empty then.
	Inline *ast.Select
	// Materialized is set if Inline is the query of a materialized view, which says
	// itself when its rows leave.
	Materialized bool
	// Key is the columns that identify a row of a materialized view, nil if it is a bag.
	Key []int
	// Lost is set for `q$late` and `q$errors`: what the rows are that queries lose.
	Lost []Lost
}

// Lost is the rows of one scan of a query that the query counts as late or as errors.
type Lost struct {
	Query  string
	Plan   *physical.Plan // nil: errors of the event time alone
	Scan   int            // which of its scans
	Errors bool           // else late rows
	From   *Relation      // what the scan reads
}

// Relations resolves the names in FROM.
type Relations interface {
	// Relation returns what t names. The error is a *diag.Error.
	Relation(t *ast.Table) (*Relation, error)
}

// Config is what planning depends on beside the statement.
type Config struct {
	Relations Relations
	// Fold computes constant expressions; nil leaves them as they are.
	Fold func(physical.Expr) (physical.Expr, error)
	// Now is the start of the statement: what NOW() is in a bounded query.
	Now stream.Time
}

// Plan binds, optimises and lowers a query. The error is a *diag.Error.
// The options of `SELECT … WITH (…)` are the caller's: they tell where to start
// reading and change nothing in the plan.
func Plan(q *ast.Select, cfg Config) (*physical.Plan, error) {
	b := newBinder(cfg)
	root, err := b.query(q)
	if err != nil {
		return nil, err
	}
	root, err = rules.Apply(root, cfg.Fold)
	if err != nil {
		return nil, diag.From(err)
	}
	p, err := lower(root)
	if err != nil {
		return nil, err
	}
	p.Emit = b.emitMode(p)
	if !p.Bounded {
		p.Every = b.every
	}
	return p, nil
}

// PlanView plans the query of CREATE [MATERIALIZED] VIEW. It refuses what only
// means something where the view is read. The error is a *diag.Error.
func PlanView(q *ast.Select, cfg Config) (*physical.Plan, error) {
	if len(q.OrderBy) > 0 {
		return nil, diag.New(diag.Unsupported, orderSpan(q), "a view has no order of its own").
			WithLabel("not in a view").
			WithHint("write ORDER BY in the SELECT that reads the view")
	}
	if q.Limit != nil {
		return nil, diag.New(diag.Unsupported, q.Limit.At, "a view is not cut by LIMIT").
			WithLabel("not in a view").
			WithHint("write LIMIT in the SELECT that reads the view")
	}
	return Plan(q, cfg)
}

// CheckStream checks what a CREATE STREAM computes of its columns: whether the
// generated columns and the WATERMARK FOR can be bound and have the types that
// they need. The error is a *diag.Error.
func CheckStream(name string, columns stream.Schema, generated []ast.Expr, w *ast.Watermark) error {
	if w == nil && generated == nil {
		return nil
	}
	b := newBinder(Config{})
	b.live = true
	_, err := b.scan(&Relation{Kind: physical.SourceStream, Name: name, Columns: columns, Generated: generated, Watermark: w})
	return err
}

// Logical returns the query's tree as text, after binding and after the rules,
// for people who work on the planner.
func Logical(q *ast.Select, cfg Config) (bound, optimised string, err error) {
	root, err := newBinder(cfg).query(q)
	if err != nil {
		return "", "", err
	}
	bound = logical.Print(root)
	if root, err = rules.Apply(root, cfg.Fold); err != nil {
		return "", "", err
	}
	return bound, logical.Print(root), nil
}

func orderSpan(q *ast.Select) diag.Span {
	var at diag.Span
	for _, o := range q.OrderBy {
		at = at.Join(o.At)
	}
	return at
}

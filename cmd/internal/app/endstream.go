package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"weir/ingest/kinesis"
	"weir/ingest/wal"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// alterStream ends a stream, or changes its options.
func (db *database) alterStream(ctx context.Context, s *ast.AlterStream) error {
	if s.End {
		return db.endStream(ctx, s)
	}
	db.ddl.Lock()
	defer db.ddl.Unlock()
	def, err := db.alterable(s, "whose options are those of its statement", "DROP it and CREATE it again")
	if err != nil {
		return err
	}
	return db.setOptions(ctx, def, s)
}

// alterable returns the stream of the log that a statement is about; a file is
// refused with why.
func (db *database) alterable(s *ast.AlterStream, why, hint string) (*catalog.Stream, error) {
	def, ok := db.catalog.Stream(s.Name.Text)
	switch {
	case !ok:
		e := diag.From((&relations{db: db}).unknown(s.Name))
		e.Message = "there is no stream `" + s.Name.Text + "`"
		return nil, e
	case def.Connector != "" || db.log == nil:
		return nil, diag.New(diag.WrongObject, s.Name.At, "the stream `%s` is a file, %s", s.Name.Text, why).WithHint("%s", hint)
	}
	return def, nil
}

// endStream writes into the log that no more records of a stream will come: all
// windows over it fire, and records that come later are late.
func (db *database) endStream(ctx context.Context, s *ast.AlterStream) error {
	def, err := db.alterable(s, "which ends by itself", "leave the statement out")
	if err != nil {
		return err
	}
	if def.Raw != "" {
		return diag.New(diag.WrongObject, s.Name.At, "the stream `%s` ends with `%s`, whose records it shows", def.Name, def.Raw).
			WithHint("ALTER STREAM %s END ends all that read it", sql.QuoteName(def.Raw))
	}
	_, err = db.log.Control(context.WithoutCancel(ctx), wal.Control{Kind: wal.End, Stream: def.ID})
	return err
}

// setOptions gives a stream other options. The caller holds db.ddl.
func (db *database) setOptions(ctx context.Context, def *catalog.Stream, s *ast.AlterStream) error {
	made, err := sql.ParseOne(def.Text)
	if err != nil {
		return fmt.Errorf("the statement of stream %s: %w", def.Name, err)
	}
	create, ok := made.(*ast.CreateStream)
	if !ok {
		return fmt.Errorf("the statement of stream %s is a %T", def.Name, made)
	}
	altered, err := db.catalog.Altered(def, create, s.Set)
	if err != nil {
		return err
	}
	altered.Text = sql.Print(create)
	commit, at := db.redoing, db.redoAt
	if !db.replaying {
		payload, err := json.Marshal(change{Version: changeVersion, SQL: sql.Print(s)})
		if err != nil {
			return err
		}
		if commit, err = db.log.Control(context.WithoutCancel(ctx), wal.Control{Kind: wal.DDL, Payload: payload}); err != nil {
			return err
		}
		if at, err = db.log.ArrivalOf(commit); err != nil {
			return err
		}
	}
	altered.Lengthen(def.Retention, at)
	db.catalog.Replace(altered)
	db.amend(ctx, commit, altered, func(o *object) { o.SQL, o.Since = altered.Text, altered.Since })
	db.tick()
	return nil
}

// retainFor is setOptions for a retention; it is the statement that somebody
// could have typed.
func (db *database) retainFor(ctx context.Context, id uint32, retention func(*catalog.Stream) (time.Duration, error)) error {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	def, ok := db.catalog.StreamByID(id)
	if !ok {
		return kinesis.ErrGone
	}
	d, err := retention(def)
	if err != nil {
		return err
	}
	s := &ast.AlterStream{Name: ast.Name{Text: def.Name}, Set: []ast.Option{option("retention", fmt.Sprintf("%dh", d/time.Hour))}}
	return db.setOptions(ctx, def, s)
}

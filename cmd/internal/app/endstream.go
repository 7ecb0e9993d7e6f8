package app

import (
	"context"

	"weir/ingest/wal"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/diag"
)

// endStream writes into the log that no more records of a stream will come: all
// windows over it fire, and records that come later are late.
func (db *database) endStream(ctx context.Context, s *ast.AlterStream) error {
	def, ok := db.catalog.Stream(s.Name.Text)
	switch {
	case !ok:
		e := diag.From((&relations{db: db}).unknown(s.Name))
		e.Message = "there is no stream `" + s.Name.Text + "`"
		return e
	case def.Connector != "" || db.log == nil:
		return diag.New(diag.WrongObject, s.Name.At, "the stream `%s` is a file, which ends by itself", s.Name.Text).
			WithHint("leave the statement out")
	case def.Raw != "":
		return diag.New(diag.WrongObject, s.Name.At, "the stream `%s` ends with `%s`, whose records it shows", def.Name, def.Raw).
			WithHint("ALTER STREAM %s END ends all that read it", sql.QuoteName(def.Raw))
	}
	_, err := db.log.Control(context.WithoutCancel(ctx), wal.Control{Kind: wal.End, Stream: def.ID})
	return err
}

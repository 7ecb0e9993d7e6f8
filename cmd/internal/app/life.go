package app

import (
	"context"
	"errors"

	"weir/sql/catalog"
	"weir/sql/diag"
)

// life is that of a stream: a live query over it ends when the stream is dropped.
type life struct {
	ctx context.Context
	end context.CancelCauseFunc
}

// lifeOf returns a context that ends when the stream is dropped.
func (db *database) lifeOf(def *catalog.Stream) (context.Context, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if now, ok := db.catalog.Stream(def.Name); !ok || now.ID != def.ID {
		return nil, dropped(def.Name)
	}
	l, ok := db.lives[def.ID]
	if !ok {
		l.ctx, l.end = context.WithCancelCause(db.ctx)
		db.lives[def.ID] = l
	}
	return l.ctx, nil
}

// endLife ends the live queries over a stream that the catalog no longer has.
func (db *database) endLife(def *catalog.Stream) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if l, ok := db.lives[def.ID]; ok {
		l.end(dropped(def.Name))
		delete(db.lives, def.ID)
	}
}

func dropped(stream string) error {
	return diag.New(diag.UnknownObject, diag.Span{}, "the stream `%s` was dropped", stream)
}

// causeOf returns why ctx was cancelled where err only says that it was.
func causeOf(ctx context.Context, err error) error {
	var why *diag.Error
	if errors.Is(err, context.Canceled) && errors.As(context.Cause(ctx), &why) {
		return why
	}
	return tooSlow(err)
}

package app

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"weir/operators/state"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// The catalog in the store: one key for each object, by its number, one for each shard
// that was split or merged or came of it, and one for which commit of the log they
// reflect. The commits decide; see docs/adr/0007.
const (
	objectPrefix = "co"
	gonePrefix   = "cg" // objects that were dropped, and of which something may be left
	catalogKey   = "ch"
	objectsV     = 2
)

// errOtherLog is returned for a store that knows of commits that the log never had.
var errOtherLog = errors.New("the store belongs to another log")

// object is a stream or a view in the store.
type object struct {
	Version int    `json:"v"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	change
	Commit stream.Commit `json:"commit"` // of the statement that made it
}

// reflected says what the objects in the store are together.
type reflected struct {
	Version int           `json:"v"`
	Commit  stream.Commit `json:"commit"`  // the last ddl commit that they reflect
	Last    uint32        `json:"last"`    // the greatest number that was ever given
	Objects int           `json:"objects"` // how many there are
}

func objectKey(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte(objectPrefix), id) }

func goneKey(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte(gonePrefix), id) }

// goneViews returns the objects that a crash has kept from being deleted.
func goneViews(store state.Store) ([]uint32, error) {
	var out []uint32
	err := store.Scan([]byte(gonePrefix), func(key, _ []byte) error {
		if n := len(gonePrefix); len(key) == n+4 {
			out = append(out, binary.BigEndian.Uint32(key[n:]))
		}
		return nil
	})
	return out, err
}

// saveCatalog brings the store to what the catalog is after a ddl commit. The log has the
// statement already, so an error costs only the replay of it at the next start.
func (db *database) saveCatalog(ctx context.Context, commit stream.Commit, made *object, gone uint32) {
	if db.store == nil {
		return
	}
	var b state.Batch
	if gone > 0 {
		b.Delete(objectKey(gone))
		b.Put(goneKey(gone), []byte{objectsV})
	}
	if made != nil {
		made.Commit = commit
	}
	db.writeCatalog(ctx, commit, made, &b)
}

// writeCatalog writes an object, and what the store reflects then, with a batch. Behind a
// write that failed there is none: the store would say that it has what it lacks.
func (db *database) writeCatalog(ctx context.Context, commit stream.Commit, o *object, b *state.Batch) {
	if db.unsaved.Load() {
		return
	}
	r := reflected{Version: objectsV, Commit: commit, Last: db.catalog.Last(), Objects: db.objects()}
	head, err := json.Marshal(r)
	if err == nil && o != nil {
		o.Version = objectsV
		var text []byte
		text, err = json.Marshal(o)
		b.Put(objectKey(o.ID), text)
	}
	if err == nil {
		b.Put([]byte(catalogKey), head)
		err = putMark(db.log, b)
	}
	if err == nil {
		err = db.store.Write(context.WithoutCancel(ctx), b)
	}
	if err != nil {
		db.unsaved.Store(true)
		db.logger.Error("the catalog in the store falls behind the log; the next start reads it from the log", "error", err)
	}
}

// releaseControls tells the log that the catalog does not need its statements any
// more: the store has them. It does nothing while one is being carried out.
func (db *database) releaseControls() {
	if db.store == nil || db.unsaved.Load() || !db.ddl.TryLock() {
		return
	}
	defer db.ddl.Unlock()
	head, _ := db.log.Head()
	db.log.ReleaseControls(head)
}

// load runs the objects of the store, in the order of their numbers, and returns
// the commit that they reflect, 0 without any.
func (db *database) load(ctx context.Context) (stream.Commit, error) {
	if db.store == nil {
		return 0, nil
	}
	text, err := db.store.Get([]byte(catalogKey))
	if errors.Is(err, state.ErrNotFound) {
		return 0, nil
	}
	var r reflected
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil && r.Version != objectsV {
		err = fmt.Errorf("it has version %d; this weir knows version %d", r.Version, objectsV)
	}
	if head, _ := db.log.Head(); err == nil && r.Commit > head {
		return 0, fmt.Errorf("%w: it reflects commit %d, and the log ends at %d; move the folder `state` away", errOtherLog, r.Commit, head)
	}
	if err != nil {
		return 0, err
	}
	err = db.store.Scan([]byte(objectPrefix), func(_, value []byte) error {
		var o object
		if err := json.Unmarshal(value, &o); err != nil {
			return err
		}
		if o.Version != objectsV {
			return fmt.Errorf("%s `%s` has version %d; this weir knows version %d", o.Kind, o.Name, o.Version, objectsV)
		}
		o.change.Version = changeVersion // an object has one version for both
		if err := db.redo(ctx, &o.change, o.Commit); err != nil {
			return fmt.Errorf("%s `%s`: %w", o.Kind, o.Name, err)
		}
		return db.loadShards(o.ID)
	})
	if err != nil {
		return 0, err
	}
	if err := db.loadAccount(); err != nil {
		return 0, err
	}
	if n := db.objects(); n != r.Objects {
		return 0, fmt.Errorf("%d of %d objects are there", n, r.Objects)
	}
	db.catalog.Reserve(r.Last)
	return r.Commit, nil
}

// restoreFrom loads the catalog from the store, or decides that the log is to be
// read from its first commit.
func (db *database) restoreFrom(ctx context.Context) (stream.Commit, error) {
	from, err := db.load(ctx)
	removed := db.log.RemovedControls()
	whole := removed == 0
	switch {
	case err == nil && from < removed:
		return 0, fmt.Errorf("the catalog in the store reflects commit %d, and the log no longer has the statements behind it, up to commit %d", from, removed)
	case err == nil:
		return from, nil
	case errors.Is(err, errOtherLog):
		return 0, err
	case whole:
		db.logger.Warn("the catalog in the store cannot be read; it is made again from the log", "error", err)
		db.catalog = catalog.New()
		db.account.Store(nil)
		db.kinesis.Clear()
		db.routers.Clear()
		clear(db.plans)
		return 0, db.forgetObjects(ctx)
	}
	return 0, fmt.Errorf("the catalog in the store cannot be read, and the log no longer has the statements that made it: %w", err)
}

// forgetObjects deletes the catalog of the store, and the commit that it reflects last: a
// start that finds it without its objects deletes what is left.
func (db *database) forgetObjects(ctx context.Context) error {
	for _, prefix := range []string{objectPrefix, shardPrefix, accountKey, catalogKey} {
		if err := state.DeletePrefix(ctx, db.store, []byte(prefix)); err != nil {
			return err
		}
	}
	return nil
}

// bound is the plan of a materialized view as it was stored.
type bound struct {
	plan *physical.Plan
	err  error // why it cannot be run
}

// boundView returns the plan to show the columns of: the stored one, or, where that
// cannot be run, what the statement means today.
func (db *database) boundView(s *ast.CreateView, rel *relations, text []byte) (*physical.Plan, error, error) {
	stored, why := physical.Decode(text)
	if why == nil {
		return stored, nil, nil
	}
	p, err := db.planView(s, rel)
	return p, why, err
}

// cannotRun puts a view in its place whose query cannot be started. Its content on
// disk stays until it is dropped.
func (db *database) cannotRun(def *catalog.View, p *physical.Plan, why error) {
	db.logger.Error("view cannot be run: drop it and create it again", "view", def.Name, "error", why)
	m := &materialized{def: def, plan: p, view: views.NewView(def.Schema, def.Key), done: make(chan struct{}), cancel: func() {}}
	close(m.done)
	m.mu.Lock()
	m.err = diag.New(diag.External, diag.Span{}, "%s", why).
		WithHint("DROP the view and CREATE it again; SHOW CREATE VIEW %s prints its statement", def.Name)
	m.mu.Unlock()
	m.view.Fail(m.err)
	db.mu.Lock()
	defer db.mu.Unlock()
	db.views[def.ID] = m
}

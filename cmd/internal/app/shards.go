package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"weir/ingest"
	"weir/ingest/wal"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/sql/catalog"
)

// router returns what holds the shards of a stream of the log. How many it began
// with is in its declaration; the log has what became of them.
func (db *database) router(s *catalog.Stream) *ingest.Router {
	s = db.logOf(s)
	if found, ok := db.routers.Load(s.ID); ok {
		return found.(*ingest.Router)
	}
	found, _ := db.routers.LoadOrStore(s.ID, ingest.NewRouter(ingest.NewShardMap(s.Shards)))
	return found.(*ingest.Router)
}

// logOf returns the stream that has the records of s: itself, or the raw stream that it
// shows.
func (db *database) logOf(s *catalog.Stream) *catalog.Stream {
	if s.Raw != "" {
		if raw, ok := db.catalog.StreamByID(s.Log()); ok {
			return raw // it is not dropped while s is there
		}
	}
	return s
}

// shards returns how many shards of a stream take records.
func (db *database) shards(s *catalog.Stream) int {
	if s.Connector != "" {
		return s.Shards
	}
	return len(db.router(s).Map().Open())
}

// reshard closes shards of a stream and opens others, as plan says; plan may say
// that there is nothing to do. Appends wait in the meantime, so the commit that
// says so lies between the records of the old shards and those of the new ones.
func (db *database) reshard(ctx context.Context, s *catalog.Stream, plan ingest.Plan) (done bool, err error) {
	db.ddl.Lock()
	defer db.ddl.Unlock()
	if now, ok := db.catalog.Stream(s.Name); !ok || now.ID != s.ID {
		return false, dropped(s.Name)
	}
	var commit stream.Commit
	var r *ingest.Reshard
	err = db.router(s).Change(func(m *ingest.ShardMap) (*ingest.ShardMap, error) {
		// Shards that came with their stream do not say when; children are younger, too.
		if r, err = plan(m, max(stream.FromGo(db.now()), s.Created.Add(time.Second))); err != nil || r == nil {
			return m, err
		}
		payload, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		// What is being written is finished, whatever becomes of the client.
		if commit, err = db.log.Control(context.WithoutCancel(ctx), wal.Control{Kind: wal.Reshard, Stream: s.ID, Payload: payload}); err != nil {
			return nil, err
		}
		done = true
		arrival, err := db.log.ArrivalOf(commit)
		if err != nil {
			return nil, err
		}
		return m.Apply(r, commit, arrival)
	})
	if err == nil && done {
		db.saveShards(ctx, commit, s, r)
	}
	return done, err
}

// redoReshard runs a reshard again that the log has.
func (db *database) redoReshard(ctx context.Context, f *wal.Frame) error {
	s, ok := db.catalog.StreamByID(f.Control.Stream)
	if !ok {
		return nil // it was dropped
	}
	var r ingest.Reshard
	if err := json.Unmarshal(f.Control.Payload, &r); err != nil {
		return err
	}
	err := db.router(s).Change(func(m *ingest.ShardMap) (*ingest.ShardMap, error) { return m.Apply(&r, f.Commit, f.Arrival) })
	if err == nil {
		db.saveShards(ctx, f.Commit, s, &r)
	}
	return err
}

// amend changes what the store has of a stream, for a commit that says so. Where
// that fails the next start reads the catalog from the log.
func (db *database) amend(ctx context.Context, commit stream.Commit, s *catalog.Stream, change func(*object)) {
	if db.store == nil || db.unsaved.Load() {
		return
	}
	o, err := db.storedObject(s.ID)
	if err != nil {
		db.unsaved.Store(true)
		db.logger.Error("the catalog in the store falls behind the log; the next start reads it from the log", "stream", s.Name, "error", err)
		return
	}
	change(o)
	db.writeCatalog(ctx, commit, o, new(state.Batch))
}

// storedObject returns an object as the store has it.
func (db *database) storedObject(id uint32) (*object, error) {
	text, err := db.store.Get(objectKey(id))
	if err != nil {
		return nil, fmt.Errorf("object %d: %w", id, err)
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, fmt.Errorf("object %d: %w", id, err)
	}
	return &o, nil
}

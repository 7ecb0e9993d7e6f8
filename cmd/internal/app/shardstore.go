package app

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"weir/ingest"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/sql/catalog"
)

// The shards of streams in the store: one key for each that is not as its stream began,
// by the stream's number and its own. So what a reshard writes does not grow with the
// number of shards.
const shardPrefix = "cs"

func shardsOf(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte(shardPrefix), id) }

func shardKey(id uint32, shard stream.Shard) []byte {
	return binary.BigEndian.AppendUint32(shardsOf(id), uint32(shard))
}

// saveShards brings the store to what a reshard has made of a stream, with a commit.
func (db *database) saveShards(ctx context.Context, commit stream.Commit, s *catalog.Stream, r *ingest.Reshard) {
	if db.store == nil {
		return
	}
	var b state.Batch
	all := db.router(s).Map().All()
	for _, shard := range slices.Concat(r.Close, r.Opened()) {
		text, err := json.Marshal(&all[shard])
		if err != nil {
			panic(err) // it is plain data
		}
		b.Put(shardKey(s.ID, shard), text)
	}
	db.writeCatalog(ctx, commit, nil, &b)
}

// loadShards gives an object of the store, if it is a stream that was resharded, the
// shards that it has and had.
func (db *database) loadShards(id uint32) error {
	s, ok := db.catalog.StreamByID(id)
	if !ok || !hasRecords(s) {
		return nil
	}
	var all []ingest.Shard
	prefix := shardsOf(id)
	err := db.store.Scan(prefix, func(key, value []byte) error {
		if len(key) != len(prefix)+4 {
			return fmt.Errorf("key %q is of no shard", key)
		}
		var shard ingest.Shard
		if err := json.Unmarshal(value, &shard); err != nil {
			return err
		}
		if all == nil {
			all = slices.Clone(ingest.NewShardMap(s.Shards).All())
		}
		switch n := binary.BigEndian.Uint32(key[len(prefix):]); {
		case int(n) < len(all):
			all[n] = shard
		case int(n) == len(all):
			all = append(all, shard)
		default:
			return fmt.Errorf("shard %d is missing", len(all))
		}
		return nil
	})
	if err != nil || all == nil {
		return err
	}
	m, err := ingest.RestoreShardMap(all)
	if err == nil {
		db.routers.Store(id, ingest.NewRouter(m))
	}
	return err
}

package httpapi

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// blocks deals the good rows of a body to their shards: one block a shard, in
// the order in which the shards come up, rows in the order of the body.
func (h *Handler) blocks(s Stream, p part, shards []stream.Shard, spans []decode.Span) ([]wal.Block, error) {
	// First the sizes, then the bytes: each block is allocated once. Shards are
	// few and their numbers small, so place is indexed by shard; 0 is no block.
	var blocks []wal.Block
	var sizes []int
	var place []int32
	for i, shard := range shards {
		if int(shard) >= len(place) {
			place = append(place, make([]int32, int(shard)+1-len(place))...)
		}
		if place[shard] == 0 {
			blocks = append(blocks, wal.Block{Stream: s.ID, Shard: shard, Encoding: p.encoding})
			sizes = append(sizes, len(p.header))
			place[shard] = int32(len(blocks))
		}
		at := place[shard] - 1
		blocks[at].Count++
		sizes[at] += spans[i].End - spans[i].Start + len(p.lineEnd)
	}
	total := 0
	for _, size := range sizes {
		total += size
	}
	// A long header before each of many shards' rows can make much of little.
	if total > wal.RequestBytesMax {
		return nil, wal.ErrTooLarge
	}
	for i := range blocks {
		blocks[i].Data = append(make([]byte, 0, sizes[i]), p.header...)
	}
	for i, shard := range shards {
		b := &blocks[place[shard]-1]
		if p.encoding == wal.JSON && len(b.Data) > 0 {
			b.Data = append(b.Data, p.lineEnd...)
		}
		b.Data = append(b.Data, p.data[spans[i].Start:spans[i].End]...)
		if p.encoding == wal.CSV {
			b.Data = append(b.Data, p.lineEnd...)
		}
	}
	return blocks, nil
}

// route returns the shard of each good row of a request.
func (h *Handler) route(s Stream, m *ingest.ShardMap, how reading, res decode.Result) []stream.Shard {
	if how.partitionKey != "" {
		shards := make([]stream.Shard, len(res.Spans))
		setAll(shards, m.Route([]byte(how.partitionKey)))
		return shards
	}
	return routeByKey(s, m, func() uint32 { return h.turn(s.ID) }, res)
}

// routeByKey returns the shard of each good row by the declared column. All rows
// without a key go where turn says, which is called only if there is one.
func routeByKey(s Stream, m *ingest.ShardMap, turn func() uint32, res decode.Result) []stream.Shard {
	shards := make([]stream.Shard, len(res.Spans))
	var keys arrow.Array
	without := len(shards)
	if s.PartitionKey >= 0 {
		keys = res.Batch.Column(0)
		without = keys.NullN()
	}
	var own stream.Shard
	if without > 0 {
		own = m.Open()[turn()%uint32(len(m.Open()))]
	}
	if keys == nil {
		setAll(shards, own)
		return shards
	}
	appendKey := decode.KeyText(keys, s.Columns[s.PartitionKey].Type)
	var key []byte
	for i := range shards {
		if keys.IsNull(i) {
			shards[i] = own
			continue
		}
		key = appendKey(key[:0], i)
		shards[i] = m.Route(key)
	}
	return shards
}

func setAll(shards []stream.Shard, shard stream.Shard) {
	for i := range shards {
		shards[i] = shard
	}
}

// scoped returns the key under which the log knows an Idempotency-Key.
func scoped(stream uint32, key string) string {
	return strconv.FormatUint(uint64(stream), 10) + "/" + key
}

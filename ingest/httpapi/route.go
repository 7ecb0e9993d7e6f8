package httpapi

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/types"
)

// blocks deals the good rows of a body to the shards: one block a shard, in the
// order in which the shards come up, rows in the order of the body.
func (h *Handler) blocks(s Stream, body []byte, res decode.Result) []wal.Block {
	shards := h.route(s, res)
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
			blocks = append(blocks, wal.Block{Stream: s.ID, Shard: shard, Encoding: wal.JSON})
			sizes = append(sizes, 0)
			place[shard] = int32(len(blocks))
		}
		at := place[shard] - 1
		blocks[at].Count++
		sizes[at] += res.Spans[i].End - res.Spans[i].Start + 1
	}
	for i := range blocks {
		blocks[i].Data = make([]byte, 0, sizes[i])
	}
	for i, shard := range shards {
		b := &blocks[place[shard]-1]
		if len(b.Data) > 0 {
			b.Data = append(b.Data, '\n')
		}
		b.Data = append(b.Data, body[res.Spans[i].Start:res.Spans[i].End]...)
	}
	return blocks
}

// route returns the shard of each good row.
func (h *Handler) route(s Stream, res decode.Result) []stream.Shard {
	shards := make([]stream.Shard, len(res.Spans))
	var keys arrow.Array
	without := len(shards)
	if s.PartitionKey >= 0 {
		keys = res.Batch.Column(0)
		without = keys.NullN()
	}
	// All rows without a key go where this request's turn says.
	var own stream.Shard
	if without > 0 {
		own = stream.Shard(h.turn(s.ID) % uint32(s.Shards.Shards()))
	}
	if keys == nil {
		for i := range shards {
			shards[i] = own
		}
		return shards
	}
	appendKey := keyText(keys, s.Columns[s.PartitionKey].Type)
	var key []byte
	for i := range shards {
		if keys.IsNull(i) {
			shards[i] = own
			continue
		}
		key = appendKey(key[:0], i)
		shards[i] = s.Shards.Route(key)
	}
	return shards
}

// keyText returns what appends the value of a row as the text that is hashed:
// as weir prints it, so that a producer can compute it too. In a log text and
// shard belong together for good.
func keyText(values arrow.Array, t types.Type) func(dst []byte, row int) []byte {
	switch v := values.(type) {
	case *array.Int64:
		return func(dst []byte, row int) []byte { return strconv.AppendInt(dst, v.Value(row), 10) }
	case *array.Float64:
		return func(dst []byte, row int) []byte { return types.AppendDouble(dst, v.Value(row)) }
	case *array.Decimal128:
		return func(dst []byte, row int) []byte { return types.AppendDecimal(dst, v.Value(row), t.Scale) }
	case *array.Boolean:
		return func(dst []byte, row int) []byte { return strconv.AppendBool(dst, v.Value(row)) }
	case *array.String:
		return func(dst []byte, row int) []byte { return append(dst, v.Value(row)...) }
	case *array.Date32:
		return func(dst []byte, row int) []byte { return types.AppendDate(dst, int32(v.Value(row))) }
	case *array.Timestamp:
		return func(dst []byte, row int) []byte { return types.AppendDatetime(dst, int64(v.Value(row)), t.Precision) }
	}
	panic("no text for a key of type " + t.String())
}

// scoped returns the key under which the log knows an Idempotency-Key.
func scoped(stream uint32, key string) string {
	return strconv.FormatUint(uint64(stream), 10) + "/" + key
}

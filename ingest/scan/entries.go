package scan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/keyed"
	"weir/ingest/kinesis/kpl"
	"weir/operators/stream"
)

// entries are the records of a block; those that the Kinesis Producer Library has put
// together are taken apart.
type entries struct {
	split kpl.Splitter
	inner []kpl.Record

	shards *ingest.ShardMap // of the stream
	shard  *ingest.Shard    // of the block
	commit stream.Commit    // that the block is in

	keys  [][]byte
	spans []decode.Span // of the data, in the block
	// of has the place in the block of the record that each entry comes from. While
	// apart is false each is one.
	of    []int32
	apart bool
	// astray is how many inner records were left out, and left where the last of them
	// are; if they are shown, strays has the places of the records that they are in
	// instead.
	astray int
	left   []decode.RowError
	strays map[int32]bool
	// shown has them kept: as they are, or without their data.
	shown, blank bool
}

// wrongShard is the reason of inner records that their producer puts again.
const wrongShard = "WRONG_SHARD"

// read finds the records of a block.
func (e *entries) read(block []byte, count int) error {
	e.keys, e.spans, e.of, e.apart, e.astray, e.left = e.keys[:0], e.spans[:0], e.of[:0], false, 0, e.left[:0]
	clear(e.strays)
	for k, rest := int32(0), block; ; k++ {
		if len(rest) == 0 {
			if int(k) != count {
				return fmt.Errorf("%d records where the log counted %d", k, count)
			}
			return nil
		}
		r, behind, err := keyed.Next(rest)
		if err != nil {
			return err
		}
		start := len(block) - len(behind) - len(r.Data)
		rest = behind
		if kpl.Is(r.Data) && e.aggregate(r, start, k) {
			continue
		}
		e.add(r.Key, start, start+len(r.Data), k)
	}
}

func (e *entries) add(key []byte, start, end int, record int32) {
	e.keys = append(e.keys, key)
	e.spans = append(e.spans, decode.Span{Start: start, End: end})
	e.of = append(e.of, record)
}

// aggregate takes a record apart, if it is one that was put together.
func (e *entries) aggregate(r keyed.Record, start int, record int32) bool {
	var ok bool
	if e.inner, ok = e.split.Split(e.inner[:0], r.Data); !ok {
		return false
	}
	e.apart = true
	if string(r.Key) == kpl.Key && e.putAgain() {
		e.leaveOut(record, start)
		return true
	}
	for i := range e.inner {
		r := &e.inner[i]
		e.add(r.Key, start+r.At, start+r.At+len(r.Data), record)
	}
	return true
}

// putAgain tells of inner records that the producer library put together whether it puts
// them again. It puts together what belongs to one shard by the shards that it knows.
// When the answer names a shard that some of them do not belong to, it puts them again,
// so none counts here (docs/adr/0018). What never belonged to one shard it has not put
// together.
func (e *entries) putAgain() bool {
	low, high := e.inner[0].Hash, e.inner[0].Hash
	for i := range e.inner {
		h := e.inner[i].Hash
		if h.Less(low) {
			low = h
		}
		if high.Less(h) {
			high = h
		}
	}
	if !low.Less(e.shard.Start) && !e.shard.End.Less(high) {
		return false
	}
	return e.shards.Spanned(low, high, e.commit)
}

// leaveOut counts the inner records at hand, or keeps them to be shown.
func (e *entries) leaveOut(record int32, start int) {
	if !e.shown {
		e.astray += len(e.inner)
		for i := max(0, len(e.inner)-stream.BadRowsMax); i < len(e.inner); i++ {
			if len(e.left) == 2*stream.BadRowsMax {
				e.left = append(e.left[:0], e.left[stream.BadRowsMax:]...)
			}
			r := &e.inner[i]
			e.left = append(e.left, decode.RowError{
				Code: wrongShard, Message: "it belongs to another shard, so its producer puts it again",
				Start: start + r.At, End: start + r.At + len(r.Data), Place: decode.Place{Record: record, Sub: int32(i)},
			})
		}
		return
	}
	if e.strays == nil {
		e.strays = map[int32]bool{}
	}
	e.strays[record] = true
	for i := range e.inner {
		r := &e.inner[i]
		size := len(r.Data)
		if e.blank {
			size = 0 // each is one bad row, as it is one that is counted
		}
		e.add(r.Key, start+r.At, start+r.At+size, record)
	}
}

// lost says of the rows of strays why they count as errors.
func (e *entries) lost(b *stream.SourceBatch) {
	if len(e.strays) == 0 {
		return
	}
	if b.Why == nil {
		b.Why = make([]string, len(b.Seqs))
	}
	for i, seq := range b.Seqs {
		if e.strays[int32(seq-b.First)] {
			b.Why[i] = wrongShard
		}
	}
}

// tell says of a batch where its last bad rows are: those that did not decode, and those
// that were left out.
func (e *entries) tell(b *stream.SourceBatch, bad []decode.RowError) {
	if len(bad) == 0 && len(e.left) == 0 {
		return
	}
	all := append(slices.Clone(bad), e.left...)
	slices.SortFunc(all, func(x, y decode.RowError) int {
		return cmp.Or(cmp.Compare(x.Place.Record, y.Place.Record), cmp.Compare(x.Place.Sub, y.Place.Sub))
	})
	all = all[max(0, len(all)-stream.BadRowsMax):]
	b.BadRows = make([]stream.BadRow, len(all))
	for i, r := range all {
		b.BadRows[i] = stream.BadRow{
			Seq: b.First + stream.Seq(r.Place.Record), Sub: r.Place.Sub, Code: r.Code, Message: describe(r), At: r.Start, Len: r.End - r.Start,
		}
	}
}

// describe is what is wrong with a row, in words.
func describe(r decode.RowError) string {
	if r.Column == "" || strings.HasPrefix(r.Message, "`") { // which is the column's name
		return r.Message
	}
	return "`" + r.Column + "`: " + r.Message
}

// place gives the rows of a batch that has one for each entry their places.
func (e *entries) place(b *stream.SourceBatch) {
	if !e.apart {
		return
	}
	before, sub := int32(-1), int32(0)
	place(b, len(e.of), func(i int) (int32, int32) {
		if e.of[i] != before {
			before, sub = e.of[i], -1
		}
		sub++
		return before, sub
	})
}

// place gives the rows of a batch their sequences and their places in their records.
func place(b *stream.SourceBatch, rows int, of func(i int) (record, sub int32)) {
	b.Seqs, b.Subs = make([]stream.Seq, rows), make([]int32, rows)
	for i := range rows {
		record, sub := of(i)
		b.Seqs[i], b.Subs[i] = b.First+stream.Seq(record), sub
	}
}

package ingest

import (
	"testing"

	"pgregory.net/rapid"

	"weir/operators/stream"
)

func TestSequenceText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := SequenceNumber{
			Created: stream.Time(rapid.Int64Range(0, 1<<36-1).Draw(t, "created")) * second,
			Shard:   stream.Shard(rapid.Uint32().Draw(t, "shard")),
			Seq:     stream.Seq(rapid.Uint64Range(0, 1<<62).Draw(t, "seq")),
			Arrived: stream.Time(rapid.Int64Range(0, 1<<36-1).Draw(t, "arrived")) * second,
		}
		text := NewSequenceText(n)
		for range rapid.IntRange(0, 300).Draw(t, "records") {
			if got := string(text.Bytes()); got != n.String() || len(got) != 56 {
				t.Fatalf("%+v is %s, want %s", n, got, n)
			}
			n.Seq++
			text.Next()
		}
	})
}

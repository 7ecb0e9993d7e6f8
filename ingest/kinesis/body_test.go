package kinesis

import (
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"weir/operators/stream"
)

// timedWriter remembers how much was written under each deadline.
type timedWriter struct {
	*httptest.ResponseRecorder
	pieces []int
}

func (w *timedWriter) SetWriteDeadline(t time.Time) error {
	w.pieces = append(w.pieces, 0)
	return nil
}

func (w *timedWriter) Write(b []byte) (int, error) {
	w.pieces[len(w.pieces)-1] += len(b)
	return w.ResponseRecorder.Write(b)
}

// A large answer, and a large frame, need not be taken within the time of a small one.
func TestLargeAnswersHaveTime(t *testing.T) {
	const size = 10 << 20
	for name, send := range map[string]func(c *call){
		"answer": func(c *call) { c.answer(200, struct{ Data string }{strings.Repeat("x", size)}) },
		"frame": func(c *call) {
			e := &eventStream{c: c}
			if err := e.write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		w := &timedWriter{ResponseRecorder: httptest.NewRecorder()}
		send(&call{w: w, codec: jsonCodec})
		sum := 0
		for _, n := range w.pieces {
			sum += n
			if n > pieceMax {
				t.Errorf("%s: %d bytes under one deadline", name, n)
			}
		}
		if sum < size || sum != w.Body.Len() {
			t.Errorf("%s: %d bytes of %d", name, sum, w.Body.Len())
		}
	}
}

// What cannot be read is told in the words of the API, and not in those of Go.
func TestUnreadable(t *testing.T) {
	text := func(v any) []byte {
		b, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		codec *codec
		body  []byte
		want  string
	}{
		{jsonCodec, []byte(`{"PartitionKey":5}`), "the member PartitionKey cannot be a JSON number"},
		{jsonCodec, []byte(`{"StreamName":[]}`), "the member StreamName cannot be a JSON array"},
		{jsonCodec, []byte(`[]`), "a request is an object, and no JSON array"},
		{cborCodec, text(map[string]any{"PartitionKey": 5}), "the member PartitionKey cannot be a CBOR positive integer"},
		{cborCodec, text("x"), "a request is a map, and no CBOR UTF-8 text string"},
	} {
		var in putRecord
		if got := unreadable(c.codec.decode(c.body, &in)); got.Message != c.want || got.Type != serialization {
			t.Errorf("%s of %s: %q, want %q", c.codec.contentType, c.body, got.Message, c.want)
		}
	}
}

// A number of milliseconds that is none is no timestamp.
func TestTimestampOfNothing(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300} {
		b, err := cbor.Marshal(map[string]any{"Timestamp": v})
		if err != nil {
			t.Fatal(err)
		}
		var in getShardIterator
		if err := decodeCBOR(b, &in); err == nil {
			t.Errorf("%v is %s", v, stream.Time(*in.Timestamp).Go())
		}
	}
}

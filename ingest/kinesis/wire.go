package kinesis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"weir/operators/stream"
)

// codec is one of the two ways to write requests and answers. Both take the names
// from the fields of Go structs.
type codec struct {
	contentType string
	eventType   string // of a frame of an answer that goes on
	decode      func(body []byte, into any) error
	encode      func(v any) ([]byte, error)
}

var (
	jsonCodec = &codec{contentType: "application/x-amz-json-1.1", eventType: "application/json", decode: decodeJSON, encode: encodeJSON}
	cborCodec = &codec{contentType: "application/x-amz-cbor-1.1", eventType: "application/x-amz-cbor-1.1", decode: decodeCBOR, encode: cbor.Marshal}
)

// codecOf returns the codec of a Content-Type, nil if there is none.
func codecOf(contentType string) *codec {
	name, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(name)) {
	case jsonCodec.contentType, "application/json":
		return jsonCodec
	case cborCodec.contentType:
		return cborCodec
	}
	return nil
}

// decodeJSON reads a request. What comes in numbers has a way of its own.
func decodeJSON(body []byte, into any) error {
	if in, ok := into.(*putRecords); ok {
		if scanPutRecords(body, in) {
			return nil
		}
		*in = putRecords{}
	}
	if !fewElements(body) {
		return fmt.Errorf("the request has more than %d elements", elementsMax)
	}
	return json.Unmarshal(body, into)
}

// elementsMax is how many elements lists and objects of a request have together. The
// largest request that is good has a tenth of them; each takes more memory than text.
const elementsMax = 20_000

// fewElements counts the commas of a text in JSON that are in no string.
func fewElements(body []byte) bool {
	n := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case ',':
			if n++; n > elementsMax {
				return false
			}
		case '"':
			i = endOfString(body, i+1)
		}
	}
	return true
}

// endOfString returns where the string ends that began before at.
func endOfString(body []byte, at int) int {
	for {
		end := bytes.IndexByte(body[at:], '"')
		if end < 0 {
			return len(body)
		}
		slashes := 0
		for slashes < end && body[at+end-1-slashes] == '\\' {
			slashes++
		}
		if at += end; slashes%2 == 0 {
			return at
		}
		at++
	}
}

// jsonAppender is an answer that writes itself, as encoding/json would but sooner.
type jsonAppender interface{ appendJSON(b []byte) []byte }

func encodeJSON(v any) ([]byte, error) {
	if a, ok := v.(jsonAppender); ok {
		return a.appendJSON(nil), nil
	}
	return json.Marshal(v)
}

// appendText adds a text to an answer.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // every text has a form
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// cborBounds keeps what a body can make us allocate near its own size.
var cborBounds = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		MaxNestedLevels: 16, MaxArrayElements: elementsMax, MaxMapPairs: elementsMax,
		DupMapKey: cbor.DupMapKeyQuiet, IndefLength: cbor.IndefLengthAllowed,
		ExtraReturnErrors: cbor.ExtraDecErrorNone, UTF8: cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

func decodeCBOR(body []byte, into any) error { return cborBounds.Unmarshal(body, into) }

// Timestamp is an instant on the wire: in JSON a number of seconds with a fraction,
// in CBOR a tagged integer of milliseconds.
type Timestamp stream.Time

// MarshalJSON writes seconds, exact to the millisecond.
func (t Timestamp) MarshalJSON() ([]byte, error) { return t.appendJSON(nil), nil }

func (t Timestamp) appendJSON(b []byte) []byte {
	return strconv.AppendFloat(b, float64(floorDiv(int64(t), 1000))/1000, 'f', -1, 64)
}

// UnmarshalJSON reads seconds.
func (t *Timestamp) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.Abs(v) > maxSeconds {
		return fmt.Errorf("%s is no timestamp in seconds", text)
	}
	*t = Timestamp(math.Round(v * 1e6))
	return nil
}

// maxSeconds is the year 9999.
const maxSeconds = 253_402_300_800

const tagEpoch = 1

// MarshalCBOR writes milliseconds.
func (t Timestamp) MarshalCBOR() ([]byte, error) {
	return cbor.Marshal(cbor.Tag{Number: tagEpoch, Content: floorDiv(int64(t), 1000)})
}

// UnmarshalCBOR reads milliseconds, with or without the tag, as an integer or not.
func (t *Timestamp) UnmarshalCBOR(b []byte) error {
	var tag cbor.RawTag
	if err := cbor.Unmarshal(b, &tag); err == nil {
		if tag.Number != tagEpoch {
			return fmt.Errorf("tag %d is no timestamp", tag.Number)
		}
		b = tag.Content
	}
	var v float64
	if err := cbor.Unmarshal(b, &v); err != nil || math.IsNaN(v) || math.Abs(v) > maxSeconds*1000 {
		return errors.New("a timestamp is a number of milliseconds")
	}
	*t = Timestamp(math.Round(v * 1000))
	return nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

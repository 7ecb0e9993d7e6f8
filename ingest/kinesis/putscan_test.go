package kinesis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// sameAsSlow checks that what the scanner reads is what encoding/json reads.
func sameAsSlow(t interface{ Fatalf(string, ...any) }, body []byte) (scanned bool) {
	before := bytes.Clone(body)
	var fast, slow putRecords
	scanned = scanPutRecords(body, &fast)
	if !bytes.Equal(body, before) {
		t.Fatalf("%q was changed", before)
	}
	if !scanned {
		return false
	}
	if err := json.Unmarshal(body, &slow); err != nil {
		t.Fatalf("%q was read as %+v, and is wrong: %v", body, fast, err)
	}
	if !reflect.DeepEqual(fast, slow) {
		t.Fatalf("%q was read as %+v, and is %+v", body, fast, slow)
	}
	return true
}

// What clients write is scanned, and reads as encoding/json reads it; so does what has
// been damaged, as far as it is scanned.
func TestScanPutRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type record struct {
			Data            []byte
			PartitionKey    string
			ExplicitHashKey string `json:",omitempty"`
		}
		plain := rapid.StringMatching(`[ !#-Z^-~]{0,20}`)
		in := struct {
			Records    []record
			StreamName string `json:",omitempty"`
			StreamARN  string `json:",omitempty"`
		}{StreamName: plain.Draw(t, "name"), StreamARN: plain.Draw(t, "arn")}
		for range rapid.IntRange(1, 6).Draw(t, "records") {
			in.Records = append(in.Records, record{rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data"), plain.Draw(t, "key"), rapid.StringMatching(`[0-9]{0,39}`).Draw(t, "hash")})
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(in); err != nil {
			t.Fatal(err)
		}
		text := b.Bytes()
		if rapid.Bool().Draw(t, "indented") {
			b = bytes.Buffer{}
			if err := json.Indent(&b, text, "", " "); err != nil {
				t.Fatal(err)
			}
			text = b.Bytes()
		}
		if !sameAsSlow(t, text) {
			t.Fatalf("%s was not scanned", text)
		}
		for range rapid.IntRange(1, 3).Draw(t, "damages") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				text[at] = rapid.Byte().Draw(t, "byte")
			case 1:
				text = append(text[:at:at], text[min(len(text), at+rapid.IntRange(1, 9).Draw(t, "cut")):]...)
			case 2:
				piece := text[at:min(len(text), at+rapid.IntRange(1, 60).Draw(t, "piece"))]
				text = append(text[:at:at], append(bytes.Clone(piece), text[at:]...)...)
			}
			if len(text) == 0 {
				return
			}
			sameAsSlow(t, text)
		}
	})
}

func FuzzScanPutRecords(f *testing.F) {
	for _, s := range []string{
		`{"StreamName":"a","Records":[{"Data":"aGk=","PartitionKey":"k"}]}`,
		` { "Records" : [ {"PartitionKey":"k","Data":"","ExplicitHashKey":"0"} , {"Data":"/+8="}],"StreamARN":"arn:x"} `,
		`{"Records":[{"Data":"aGk","PartitionKey":"\u00e4"}],"records":null}`,
		`{"Records":[{"Data":"aG\r\nk="}],"Records":[]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) { sameAsSlow(t, body) })
}

// What answers write by themselves reads as what encoding/json writes.
func TestAnswersInJSON(t *testing.T) {
	read := func(t *rapid.T, text []byte, err error) (v any) {
		if err == nil {
			err = json.Unmarshal(text, &v)
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		put := putAnswer{FailedRecordCount: rapid.IntRange(0, 9).Draw(t, "failed"), EncryptionType: text.Draw(t, "type"), Records: []putResult{}}
		get := getAnswer{Records: []Record{}, NextShardIterator: text.Draw(t, "next"), MillisBehindLatest: rapid.Int64Range(0, 1<<50).Draw(t, "behind")}
		for range rapid.IntRange(0, 5).Draw(t, "records") {
			r := putResult{SequenceNumber: rapid.StringMatching(`[1-9][0-9]{0,9}`).Draw(t, "sequence"), ShardId: "shardId-1"}
			if rapid.Bool().Draw(t, "refused") {
				r = putResult{ErrorCode: throughputExceeded, ErrorMessage: text.Draw(t, "why") + "."}
			}
			put.Records = append(put.Records, r)
			get.Records = append(get.Records, Record{
				SequenceNumber: r.SequenceNumber, PartitionKey: text.Draw(t, "key"), EncryptionType: text.Draw(t, "encryption"),
				Data:                        rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
				ApproximateArrivalTimestamp: Timestamp(rapid.Int64Range(-1e15, 1e17).Draw(t, "arrived")),
			})
		}
		if rapid.Bool().Draw(t, "over") {
			get.ChildShards = []ChildShard{{"a", []string{"b"}, Range{"0", "1"}}}
		}
		for _, v := range []jsonAppender{put, get} {
			slow, err := json.Marshal(v)
			want := read(t, slow, err)
			if got := read(t, v.appendJSON(nil), nil); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, want %s", v.appendJSON(nil), slow)
			}
		}
	})
}

// BenchmarkDecodePutRecords reads 500 records of 200 bytes, by the scanner and without.
func BenchmarkDecodePutRecords(b *testing.B) {
	var in putRecords
	in.StreamName = "stream"
	for i := range 500 {
		data := bytes.Repeat([]byte{byte(i)}, 200)
		in.Records = append(in.Records, entry{Data: &data, PartitionKey: fmt.Sprint("key-", i)})
	}
	body, err := json.Marshal(map[string]any{"StreamName": in.StreamName, "Records": in.Records})
	if err != nil {
		b.Fatal(err)
	}
	body = bytes.ReplaceAll(body, []byte(`,"ExplicitHashKey":""`), nil)
	for name, decode := range map[string]func([]byte, any) error{"scanner": decodeJSON, "encoding-json": json.Unmarshal} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var got putRecords
				if err := decode(body, &got); err != nil || len(got.Records) != len(in.Records) {
					b.Fatal(err)
				}
			}
		})
	}
}

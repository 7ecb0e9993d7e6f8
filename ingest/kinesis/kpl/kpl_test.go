package kpl

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"weir/ingest"
)

// Blobs that Amazon's library made, and what its consumers make of broken ones.
func TestVectors(t *testing.T) {
	dir := os.Getenv("WEIR_SHARED")
	if dir == "" {
		dir = "../../../../shared"
	}
	text, err := os.ReadFile(filepath.Join(dir, "cases", "kinesis", "kpl_vectors.json"))
	if err != nil {
		t.Skipf("SKIPPED: the cases are not here (%s): set WEIR_SHARED", dir)
	}
	var cases []struct {
		Name        string
		Aggregated  bool
		Data        string `json:"data_base64"`
		UserRecords []struct {
			Key      string  `json:"partition_key"`
			Explicit *string `json:"explicit_hash_key"`
			Data     string
		} `json:"user_records"`
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	var s Splitter
	for _, c := range cases {
		data, err := base64.StdEncoding.DecodeString(c.Data)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := s.Split(nil, data)
		if ok != c.Aggregated || ok && len(got) != len(c.UserRecords) {
			t.Errorf("%s: aggregated %t with %d records, want %t with %d", c.Name, ok, len(got), c.Aggregated, len(c.UserRecords))
			continue
		}
		for i, r := range got {
			want := c.UserRecords[i]
			hash := ingest.HashOf([]byte(want.Key))
			if want.Explicit != nil {
				if hash, err = ingest.ParseHash(*want.Explicit); err != nil {
					t.Fatal(err)
				}
			}
			if string(r.Key) != want.Key || string(r.Data) != want.Data || r.Hash != hash {
				t.Errorf("%s: record %d is %q %q %s, want %+v", c.Name, i, r.Key, r.Data, r.Hash, want)
			}
		}
	}
	if len(cases) < 9 {
		t.Errorf("only %d cases", len(cases))
	}
}

// message writes fields of a message.
type message []byte

func (m message) bytes(number int, b []byte) message {
	m = binary.AppendUvarint(m, uint64(number)<<3|lengthPrefixed)
	m = binary.AppendUvarint(m, uint64(len(b)))
	return append(m, b...)
}

func (m message) number(number int, v uint64) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(number)<<3|varint), v)
}

func (m message) blob() []byte {
	sum := md5.Sum(m)
	return append(append([]byte(magic), m...), sum[:]...)
}

func inner(key uint64, data string) []byte {
	return message(nil).number(1, key).bytes(3, []byte(data))
}

// What is right is taken apart, whatever the order of its fields; what is wrong in
// any place is a plain record.
func TestJudgement(t *testing.T) {
	long := bytes.Repeat([]byte("ü"), keyMax)
	for _, c := range []struct {
		name string
		blob []byte
		want string
	}{
		{"tables behind the records", message(nil).bytes(3, inner(1, "x")).bytes(1, []byte("a")).bytes(1, []byte("b")).blob(), "b=x"},
		{"unknown fields", message(nil).bytes(1, []byte("a")).number(9, 7).bytes(8, []byte("?")).bytes(3, message(inner(0, "x")).bytes(4, []byte("tag"))).blob(), "a=x"},
		{"an empty record", message(nil).bytes(1, []byte("a")).bytes(3, inner(0, "")).blob(), "a="},
		{"the longest key", message(nil).bytes(1, long).bytes(3, inner(0, "x")).blob(), string(long) + "=x"},
		{"a key that is too long", message(nil).bytes(1, append(long, 'x')).bytes(3, inner(0, "x")).blob(), "plain"},
		{"a key that is no text", message(nil).bytes(1, []byte("\xff")).bytes(3, inner(0, "x")).blob(), "plain"},
		{"no record", message(nil).bytes(1, []byte("a")).blob(), "plain"},
		{"no message", message(nil).blob(), "plain"},
		{"no key of that number", message(nil).bytes(1, []byte("a")).bytes(3, inner(1, "x")).blob(), "plain"},
		{"a number that is no index", message(nil).bytes(1, []byte("a")).bytes(3, inner(^uint64(0), "x")).blob(), "plain"},
		{"no explicit hash of that number", message(nil).bytes(1, []byte("a")).bytes(3, message(inner(0, "x")).number(2, 0)).blob(), "plain"},
		{"an explicit hash that is none", message(nil).bytes(1, []byte("a")).bytes(2, []byte("-1")).bytes(3, message(inner(0, "x")).number(2, 0)).blob(), "plain"},
		{"a record without data", message(nil).bytes(1, []byte("a")).bytes(3, message(nil).number(1, 0)).blob(), "plain"},
		{"a record without a key", message(nil).bytes(1, []byte("a")).bytes(3, message(nil).bytes(3, []byte("x"))).blob(), "plain"},
		{"the second record is broken", message(nil).bytes(1, []byte("a")).bytes(3, inner(0, "x")).bytes(3, inner(9, "y")).blob(), "plain"},
		{"a group", append(message(nil).bytes(1, []byte("a")).bytes(3, inner(0, "x")), 7<<3|3, 7<<3|4).blob(), "plain"},
		{"a field that is cut", append(message(nil).bytes(1, []byte("a")).bytes(3, inner(0, "x")), 1<<3|lengthPrefixed, 5).blob(), "plain"},
		{"keys that would fill the memory", shared(long, 100), "plain"},
	} {
		got, ok := new(Splitter).Split(nil, c.blob)
		text := "plain"
		if ok {
			text = ""
			for _, r := range got {
				text += fmt.Sprintf("%s=%s", r.Key, r.Data)
			}
		}
		if text != c.want || !ok && got != nil {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

// shared is a blob with one key for n records.
func shared(key []byte, n int) []byte {
	m := message(nil).bytes(1, key)
	for range n {
		m = m.bytes(3, inner(0, ""))
	}
	return m.blob()
}

// Random records come back, one splitter after the other blob.
func TestRoundTrip(t *testing.T) {
	var s Splitter
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.StringN(0, 20, 80), 1, 5).Draw(t, "keys")
		data := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 1, 20).Draw(t, "data")
		m := message(nil)
		for _, k := range keys {
			m = m.bytes(1, []byte(k))
		}
		for i, d := range data {
			m = m.bytes(3, inner(uint64(i%len(keys)), string(d)))
		}
		blob := m.blob()
		before := []Record{{Key: []byte("before")}}
		got, ok := s.Split(before, blob)
		if !ok || len(got) != 1+len(data) {
			t.Fatalf("%t, %d records, want %d", ok, len(got), 1+len(data))
		}
		for i, r := range got[1:] {
			k := keys[i%len(keys)]
			if !bytes.HasPrefix(blob[r.At:], data[i]) || string(r.Key) != k || !bytes.Equal(r.Data, data[i]) || r.Hash != ingest.HashOf([]byte(k)) {
				t.Fatalf("record %d is %q %q", i, r.Key, r.Data)
			}
		}
		at := rapid.IntRange(0, len(blob)-1).Draw(t, "broken")
		blob[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		if got, ok := s.Split(nil, blob); ok || got != nil {
			t.Fatalf("with byte %d changed it has %d records", at, len(got))
		}
	})
}

// Whatever the message is, nothing panics, and what comes out is bounded by what came in.
func FuzzSplit(f *testing.F) {
	f.Add([]byte(message(nil).bytes(1, []byte("a")).bytes(2, []byte("12")).bytes(3, message(inner(0, "x")).number(2, 0))))
	f.Add([]byte(message(nil).bytes(3, inner(0, ""))))
	f.Add([]byte{})
	var s Splitter
	f.Fuzz(func(t *testing.T, m []byte) {
		blob := message(m).blob()
		got, ok := s.Split(nil, blob)
		if !ok {
			if got != nil {
				t.Fatal("a plain record has records")
			}
			return
		}
		keys, data := 0, 0
		for _, r := range got {
			keys += len(r.Key)
			data += len(r.Data)
		}
		if len(got) > len(blob) || data > len(blob) || keys > KeysMax*len(blob) {
			t.Fatalf("%d bytes have %d records, %d bytes of keys and %d of data", len(blob), len(got), keys, data)
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	m := message(nil)
	for i := range 100 {
		m = m.bytes(1, fmt.Appendf(nil, "user-%d", i))
	}
	for i := range 400 {
		m = m.bytes(3, inner(uint64(i%100), `{"ts":"2026-11-20 10:00:00.000","user":"u123456","page":"/item/12345","price":12.34}`))
	}
	blob := m.blob()
	var s Splitter
	var records []Record
	b.SetBytes(int64(len(blob)))
	for b.Loop() {
		records, _ = s.Split(records[:0], blob)
	}
}

package ingest

import (
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"weir/operators/stream"
)

// sharedDir is the folder with the cases that all parts of the project share.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("WEIR_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the shared cases are not here (set WEIR_SHARED): %v", err)
	}
	return dir
}

func TestPartitionKeyVectors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(sharedDir(t), "cases", "kinesis", "partition_key_vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases struct {
		Ranges  map[string][][2]string
		Vectors []struct {
			Key    string                  `json:"partition_key"`
			Shards map[string]stream.Shard `json:"shard_index"`
		}
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, v := range cases.Vectors {
		for n, want := range v.Shards {
			if got := NewShardMap(atoi(t, n)).Route([]byte(v.Key)); got != want {
				t.Errorf("key %q of %s shards: shard %d, want %d", v.Key, n, got, want)
			}
			checked++
		}
	}
	for n, ranges := range cases.Ranges {
		m := NewShardMap(atoi(t, n))
		for i, r := range ranges {
			for _, end := range r {
				if got := m.Find(decimal(t, end)); int(got) != i {
					t.Errorf("hash %s of %s shards: shard %d, want %d", end, n, got, i)
				}
				checked++
			}
		}
	}
	if checked < 100 {
		t.Fatalf("only %d cases", checked)
	}
}

func atoi(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func decimal(t *testing.T, s string) Hash {
	t.Helper()
	h, err := ParseHash(s)
	if err != nil || h.String() != s {
		t.Fatalf("%q is read as %s, %v", s, h, err)
	}
	return h
}

// The model divides as the definition says, one big number by another.
func TestRouteIsDivision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "shards")
		h := Hash{rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
		whole := new(big.Int).Lsh(big.NewInt(1), 128)
		width := new(big.Int).Div(whole, big.NewInt(int64(n)))
		v := new(big.Int).SetUint64(h.Hi)
		v.Lsh(v, 64).Or(v, new(big.Int).SetUint64(h.Lo))
		want := min(v.Div(v, width).Int64(), int64(n-1))
		if got := NewShardMap(n).Find(h); int64(got) != want {
			t.Fatalf("shard %d, want %d", got, want)
		}
	})
}

func BenchmarkRoute(b *testing.B) {
	m, key := NewShardMap(16), []byte("customer-123456")
	b.ReportAllocs()
	for b.Loop() {
		m.Route(key)
	}
}

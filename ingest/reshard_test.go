package ingest

import (
	"math/big"
	"reflect"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"weir/operators/stream"
)

func randomHash(t *rapid.T, name string) Hash {
	h := Hash{rapid.Uint64().Draw(t, name+" hi"), rapid.Uint64().Draw(t, name+" lo")}
	switch rapid.IntRange(0, 9).Draw(t, name+" edge") {
	case 0:
		h = Hash{Lo: uint64(rapid.IntRange(0, 4).Draw(t, name+" low"))}
	case 1:
		h = Hash{^uint64(0), ^uint64(rapid.IntRange(0, 4).Draw(t, name+" high"))}
	}
	return h
}

// Whatever is split and merged, each hash has one open shard, a key that stays or
// moves has its history in the parents, and children are younger than their parents.
func TestReshards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewShardMap(rapid.IntRange(1, 5).Draw(t, "shards"))
		now := stream.Time(1_700_000_000_000_000)
		probes := []Hash{{}, HashMax, randomHash(t, "probe"), randomHash(t, "probe")}
		commit := stream.Commit(1)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			now += stream.Time(rapid.IntRange(0, 3_000_000).Draw(t, "passes"))
			commit++
			var r *Reshard
			var err error
			id := rapid.SampledFrom(m.Open()).Draw(t, "shard")
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				r, err = m.Split(id, randomHash(t, "at"), now)
			case 1:
				r, err = m.Merge(id, stream.Shard(rapid.IntRange(0, len(m.All())).Draw(t, "other")), now)
			default:
				r, err = m.Scale(rapid.IntRange(1, 9).Draw(t, "n"), now)
			}
			if err != nil || r == nil {
				continue
			}
			next, err := m.Apply(r, commit, now)
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			for _, h := range probes {
				was, is := m.Find(h), next.Find(h)
				s := next.All()[is]
				if h.Less(s.Start) || s.End.Less(h) || !s.Open() {
					t.Fatalf("%s is in shard %d, %+v", h, is, s)
				}
				if is != was && (len(s.Parents) == 0 || s.Parents[0] != was && s.Parents[len(s.Parents)-1] != was) {
					t.Fatalf("%s moved from shard %d to %d, %+v", h, was, is, s)
				}
			}
			for i, s := range next.All() {
				for _, p := range s.Parents {
					if parent := next.All()[p]; parent.Closed != s.Born || s.Created-parent.Created < second {
						t.Fatalf("shard %d %+v has the parent %+v", i, s, parent)
					}
				}
			}
			low, high := rapid.SampledFrom(probes).Draw(t, "low"), rapid.SampledFrom(probes).Draw(t, "high")
			if high.Less(low) {
				low, high = high, low
			}
			upTo, spanned := stream.Commit(rapid.IntRange(0, int(commit)).Draw(t, "up to")), false
			for _, s := range next.All() {
				spanned = spanned || s.Born <= upTo && !low.Less(s.Start) && !s.End.Less(high)
			}
			if got := next.Spanned(low, high, upTo); got != spanned {
				t.Fatalf("spanned from %s to %s up to commit %d: %t, in %+v", low, high, upTo, got, next.All())
			}
			back, err := RestoreShardMap(next.All())
			if err != nil || !reflect.DeepEqual(back, next) {
				t.Fatalf("%+v comes back as %+v, %v", next, back, err)
			}
			m = next
		}
	})
}

// Scale ends, and then the ranges are those of a new stream with as many shards.
func TestScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewShardMap(rapid.IntRange(1, 40).Draw(t, "shards"))
		if rapid.Bool().Draw(t, "uneven") {
			s := m.All()[0]
			at := rapid.SampledFrom([]Hash{{Lo: 2}, {Lo: 3}, s.End.before()}).Draw(t, "at")
			r, err := m.Split(0, at, 0)
			if err != nil {
				t.Fatal(err)
			}
			if m, err = m.Apply(r, 1, 0); err != nil {
				t.Fatal(err)
			}
		}
		n := rapid.IntRange(1, 40).Draw(t, "target")
		for step := 0; ; step++ {
			r, err := m.Scale(n, 0)
			if err != nil {
				t.Fatal(err)
			}
			if r == nil {
				break
			}
			if step > 200 {
				t.Fatal("it does not end")
			}
			if m, err = m.Apply(r, stream.Commit(step+2), 0); err != nil {
				t.Fatal(err)
			}
		}
		want := NewShardMap(n)
		for i, id := range m.Open() {
			s, w := m.All()[id], want.All()[i]
			if s.Start != w.Start || s.End != w.End {
				t.Fatalf("range %d of %d is %s to %s, want %s to %s", i, n, s.Start, s.End, w.Start, w.End)
			}
		}
		if len(m.Open()) != n {
			t.Fatalf("%d shards, want %d", len(m.Open()), n)
		}
	})
}

func TestHashInDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := randomHash(t, "hash")
		back, err := ParseHash(h.String())
		if err != nil || back != h {
			t.Fatalf("%s comes back as %s, %v", h, back, err)
		}
	})
	whole := new(big.Int).Lsh(big.NewInt(1), 128).String()
	for _, s := range []string{"", "-1", "01", "1x", whole, whole + "0", "999999999999999999999999999999999999999"} {
		if h, err := ParseHash(s); err == nil {
			t.Errorf("%q is read as %s", s, h)
		}
	}
}

// BenchmarkScale goes from one shard to many, as doublings of UpdateShardCount do.
func BenchmarkScale(b *testing.B) {
	for _, n := range []int{100, 1000, ShardsMax} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m := NewShardMap(1)
				for step := stream.Commit(1); len(m.Open()) < n; step++ {
					r, err := m.Scale(n, 0)
					if err == nil {
						m, err = m.Apply(r, step, 0)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

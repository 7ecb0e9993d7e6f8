package ingest

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"weir/operators/stream"
)

func anyNumber(t *rapid.T, name string) SequenceNumber {
	return SequenceNumber{
		Created: stream.Time(rapid.Int64Range(0, 1<<36-1).Draw(t, name+" created")) * second,
		Shard:   stream.Shard(rapid.Uint32().Draw(t, name+" shard")),
		Mark:    Mark(rapid.IntRange(0, int(BeforeRecord)).Draw(t, name+" mark")),
		Seq:     stream.Seq(rapid.Uint64Range(0, 1<<63-1).Draw(t, name+" seq")),
		Arrived: stream.Time(rapid.Int64Range(0, 1<<36-1).Draw(t, name+" arrived")) * second,
	}
}

// Numbers come back, and rise with the shard's birth first and the sequence second.
func TestSequenceNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := anyNumber(t, "n")
		if back, err := ParseSequenceNumber(n.String()); err != nil || back != n {
			t.Fatalf("%+v is %s, which is %+v, %v", n, n, back, err)
		}
		next := n
		next.Seq++
		next.Mark = OfRecord
		if n.Seq < EndOfShard && !less(n, next) {
			t.Fatalf("%s is not before %s", n, next)
		}
		child := anyNumber(t, "child")
		child.Created = n.Created + second
		if Seconds(n.Created) < secondsMask && !less(n, child) {
			t.Fatalf("%s is not before %s of a younger shard", n, child)
		}
	})
}

func less(a, b SequenceNumber) bool {
	x, _ := new(big.Int).SetString(a.String(), 10)
	y, _ := new(big.Int).SetString(b.String(), 10)
	return x.Cmp(y) < 0
}

// Numbers that AWS's documentation prints have this layout.
func TestSequenceNumbersOfAWS(t *testing.T) {
	for _, s := range []string{
		"49572672223665514422805246926656954630972486059535892482",
		"49590338271490256608559692538361571095921575989136588898",
	} {
		n, err := ParseSequenceNumber(s)
		if err != nil || n.String() != s {
			t.Errorf("%s is read as %+v %s, %v", s, n, n, err)
		}
		if year := n.Created.Go().Year(); year < 2015 || year > 2019 {
			t.Errorf("%s has a shard of %d", s, year)
		}
	}
	for _, s := range []string{"", "0", "01", "-1", "12x", "99999999999999999999999999999999999999999999999999999999999999"} {
		if n, err := ParseSequenceNumber(s); err == nil {
			t.Errorf("%q is read as %+v", s, n)
		}
	}
}

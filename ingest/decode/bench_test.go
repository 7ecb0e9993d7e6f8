package decode

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"weir/sql/types"
)

var bidColumns = []Column{
	{"auction", types.BigintType}, {"bidder", types.BigintType}, {"price", types.BigintType},
	{"channel", types.VarcharType}, {"url", types.VarcharType},
	{"dateTime", types.DatetimeType(3)}, {"extra", types.VarcharType},
}

// bids writes rows that look like Nexmark's bids, about 245 bytes each. With
// escapes, extra holds the backslashes that the real generator puts there.
func bids(n int, escapes bool) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	letters := "abcdefghijklmnopqrstuvwxyz"
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[r.IntN(26)]
		}
		return string(b)
	}
	var b strings.Builder
	for i := range n {
		extra := word(50 + r.IntN(60))
		if escapes {
			extra = extra[:20] + `\\` + extra[20:]
		}
		fmt.Fprintf(&b, `{"auction":%d,"bidder":%d,"price":%d,"channel":"channel-%d","url":"https://www.nexmark.com/%s/item.htm?query=1&channel_id=%d","dateTime":%d,"extra":"%s"}`+"\n",
			1000+i/46*3, 1000+r.IntN(5000), 100+r.IntN(100_000_000), r.IntN(10_000), word(15), r.IntN(1<<28), 1_700_000_000_000+i*10, extra)
	}
	return []byte(b.String())
}

func BenchmarkDecodeBids(b *testing.B) {
	for _, c := range []struct {
		name     string
		want     []int
		checkAll bool
		escapes  bool
	}{
		{name: "all", want: All(7)},
		{name: "all-escapes", want: All(7), escapes: true},
		{name: "three", want: []int{0, 2, 5}},
		{name: "three-checked", want: []int{0, 2, 5}, checkAll: true},
		{name: "none", want: nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			data := bids(16_000, c.escapes)
			d, err := NewJSON(Config{Columns: bidColumns, Want: c.want, CheckAll: c.checkAll})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			start := time.Now()
			for b.Loop() {
				res, err := d.Lines(data)
				if err != nil || res.Total != 16_000 || res.ErrorCount != 0 {
					b.Fatal(err, res.Errors)
				}
				res.Batch.Release()
			}
			b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(b.N)/16_000, "ns/row")
		})
	}
}

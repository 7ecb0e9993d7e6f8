package scan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"weir/ingest/wal"
)

// Blocks of CSV are read by their own headers, between blocks of JSON, and more
// headers than a decoder keeps.
func TestCSV(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	l := openLog(t, wal.Config{Dir: t.TempDir()})
	s := open(t, bigints(l, 1, alloc))
	steps(t, s, 1) // the start
	var want []string
	for i := range 2*headersMax + 3 {
		header := fmt.Sprintf("a%d,V,b", i)
		add(t, l, wal.Block{Stream: 1, Count: 3, Encoding: wal.CSV, Data: fmt.Appendf(nil, "%s\r\nx,%d,\r\nx,no,y\r\n\"\n\",7,\r\n", header, i)}, block(1, 1, "9"))
		want = append(want, fmt.Sprintf("seqs [%d %d] bad 1: %d 7]", 3*i, 3*i+2, i), "bad 0: 9]")
	}
	head, _ := l.Head()
	got := steps(t, s, head)
	all := strings.Join(got, "\n")
	for _, w := range want {
		if !strings.Contains(all, w) {
			t.Fatalf("no %q (-want +got):\n%s", w, cmp.Diff(want, got))
		}
	}
}

// What cannot be read is an error that names the place.
func TestUnknownEncoding(t *testing.T) {
	for _, b := range []wal.Block{
		{Stream: 1, Count: 1, Encoding: wal.Raw, Data: []byte("x")},
		{Stream: 1, Count: 1, Encoding: wal.CSV},
		{Stream: 1, Count: 2, Encoding: wal.CSV, Data: []byte("v\r\n1\r\n")},
	} {
		l := openLog(t, wal.Config{Dir: t.TempDir()})
		s := open(t, bigints(l, 1, nil))
		steps(t, s, 1)
		add(t, l, b)
		if _, err := s.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "commit 2, shard 0") {
			t.Errorf("%+v: %v", b, err)
		}
	}
}

package wal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// xorCipher seals the streams that it has a key for, so badly that a test can see
// where it was.
type xorCipher map[uint32]byte

func (x xorCipher) Seal(dst []byte, stream uint32, plain, about []byte) ([]byte, uint32, error) {
	k, ok := x[stream]
	if !ok {
		return dst, 0, nil
	}
	dst = append(dst, byte(len(about)))
	dst = append(dst, about...)
	for _, c := range plain {
		dst = append(dst, c^k)
	}
	return dst, uint32(k), nil
}

func (x xorCipher) Open(dst []byte, key uint32, sealed, about []byte) ([]byte, error) {
	if len(sealed) < 1+len(about) || !bytes.Equal(sealed[1:1+len(about)], about) {
		return dst, errors.New("it is another block")
	}
	for _, c := range sealed[1+len(about):] {
		dst = append(dst, c^byte(key))
	}
	return dst, nil
}

// Blocks of sealed streams are unreadable on the disk and come back with the key,
// beside others, also after a restart; without it they are an error that names it.
func TestSealedBlocks(t *testing.T) {
	dir := t.TempDir()
	keys := xorCipher{2: 77}
	long := strings.Repeat("a long secret, ", 1000)
	write := func(l *Log) {
		for _, id := range []uint32{1, 2} {
			for _, text := range []string{"a short secret\n", long} {
				block := Block{Stream: id, Count: 1, Data: []byte(text), Encoding: Keyed}
				if _, err := l.Append(t.Context(), Request{Blocks: []Block{block, block}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	read := func(l *Log) (got []string) {
		r, err := l.NewReader(0)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		head, _ := l.Head()
		for {
			f, err := r.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range f.Blocks {
				data, err := f.Data(i)
				if err != nil {
					data = []byte(err.Error())
				}
				got = append(got, fmt.Sprintf("%d: %d records %.90s", b.Stream, b.Count, data))
			}
			if f.Commit == head {
				return got
			}
		}
	}
	want := []string{
		"1: 2 records a short secret\na short secret\n",
		"1: 1 records " + long[:90], "1: 1 records " + long[:90],
		"2: 1 records a short secret\n", "2: 1 records a short secret\n",
		"2: 1 records " + long[:90], "2: 1 records " + long[:90],
	}
	l := openAt(t, Config{Dir: dir, Cipher: keys})
	write(l)
	if got := read(l); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		text, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		found += bytes.Count(text, []byte("a short secret"))
	}
	if found != 2 {
		t.Errorf("the secret is on the disk %d times, and only stream 1 is open", found)
	}
	again := openAt(t, Config{Dir: dir, Cipher: keys})
	if got := read(again); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("after a restart: got %q", got)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(openAt(t, Config{Dir: dir})); !strings.Contains(got[4], "it is sealed with key 77, and there are no keys") || got[0] != want[0] {
		t.Errorf("without keys: %q", got)
	}
}

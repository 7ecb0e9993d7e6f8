package file

import (
	"strings"
	"testing"
)

func TestForeign(t *testing.T) {
	for _, c := range []struct{ begin, want string }{
		{"\x1f\x8b\x08\x00", "gunzip -c"},
		{"\x28\xb5\x2f\xfd", "zstd -dc"},
		{"BZh91AY", "bunzip2 -c"},
		{"\xfd7zXZ\x00", "xz -dc"},
		{"PK\x03\x04", "unzip -p"},
		{"\xff\xfe{\x00", "iconv -f UTF-16"},
		{"PAR1\x15", "Parquet"},
		{"a,b\n\x00,1\n", "byte 4 is zero"},
		{" \r\n\t", "nothing"},
		{"", "nothing"},
	} {
		_, _, _, _, err := InferReader(strings.NewReader(c.begin), "")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.begin, err)
		}
	}
	for _, begin := range []string{"{", "a", "\xef\xbb\xbfa,b\n", "BZ", "PK,PAR1\n"} {
		if err := foreign([]byte(begin)); err != nil {
			t.Errorf("%q: %v", begin, err)
		}
	}
}

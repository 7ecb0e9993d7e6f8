package file

import (
	"bytes"
	"fmt"
)

// foreign says what an input is that can be no rows, going by its first bytes;
// nil where it may be rows. A person who names such a file has forgotten a step,
// so the message says which.
func foreign(begin []byte) error {
	for _, f := range []struct{ magic, what, unpack string }{
		{"\x1f\x8b", "compressed with gzip", "gunzip -c"},
		{"\x28\xb5\x2f\xfd", "compressed with zstd", "zstd -dc"},
		{"BZh", "compressed with bzip2", "bunzip2 -c"},
		{"\xfd7zXZ\x00", "compressed with xz", "xz -dc"},
		{"PK\x03\x04", "a zip archive", "unzip -p"},
		{"\xff\xfe", "UTF-16 text", "iconv -f UTF-16 -t UTF-8"},
		{"\xfe\xff", "UTF-16 text", "iconv -f UTF-16 -t UTF-8"},
	} {
		if bytes.HasPrefix(begin, []byte(f.magic)) {
			return fmt.Errorf("this is %s; turn it into text first: %s FILE | weir query \"SELECT … FROM stdin\"", f.what, f.unpack)
		}
	}
	if bytes.HasPrefix(begin, []byte("PAR1")) {
		return fmt.Errorf("this is Parquet; weir reads JSON lines, CSV and TSV")
	}
	if i := bytes.IndexByte(begin[:min(len(begin), 4096)], 0); i >= 0 {
		return fmt.Errorf("this is no text: byte %d is zero; weir reads JSON lines, CSV and TSV in UTF-8", i)
	}
	if len(trimSpace(begin)) == 0 {
		return fmt.Errorf("there is nothing in it")
	}
	return nil
}

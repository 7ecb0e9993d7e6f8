package decode

import (
	"fmt"
	"strings"
)

// headerNotes says what in a CSV header will surprise: rows are read all the
// same, but not as the person who wrote the file meant them.
func headerNotes(header []string, comma byte) []string {
	var notes []string
	seen := make(map[string]int, len(header))
	for i, name := range header {
		first, twice := seen[name]
		switch {
		case name == "" && len(header) > 1:
			notes = append(notes, fmt.Sprintf("column %d has no name in the header", i+1))
		case twice:
			notes = append(notes, fmt.Sprintf("columns %d and %d are both called `%s`: the later one counts", first+1, i+1, name))
		}
		seen[name] = i
	}
	if len(header) > 1 || len(header) == 0 {
		return notes
	}
	for _, other := range []struct{ sep, advice string }{
		{";", "write commas instead"}, {"\t", "call the file .tsv"}, {"|", "write commas instead"}, {",", "call the file .csv"},
	} {
		if other.sep != string(comma) && strings.Contains(header[0], other.sep) {
			return append(notes, fmt.Sprintf("the header is one column, %q: fields are cut at %q alone, so %s", header[0], string(comma), other.advice))
		}
	}
	return notes
}

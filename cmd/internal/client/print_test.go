package client

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

const finiteAnswer = `{"columns":[{"name":"path","type":"VARCHAR"},{"name":"n","type":"BIGINT"},{"name":"d","type":"DECIMAL(20,2)"}],"rows":[
["/",3,"1.50"],
["a \"b\",\u001b[2J",9007199254740992,null]]}
`

const liveAnswer = `{"path":"/","ms":3}
{"path":"/cart","ms":null}
`

func TestFormats(t *testing.T) {
	c := answers(t, map[string]string{
		"finite;": finiteAnswer, "live;": liveAnswer, "none;": `{"columns":[],"rows":[]}`,
		"changes;": liveAnswer + `{"_op":"delete","path":"/","ms":3}` + "\n" + `{"path":"/","ms":4}` + "\n",
		"empty;":   `{"columns":[{"name":"path","type":"VARCHAR"}],"rows":[]}`,
	})
	for _, tt := range []struct{ text, format, want string }{
		{"finite;", "table", `
+------------+------------------+------+
| path       | n                | d    |
+------------+------------------+------+
| /          |                3 | 1.50 |
| a "b",�[2J | 9007199254740992 | NULL |
+------------+------------------+------+
2 rows
`},
		{"finite;", "ndjson", `
{"path":"/","n":3,"d":"1.50"}
{"path":"a \"b\",\u001b[2J","n":9007199254740992,"d":null}
`},
		{"finite;", "csv", "\npath,n,d\n/,3,1.50\n\"a \"\"b\"\",\x1b[2J\",9007199254740992,\n"},
		{"finite;", "tsv", "\npath\tn\td\n/\t3\t1.50\na \"b\",\x1b[2J\t9007199254740992\t\\N\n"},
		{"none;", "table", "\n"},
		{"none;", "csv", "\n"},
		{"empty;", "table", "\n+------+\n| path |\n+------+\n+------+\n0 rows\n"},
		{"empty;", "csv", "\npath\n"},
		{"live;", "ndjson", "\n" + liveAnswer},
		{"live;", "csv", "\npath,ms\n/,3\n/cart,\n"},
		{"live; finite;", "tsv", "\npath\tms\n/\t3\n/cart\t\\N\npath\tn\td\n/\t3\t1.50\na \"b\",\x1b[2J\t9007199254740992\t\\N\n"},
		{"changes;", "csv", "\npath,ms\n/,3\n/cart,\n_op,path,ms\ndelete,/,3\ninsert,/,4\n"},
		{"live;", "table", `
+----------+----------+
| path     | ms       |
+----------+----------+
| /        |        3 |
| /cart    |     NULL |
+----------+----------+
2 rows
`},
	} {
		var out bytes.Buffer
		s := session(t, c, &out, &out, tt.format, false)
		if err := s.RunAll(context.Background(), strings.NewReader(tt.text)); err != nil {
			t.Errorf("%s as %s: %v", tt.text, tt.format, err)
		}
		if got := out.String(); got != strings.TrimPrefix(tt.want, "\n") {
			t.Errorf("%s as %s:\n%s", tt.text, tt.format, got)
		}
	}
}

// TestOddAnswers: what is no answer of weir's is an error that says so, and what
// came before an error is shown.
func TestOddAnswers(t *testing.T) {
	c := answers(t, map[string]string{
		"html;":   "<html>",
		"cut;":    `{"columns":[{"name":"n","type":"BIGINT"}],"rows":[[1],[2`,
		"late;":   `{"columns":[{"name":"n","type":"BIGINT"}],"rows":[[1]],"error":{"code":"E3001","message":"the disk is full"}}`,
		"uneven;": `{"columns":[{"name":"n","type":"BIGINT"}],"rows":[[1],[1,2]]}`,
		"torn;":   `{"n":1}` + "\n" + `{"n":`,
		"died;":   `{"n":1}` + "\n" + `{"error":{"code":"E9001","message":"a bug"}}` + "\n",
		"column;": `{"error":"a column"}` + "\n",
	})
	for text, want := range map[string]string{
		"html;":   "invalid character",
		"cut;":    "breaks off",
		"late;":   "the disk is full",
		"uneven;": "2 values for 1 columns",
		"torn;":   "breaks off",
		"died;":   "a bug",
		"column;": "",
		"bad;":    "what is this?",
	} {
		var out bytes.Buffer
		err := session(t, c, &out, &out, "csv", false).RunAll(context.Background(), strings.NewReader(text))
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", text, err)
		case text == "cut;" || text == "late;" || text == "torn;" || text == "died;":
			if out.String() != "n\n1\n" {
				t.Errorf("%s: shown were %q", text, out.String())
			}
		}
	}
}

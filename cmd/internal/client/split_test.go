package client

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// splitAll cuts a text; statements that say nothing come in parentheses.
func splitAll(text string) (out []string) {
	var s Splitter
	s.Add(text)
	for _, st := range append(s.Take(), s.Rest()) {
		if text := strings.TrimSpace(st.Text); st.Bare && text != "" {
			out = append(out, "("+text+")")
		} else if text != "" {
			out = append(out, text)
		}
	}
	return out
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                          nil,
		" \n":                       nil,
		"a; b":                      {"a;", "b"},
		";;a":                       {"(;)", "(;)", "a"},
		"a ';' b; c":                {"a ';' b;", "c"},
		`a '\';' b; c`:              {`a '\';' b;`, "c"},
		`a '\\'; c`:                 {`a '\\';`, "c"},
		"a ''';' b; c":              {"a ''';' b;", "c"},
		`a ";'" b; c`:               {`a ";'" b;`, "c"},
		"a `;` b; c":                {"a `;` b;", "c"},
		"a `\\`; c":                 {"a `\\`;", "c"},
		"a -- x; y\n b; c":          {"a -- x; y\n b;", "c"},
		"a --x; c":                  {"a --x;", "c"},
		"a # it's; y\n b; c":        {"a # it's; y\n b;", "c"},
		"a /* it's; */ b; c":        {"a /* it's; */ b;", "c"},
		"a /* **/ ; c":              {"a /* **/ ;", "c"},
		"a /*/ ; */ b; c":           {"a /*/ ; */ b;", "c"},
		"1 - -1; 1 / 2;":            {"1 - -1;", "1 / 2;"},
		"-- note":                   {"(-- note)"},
		"--":                        {"(--)"},
		"--\n;a":                    {"(--\n;)", "a"},
		"/* note; */ # more\n ; a;": {"(/* note; */ # more\n ;)", "a;"},
		"-":                         {"-"},
		"/;":                        {"/;"},
		"größer; ü":                 {"größer;", "ü"},
	} {
		if diff := cmp.Diff(want, splitAll(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// TestEntry: what the arrow keys bring back means the same as what was typed.
func TestEntry(t *testing.T) {
	for text, want := range map[string]string{
		"a;\n":                     "a;",
		"select a,\n   b\nfrom c;": "select a, b from c;",
		"a -- x\nb;":               "a -- x\nb;",
		"a --\nb;":                 "a --\nb;",
		"a # x\nb;":                "a # x\nb;",
		"a 'x\ny';":                "a 'x\ny';",
		"a /* x\n y */ b;":         "a /* x y */ b;",
	} {
		if got := entry(text); got != want {
			t.Errorf("%q is remembered as %q, not %q", text, got, want)
		}
	}
}

// FuzzSplit: no byte is lost, and it does not matter how the text came.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"a;b", "'\\", "--\n;", "/**/;", "`a``;`", "# \n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var whole, pieces Splitter
		whole.Add(text)
		for i := range len(text) {
			pieces.Add(text[i : i+1])
		}
		a, b := append(whole.Take(), whole.Rest()), append(pieces.Take(), pieces.Rest())
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatal(diff)
		}
		var all strings.Builder
		for i, st := range a {
			all.WriteString(st.Text)
			if i < len(a)-1 && !strings.HasSuffix(st.Text, ";") {
				t.Fatalf("statement %d ends with no semicolon: %q", i, st.Text)
			}
		}
		if all.String() != text {
			t.Fatalf("%q became %q", text, all.String())
		}
	})
}

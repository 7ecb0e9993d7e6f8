package sql

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What PostgreSQL's documentation and the standard say of SIMILAR TO.
func TestSimilar(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		fits     string // texts with blanks between them
		fitsNot  string
		fault    string
		escape   byte
		fitsLine bool // also a text of two lines
	}{
		{pattern: "%TECH%", fits: "TECHNOLOGY BIOTECH TECH", fitsNot: "tech TEC", fitsLine: true},
		{pattern: "abc", fits: "abc", fitsNot: "abcd xabc ab"},
		{pattern: "%(b|d)%", fits: "abc b d", fitsNot: "ac"},
		{pattern: "(b|c)%", fits: "b cx", fitsNot: "abc"},
		{pattern: "a|bc", fits: "a bc", fitsNot: "ac abc"},
		{pattern: "a_c", fits: "abc aéc", fitsNot: "ac abbc"},
		{pattern: "a.c", fits: "a.c", fitsNot: "abc"},
		{pattern: "^a$", fits: "^a$", fitsNot: "a"},
		{pattern: "[0-9]{2,3}", fits: "12 123", fitsNot: "1 1234 1a"},
		{pattern: "[^0-9]+", fits: "ab é", fitsNot: "1 a1", fitsLine: true},
		{pattern: "[[:alpha:]]+[[:digit:]]?", fits: "ab ab1", fitsNot: "1 ab12"},
		{pattern: "[.%_|]*", fits: ".%_| .", fitsNot: "a"},
		{pattern: "[a[]", fits: "a [", fitsNot: "b"},
		{pattern: `[\]a]`, fits: "] a", fitsNot: `\ b`},
		{pattern: `100\%`, fits: "100%", fitsNot: `1000 100\%`},
		{pattern: `100|%`, escape: '|', fits: "100%", fitsNot: "1000"},
		{pattern: `a\b`, escape: '|', fits: `a\b`, fitsNot: "ab"},
		{pattern: "[|d]", escape: '|', fits: "d", fitsNot: "7 |"},
		{pattern: "é+", fits: "éé", fitsNot: "e"},
		{pattern: `\(?a`, fits: "(a a", fitsNot: "((a"},
		{pattern: "a[", fault: "without its ]"},
		{pattern: "a[]", fault: "nothing in it"},
		{pattern: "a[^]b", fault: "nothing in it"},
		{pattern: `a\`, fault: "ends with its escape"},
		{pattern: "(?i)a", fault: "nothing before it"},
		{pattern: `\\(?i)a`, fault: "nothing before it"},
	} {
		if c.escape == 0 {
			c.escape = '\\'
		}
		text, fault := similarRegexp(c.pattern, c.escape)
		if fault != "" || c.fault != "" {
			if c.fault == "" || !strings.Contains(fault, c.fault) {
				t.Errorf("%s: %q, want %q", c.pattern, fault, c.fault)
			}
			continue
		}
		re, err := regexp.Compile(text)
		if err != nil {
			t.Errorf("%s: %s: %v", c.pattern, text, err)
			continue
		}
		for _, s := range strings.Fields(c.fits) {
			if !re.MatchString(s) {
				t.Errorf("%s does not fit %s (%s)", c.pattern, s, text)
			}
		}
		for _, s := range strings.Fields(c.fitsNot) {
			if re.MatchString(s) {
				t.Errorf("%s fits %s (%s)", c.pattern, s, text)
			}
		}
		if re.MatchString("x\nTECH") != c.fitsLine {
			t.Errorf("%s and a text of two lines (%s)", c.pattern, text)
		}
	}
}

// Without its own signs a pattern is one of LIKE, and with all of them escaped it is
// just itself.
func TestSimilarLikeLike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune(`ab%_é.^$\|*+?{}()[]-0`))).Draw(t, "text")
		escaped := regexp.MustCompile(`[%_\\|*+?{}()\[\]]`).ReplaceAllString(text, `\$0`)
		expression, fault := similarRegexp(escaped, '\\')
		if re, err := regexp.Compile(expression); fault != "" || err != nil || !re.MatchString(text) || re.MatchString(text+"a") {
			t.Fatalf("%q as %q is %q (%s, %v)", text, escaped, expression, fault, err)
		}
	})
}

package diag

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRender(t *testing.T) {
	for _, c := range []struct {
		name, text string
		err        *Error
		want       string
	}{
		{
			"all parts", "SELECT devce, AVG(temp) FROM sensors GROUP BY devce",
			New(UnknownColumn, Span{7, 12}, "unknown column `devce` in stream `sensors`").
				WithLabel("did you mean `device`?").WithHint("columns of sensors: ts, device, site, temp, humidity"),
			`error[E1054]: unknown column 'devce' in stream 'sensors'
  1 | SELECT devce, AVG(temp) FROM sensors GROUP BY devce
    |        ^^^^^ did you mean 'device'?
 help: columns of sensors: ts, device, site, temp, humidity
`,
		},
		{
			"no span", "SELECT 1", New(Internal, Span{}, "it broke"),
			"error[E9001]: it broke\n",
		},
		{
			"third line, with a tab", "SELECT a,\r\n\tb,\r\n\tc\r\n", New(Syntax, Span{17, 18}, "x"),
			"error[E1064]: x\n  3 |     c\n    |     ^\n",
		},
		{
			"wide and combining letters", "SELECT '日本', 'Zoe\u0308', x", New(Syntax, Span{26, 27}, "x"),
			"error[E1064]: x\n  1 | SELECT '日本', 'Zoe\u0308', x\n    |                       ^\n",
		},
		{
			"under wide letters", "SELECT 日本", New(Syntax, Span{7, 13}, "x"),
			"error[E1064]: x\n  1 | SELECT 日本\n    |        ^^^^\n",
		},
		{
			"at the end", "SELECT a FROM \n\n", New(Syntax, Span{16, 16}, "x"),
			"error[E1064]: x\n  1 | SELECT a FROM \n    |              ^\n",
		},
		{
			"over lines", "SELECT (a,\nb)", New(Syntax, Span{7, 13}, "x"),
			"error[E1064]: x\n  1 | SELECT (a,\n    |        ^^^\n",
		},
		{
			"control characters", "SELECT '\x1b[31m' \u202e x", New(Syntax, Span{7, 14}, "a \x1b[31m b"),
			"error[E1064]: a \uFFFD[31m b\n  1 | SELECT '\uFFFD[31m' \u00B7 x\n    |        ^^^^^^^\n",
		},
		{
			"span outside of the text", "SELECT", New(Syntax, Span{90, 100}, "x"),
			"error[E1064]: x\n  1 | SELECT\n    |       ^\n",
		},
		{
			"two digits", strings.Repeat("\n", 10) + "ab", New(Syntax, Span{11, 12}, "x"),
			"error[E1064]: x\n  11 | ab\n     |  ^\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if c.name == "all parts" {
				want = strings.ReplaceAll(want, "'", "`")
			}
			if got := Render(c.err, c.text); got != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}

func TestRenderColor(t *testing.T) {
	e := New(Syntax, Span{0, 3}, "x").WithLabel("y").WithHint("z")
	got := RenderColor(e, "abc")
	for _, code := range []string{plainStyle.fault, colorStyle.fault, colorStyle.gutter, colorStyle.help, colorStyle.bold, colorStyle.reset} {
		if code != "" {
			got = strings.ReplaceAll(got, code, "")
		}
	}
	if want := Render(e, "abc"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A line of any length is drawn short, with the carets inside.
func TestRenderLongLines(t *testing.T) {
	for _, letter := range []string{"x", "日", "\u0308", "\t"} {
		text := strings.Repeat(letter, 20000) + "@" + strings.Repeat(letter, 20000)
		at := strings.Index(text, "@")
		// Of some runs the fastest: others wait for the machine.
		const most = 500 * time.Millisecond
		out, took := "", time.Hour
		for n := 0; n < 10 && took > most; n++ {
			start := time.Now()
			out = Render(New(Syntax, Span{at, at + 1}, "x"), text)
			took = min(took, time.Since(start))
		}
		if took > most {
			t.Errorf("%q: took %v", letter, took)
		}
		if len(out) > 1500 || strings.Count(out, "^") != 1 {
			t.Errorf("%q: %d bytes: %s", letter, len(out), out)
		}
	}
}

// The caret stands under the character, whatever stands in front of it.
func TestCaretIsUnderTheCharacter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		letters := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "é", "日", "🎉", "e\u0308", "\t", " "}), 0, 20).Draw(rt, "letters")
		before := strings.Join(letters, "")
		cells := map[string]int{"a": 1, "é": 1, "日": 2, "🎉": 2, "e\u0308": 1, "\t": tabCells, " ": 1}
		want := 0
		for _, l := range letters {
			want += cells[l]
		}
		text := "first\n" + before + "X"
		out := Render(New(Syntax, Span{len(text) - 1, len(text)}, "x"), text)
		caret := strings.Split(out, "\n")[2]
		if got := strings.Index(caret, "^") - len("    | "); got != want {
			rt.Fatalf("caret in cell %d, want %d:\n%s", got, want, out)
		}
	})
}

func ExampleRender() {
	text := "SELECT devce FROM sensors"
	fmt.Print(Render(New(UnknownColumn, Span{7, 12}, "unknown column"), text))
	// Output:
	// error[E1054]: unknown column
	//   1 | SELECT devce FROM sensors
	//     |        ^^^^^
}

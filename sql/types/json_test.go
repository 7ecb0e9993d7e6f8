package types_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"weir/sql/types"
)

// documents generates JSON texts, blanks and odd spellings too.
func documents(t *rapid.T, depth int) string {
	blank := func() string { return rapid.SampledFrom([]string{"", "", "", " ", "\n\t"}).Draw(t, "blank") }
	text := func() string {
		return rapid.SampledFrom([]string{`"a"`, `"b"`, `"\u0061"`, `"x y"`, `"é"`, `"]},{\""`, `"\\"`, `""`, `"\ud83d\ude00"`}).Draw(t, "text")
	}
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 {
		kind %= 6
	}
	var b strings.Builder
	b.WriteString(blank())
	switch kind {
	case 0:
		b.WriteString(text())
	case 1:
		b.WriteString(rapid.SampledFrom([]string{"0", "-1", "12", "1.50", "1e3", "-0", "9223372036854775808", "1E-2"}).Draw(t, "number"))
	case 2:
		b.WriteString("true")
	case 3:
		b.WriteString("null")
	case 4:
		b.WriteString("[" + blank() + "]")
	case 5:
		b.WriteString("{" + blank() + "}")
	case 6, 7:
		n := rapid.IntRange(1, 4).Draw(t, "elements")
		for i := range n {
			b.WriteString([]string{"[", ","}[min(i, 1)] + documents(t, depth-1))
		}
		b.WriteString("]")
	default:
		n := rapid.IntRange(1, 20).Draw(t, "members")
		for i := range n {
			b.WriteString([]string{"{", ","}[min(i, 1)] + blank() + text() + blank() + ":" + documents(t, depth-1))
		}
		b.WriteString("}")
	}
	b.WriteString(blank())
	return b.String()
}

// legs generates a path and what it means: names and indexes, negative from the end.
func legs(t *rapid.T) (path string, steps []any) {
	path = "$"
	for range rapid.IntRange(0, 4).Draw(t, "legs") {
		if rapid.Bool().Draw(t, "member") {
			name := rapid.SampledFrom([]string{"a", "b", "x y", "é", `]},{"`, `\`, "", "😀"}).Draw(t, "name")
			quoted, _ := json.Marshal(name)
			if name == "a" || name == "é" {
				quoted = []byte(name)
			}
			path, steps = path+"."+string(quoted), append(steps, name)
			continue
		}
		n := rapid.IntRange(-3, 3).Draw(t, "index")
		switch {
		case n >= 0:
			path += fmt.Sprintf("[%d]", n)
		case n == -1:
			path += "[ last ]"
		default:
			path += fmt.Sprintf("[last - %d]", -1-n)
		}
		steps = append(steps, n)
	}
	return path, steps
}

// slowly is the model: encoding/json's value, step by step, with MySQL's rule that
// what is no array is one of itself.
func slowly(v any, steps []any) (any, bool) {
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = m[s]; !ok {
				return nil, false
			}
		case int:
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			if s < 0 {
				s += len(list)
			}
			if s < 0 || s >= len(list) {
				return nil, false
			}
			v = list[s]
		}
	}
	return v, true
}

func decoded(t rapid.TB, text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func same(a, b any) bool { return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b) }

func TestJSONAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := documents(t, 3)
		doc, ok := types.CompactJSON([]byte("x"), []byte(text))
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(text)); err != nil || !ok || string(doc) != "x"+want.String() {
			t.Fatalf("%q: %v, %q; want %q", text, ok, doc, want.String())
		}
		doc = doc[1:]
		if types.BlankInJSON([]byte(text)) != (len(text) != len(doc)) {
			t.Fatalf("%q: blanks or not?", text)
		}
		value := decoded(t, doc)
		length := 1
		switch v := value.(type) {
		case []any:
			length = len(v)
		case map[string]any:
			length = len(v)
		}
		if got := types.JSONLength(doc); got != int64(length) {
			t.Fatalf("%s has length %d, want %d", doc, got, length)
		}
		path, steps := legs(t)
		p, err := types.ParseJSONPath(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		found := p.Find(doc)
		model, exists := slowly(value, steps)
		if exists != (found != nil) || exists && !same(decoded(t, found), model) {
			t.Fatalf("%s of %s is %q, want %v %v", path, doc, found, model, exists)
		}
		if s, isText := model.(string); exists && isText && string(types.UnquoteJSON(nil, found)) != s {
			t.Fatalf("%s unquoted is %q, want %q", found, types.UnquoteJSON(nil, found), s)
		}
	})
}

// TestJSONPathDocumented has the examples of MySQL's manual, as far as they name
// one value.
func TestJSONPathDocumented(t *testing.T) {
	for _, c := range []struct{ doc, path, want string }{
		{`{"id":14,"name":"Aztalan"}`, "$.name", `"Aztalan"`},
		{`[3,{"a":[5,6],"b":10},[99,100]]`, "$[0]", "3"},
		{`[3,{"a":[5,6],"b":10},[99,100]]`, "$[1]", `{"a":[5,6],"b":10}`},
		{`[3,{"a":[5,6],"b":10},[99,100]]`, "$[2]", "[99,100]"},
		{`[3,{"a":[5,6],"b":10},[99,100]]`, "$[3]", ""},
		{`[3,{"a":[5,6],"b":10},[99,100]]`, "$[1].a", "[5,6]"},
		{`[3,{"a":[5,6],"b":10},[99,100]]`, "$[1].a[1]", "6"},
		{`[3,{"a":[5,6],"b":10},[99,100]]`, "$[1].b", "10"},
		{`[3,{"a":[5,6],"b":10},[99,100]]`, "$[2][0]", "99"},
		{`{"a fish":"shark","a bird":"sparrow"}`, `$."a fish"`, `"shark"`},
		{`[1,2,3,4,5]`, "$[last]", "5"},
		{`[1,2,3,4,5]`, "$[last-1]", "4"},
		{`[10,20,[30,40]]`, "$[1]", "20"},
		{`{"a":1,"b":2,"c":{"d":4}}`, "$.c.d", "4"},
		{`{"a":1}`, "$", `{"a":1}`},
		{`{"a":1}`, "$[0]", `{"a":1}`},
		{`{"a":1}`, "$[0].a[last]", "1"},
		{`5`, "$.a", ""},
		{`{"a":1,"a":2}`, "$.a", "2"},
		{`{"$x":1}`, "$.$x", "1"},
	} {
		p, err := types.ParseJSONPath(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if got := string(p.Find([]byte(c.doc))); got != c.want {
			t.Errorf("%s of %s is %s, want %s", c.path, c.doc, got, c.want)
		}
	}
}

func TestJSONPathRefused(t *testing.T) {
	for path, want := range map[string]int{
		"": 0, "a": 0, "$.": 2, "$.*": 2, "$**.a": 1, "$[*]": 2, "$[1 to 2]": 4, "$[-1]": 2, "$[last-]": 7, "$[1": 3,
		"$.a b": 4, `$."a`: 2, "$.1": 2, "$a": 1, "$.a\xff": 3, "$" + strings.Repeat("[0]", 101): 301,
	} {
		_, err := types.ParseJSONPath(path)
		var e *types.JSONPathError
		if !errors.As(err, &e) || e.Start != want || e.Start > e.End || e.End > len(path) {
			t.Errorf("%q: %v at %+v, want %d", path, err, e, want)
		}
	}
}

func TestJSONTypes(t *testing.T) {
	for doc, want := range map[string]string{
		`{}`: "OBJECT", `[]`: "ARRAY", `""`: "STRING", `1`: "INTEGER", `-1`: "INTEGER", `9223372036854775808`: "UNSIGNED INTEGER",
		`18446744073709551616`: "DOUBLE", `1.0`: "DOUBLE", `1e3`: "DOUBLE", `true`: "BOOLEAN", `false`: "BOOLEAN", `null`: "NULL",
	} {
		if got := types.JSONTypeOf([]byte(doc)); got != want {
			t.Errorf("%s is %s, want %s", doc, got, want)
		}
	}
	for _, depth := range []int{types.JSONDepthMax, types.JSONDepthMax + 1} {
		text := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		if _, ok := types.CompactJSON(nil, []byte(text)); ok != (depth <= types.JSONDepthMax) {
			t.Errorf("depth %d: %v", depth, ok)
		}
	}
}

// FuzzJSON: what encoding/json takes, and no more, is JSON, and no path makes
// anything else of it than the model does.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\u00e9"}]}`, ` [ ] `, `"\ud800"`, "{\"a\" :1,}", "01", "-", "[1 2]", "\"\x01\"", "{\"a\":1}}"} {
		f.Add([]byte(s), "$.a[1].b")
	}
	f.Add([]byte("[1]"), "$[last-18446744073709551615]")
	f.Fuzz(func(t *testing.T, text []byte, path string) {
		doc, ok := types.CompactJSON(nil, text)
		deep := bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) > types.JSONDepthMax
		if valid := json.Valid(text) && utf8.Valid(text); ok != valid && !deep {
			t.Fatalf("%q: %v", text, ok)
		}
		p, err := types.ParseJSONPath(path)
		if !ok || err != nil {
			return
		}
		found := p.Find(doc)
		if found == nil {
			return
		}
		if !json.Valid(found) {
			t.Fatalf("%s of %s is %q", path, doc, found)
		}
		types.JSONLength(found)
		types.JSONTypeOf(found)
		if !utf8.Valid(types.UnquoteJSON(nil, found)) {
			t.Fatalf("%q unquoted is no UTF-8", found)
		}
	})
}

// FuzzJSONPath: no path makes the parser fail otherwise than by an error that
// points into it.
func FuzzJSONPath(f *testing.F) {
	for _, s := range []string{"$.a", `$."\u00`, "$[last - 3 ]", "$ . a [ 0 ]", "$.é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, err := types.ParseJSONPath(path)
		var e *types.JSONPathError
		if err != nil && (!errors.As(err, &e) || e.Start < 0 || e.End < e.Start || e.End > len(path)) {
			t.Fatalf("%q: %+v", path, err)
		}
		p.Find([]byte(`{"a":[1,{"b":[]}],"a":{}}`))
	})
}

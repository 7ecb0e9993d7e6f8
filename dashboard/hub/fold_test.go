package hub

import (
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/operators/stream"
)

var timeZero = time.Unix(0, 0)

func streamCommit(n int) stream.Commit { return stream.Commit(n) }

// changeOf makes a change of a row with a key and a value.
func changeOf(k, v int, leaves bool) change {
	b := &block{cols: 2}
	for _, n := range []int{k, v} {
		b.text = append(strconv.AppendInt(b.text, int64(n), 10), ',')
		b.ends = append(b.ends, int32(len(b.text)-1))
	}
	return change{ref{b, 0}, leaves}
}

// world draws steps that fit each other: what leaves was there.
type world struct {
	key  []int
	rows map[string]int // line -> how often
	by   map[int]int    // of a keyed world: key -> value
}

func (w *world) step(t *rapid.T) []change {
	var out []change
	for range rapid.IntRange(0, 6).Draw(t, "rows") {
		k, v := rapid.IntRange(0, 3).Draw(t, "k"), rapid.IntRange(0, 2).Draw(t, "v")
		if w.key == nil {
			line := fmt.Sprintf("%d,%d", k, v)
			leaves := w.rows[line] > 0 && rapid.Bool().Draw(t, "leaves")
			out = append(out, changeOf(k, v, leaves))
			if w.rows[line]++; leaves {
				w.rows[line] -= 2
			}
			continue
		}
		if old, ok := w.by[k]; ok {
			out = append(out, changeOf(k, old, true))
			delete(w.by, k)
			if rapid.Bool().Draw(t, "only leaves") {
				continue
			}
		}
		out = append(out, changeOf(k, v, false))
		w.by[k] = v
	}
	return out
}

// content is the world as lines with counts.
func (w *world) content() map[string]int {
	out := map[string]int{}
	for line, n := range w.rows {
		if n > 0 {
			out[line] = n
		}
	}
	for k, v := range w.by {
		out[fmt.Sprintf("%d,%d", k, v)] = 1
	}
	return out
}

func count(rows []line) map[string]int {
	out := map[string]int{}
	for _, r := range rows {
		out[string(r.line())]++
	}
	return out
}

// apply does what a client does, and fails on what does not fit.
func apply(t *rapid.T, have map[string]int, key []int, rows []line) {
	for _, r := range rows {
		id, text := string(r.appendKey(nil, key)), string(r.line())
		same := ""
		for other := range have {
			if key != nil && other[:len(id)] == id {
				same = other
			}
		}
		switch {
		case key != nil && r.op == 'i' && same != "", key != nil && r.op != 'i' && same == "", r.op == 'u' && same == text:
			t.Fatalf("%c %s, but the client has %v", r.op, text, have)
		case key == nil && r.op == 'd' && have[text] == 0:
			t.Fatalf("%s leaves, but the client has %v", text, have)
		}
		if key != nil && same != "" {
			delete(have, same)
		}
		if r.op != 'd' {
			have[text]++
		} else if key == nil {
			if have[text]--; have[text] == 0 {
				delete(have, text)
			}
		}
	}
}

// TestFold: steps folded in runs of any length, and steps one by one, lead a
// client to the same; so does the table, and the ring behind any step.
func TestFold(t *testing.T) {
	for _, key := range [][]int{{0}, {}, nil} {
		rapid.Check(t, func(t *rapid.T) {
			w := &world{key: key, rows: map[string]int{}, by: map[int]int{}}
			st := style{key: key, cols: 2}
			if key != nil && len(key) == 0 {
				st.key = []int{0} // one row is one key
			}
			tab, f := newTable(st, 10), newFold(st)
			rg := ring{bytesMax: 1 << 20, ageMax: 1 << 60}
			have, single := map[string]int{}, map[string]int{}
			var past []map[string]int
			for at := range rapid.IntRange(1, 12).Draw(t, "steps") {
				past = append(past, maps.Clone(w.content()))
				rows := w.step(t)
				tab.apply(rows)
				rg.add(streamCommit(at+1), timeZero, rows)
				one := newFold(st)
				one.add(rows)
				apply(t, single, st.key, one.lines())
				f.add(rows)
				if rapid.Bool().Draw(t, "compact") {
					f.compact()
					tab.compact()
				}
				if rapid.Bool().Draw(t, "frame") {
					apply(t, have, st.key, f.lines())
					f = newFold(st)
				}
			}
			apply(t, have, st.key, f.lines())
			want := w.content()
			for name, got := range map[string]map[string]int{"folded": have, "one by one": single, "table": count(tab.lines())} {
				if !maps.Equal(got, want) {
					t.Fatalf("%s: %v, want %v", name, got, want)
				}
			}
			for at, content := range past {
				b, ok := rg.behind(streamCommit(at), st)
				if !ok {
					t.Fatal("the ring forgot")
				}
				apply(t, content, st.key, b.lines())
				if !maps.Equal(content, want) {
					t.Fatalf("behind %d: %v, want %v", at, content, want)
				}
			}
		})
	}
}

// TestRingForgets: what is too much or too old goes, and the ring says so.
func TestRingForgets(t *testing.T) {
	size := changeOf(1, 1, false).size()
	rg := ring{bytesMax: 3 * size, ageMax: 10}
	for i := range 5 {
		rg.add(streamCommit(i+1), timeZero, []change{changeOf(i, 0, false)})
	}
	if _, ok := rg.behind(1, style{key: []int{0}, cols: 2}); ok || rg.floor != 2 {
		t.Errorf("floor %d", rg.floor)
	}
	if f, ok := rg.behind(3, style{key: []int{0}, cols: 2}); !ok || len(f.lines()) != 2 {
		t.Error("the last two are not there")
	}
	rg.trim(timeZero.Add(11))
	if rg.floor != 5 || rg.bytes != 0 {
		t.Errorf("floor %d, %d bytes", rg.floor, rg.bytes)
	}
}

// TestTokens: what String wrote is read back, and nothing else is.
func TestTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := token{plan: planHash(rapid.String().Draw(t, "plan")), start: rapid.Uint64().Draw(t, "start"),
			commit: streamCommit(rapid.IntRange(0, 1<<40).Draw(t, "commit")), tag: rapid.Uint64().Draw(t, "tag")}
		text := want.String()
		if got, err := parseToken(text); err != nil || got != want {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
		bad := []byte(text)
		bad[rapid.IntRange(0, len(bad)-2).Draw(t, "at")] ^= 1
		if got, err := parseToken(string(bad)); err == nil && got != want {
			t.Fatalf("took %s", bad)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add(token{start: 1, commit: 2}.String())
	f.Add("x")
	f.Fuzz(func(t *testing.T, text string) {
		if tok, err := parseToken(text); err == nil && tok.String() != text {
			t.Errorf("%q is read as %q", text, tok.String())
		}
	})
}

func TestRates(t *testing.T) {
	for hz, want := range map[float64]int{0: 0, 0.1: 1, 1: 1, 4.9: 2, 10: 10, 59: 30, 1e9: 60} {
		if got := rateOf(&hz); got != want {
			t.Errorf("%v: %d, want %d", hz, got, want)
		}
	}
	if rateOf(nil) != defaultRate {
		t.Error("no default")
	}
}

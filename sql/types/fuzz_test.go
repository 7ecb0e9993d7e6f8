package types_test

import (
	"testing"

	"weir/sql/types"
)

// FuzzJSONEdit: a path and a value of anybody do not panic, what is found lies in
// the value, and what edits make is JSON without blanks.
func FuzzJSONEdit(f *testing.F) {
	f.Add(`$.a[last-1].*`, `{"a":[1,{"b":"\u00e4"}]}`, `[true]`)
	f.Add(`$**."a b"[1 to last]`, `[[{"a b":[1,2,3]},{"a b":null,"a b":0}]]`, `{"x":null}`)
	f.Add(`$[0]`, `-0.5e3`, `"q"`)
	f.Fuzz(func(t *testing.T, path, doc, other string) {
		v, ok := types.CompactJSON(nil, []byte(doc))
		w, okOther := types.CompactJSON(nil, []byte(other))
		if !ok || !okOther {
			return
		}
		check := func(what string, made []byte) {
			// An edit may nest deeper than either of its parts, which the caller looks at.
			if types.JSONDepth(made) > types.JSONDepthMax {
				return
			}
			again, ok := types.CompactJSON(nil, made)
			if !ok || string(again) != string(made) {
				t.Fatalf("%s of %q, %s and %s is %s", what, path, v, w, made)
			}
		}
		if merged, ok := types.MergeJSON(nil, v, w); ok {
			check("merge", merged)
		}
		if patched, ok := types.MergePatchJSON(nil, v, w); ok {
			check("patch", patched)
		}
		if yes, ok := types.JSONContains(v, v); ok && !yes {
			t.Fatalf("%s does not contain itself", v)
		}
		types.JSONOverlaps(v, w)
		types.JSONStrings(v, func(_, path []byte) bool {
			if _, err := types.ParseJSONPath(string(path)); err != nil {
				t.Fatalf("%s of %s: %v", path, v, err)
			}
			return true
		})
		if p, err := types.ParseJSONPaths(path); err == nil {
			p.FindAll(v, func(found []byte) bool { check("a part", found); return true })
		}
		p, err := types.ParseJSONPath(path)
		if err != nil {
			return
		}
		for e := types.JSONSet; e <= types.JSONArrayInsert; e++ {
			check("edit", e.Apply(nil, v, p, w))
		}
		if !p.Root() {
			check("remove", types.RemoveJSON(nil, v, p))
		}
	})
}

// FuzzDatetime: what is read is written and read again as the same.
func FuzzDatetime(f *testing.F) {
	f.Add("2026-11-20 10:00:00.123456+02:00")
	f.Add("0000-02-29T23:59:59Z")
	f.Add("-838:59:59.5")
	f.Fuzz(func(t *testing.T, s string) {
		if micros, ok := types.ParseDatetime(s); ok {
			written := types.AppendDatetime(nil, micros, 6)
			if again, ok := types.ParseDatetime(written); !ok || again != micros {
				t.Fatalf("%q is %d, written %s, read as %d", s, micros, written, again)
			}
		}
		if micros, ok := types.ParseTime(s); ok {
			written := types.AppendTime(nil, micros, 6)
			if again, ok := types.ParseTime(written); !ok || again != micros {
				t.Fatalf("%q is %d, written %s, read as %d", s, micros, written, again)
			}
		}
		if zone, err := types.Zone(s); err == nil {
			clock := types.NewZoneClock(zone)
			clock.UTC(clock.Local(0))
		}
	})
}

package expr

import (
	"fmt"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// manyPaths compiles constant paths that may name many values.
func manyPaths(call *physical.Call, args []physical.Expr) ([]types.JSONPath, error) {
	var paths []types.JSONPath
	for _, arg := range args {
		text, ok := constant[string](arg)
		if !ok {
			return nil, misuse(call)
		}
		p, err := types.ParseJSONPaths(text)
		if err != nil {
			return nil, fmt.Errorf("path %q of %s: %w", text, call.Fn, err)
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// buildJSONExtractMany is json_extract where a path has wildcards: an array of
// what the paths name, NULL if that is nothing.
func buildJSONExtractMany(call *physical.Call, ledger *stream.Ledger, paths []types.JSONPath) (node, error) {
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	if call.T.Kind != types.JSON || !takes(one, types.JSON) {
		return nil, misuse(call)
	}
	return newStrict(one, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			start := len(o.data)
			if o.isNull(i) {
				o.endText(f, i)
				continue
			}
			ok, fits := true, true
			for _, p := range paths {
				ok = ok && p.FindAll(a[0].text(i), func(v []byte) bool {
					open := byte(',')
					if len(o.data) == start {
						open = '['
					}
					o.data = append(append(o.data, open), v...)
					fits = len(o.data)-start <= textBytesMax
					return fits
				})
			}
			switch {
			case !ok || !fits:
				o.failText(f, i, start)
			case len(o.data) == start:
				o.setNull(f, i)
			default:
				o.data = append(o.data, ']')
			}
			o.endJSON(f, i, start)
		}
	})
}

// buildJSONKeys makes json_keys(json[, path]).
func buildJSONKeys(call *physical.Call, ledger *stream.Ledger) (node, error) {
	return jsonNode(call, ledger, types.JSON, func(o *out, v []byte, paths []types.JSONPath, _ int) bool {
		if len(paths) > 0 {
			if v = paths[0].Find(v); v == nil {
				return false
			}
		}
		var ok bool
		o.data, ok = types.JSONKeys(o.data, v)
		return ok
	})
}

// buildJSONDepth makes json_depth.
func buildJSONDepth(call *physical.Call, ledger *stream.Ledger) (node, error) {
	return jsonNode(call, ledger, types.Bigint, func(o *out, v []byte, _ []types.JSONPath, i int) bool {
		o.ints[i] = int64(types.JSONDepth(v))
		return true
	})
}

// buildJSONPretty makes json_pretty.
func buildJSONPretty(call *physical.Call, ledger *stream.Ledger) (node, error) {
	return jsonNode(call, ledger, types.Varchar, func(o *out, v []byte, _ []types.JSONPath, _ int) bool {
		o.data = types.PrettyJSON(o.data, v)
		return true
	})
}

// buildJSONCompare makes json_contains(json, json) and json_overlaps.
func buildJSONCompare(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Boolean || !takes(call, types.JSON) {
		return nil, misuse(call)
	}
	compare := types.JSONContains
	if call.Fn == "json_overlaps" {
		compare = types.JSONOverlaps
	}
	return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
		o.bools.fill(0)
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			switch yes, ok := compare(a[0].text(i), a[1].text(i)); {
			case !ok:
				o.fail(f, i)
			case yes:
				o.bools.set(i)
			}
		}
	})
}

// buildJSONContainsPath makes json_contains_path(json, 'one' or 'all', path, …).
func buildJSONContainsPath(call *physical.Call, ledger *stream.Ledger) (node, error) {
	mode, _ := constant[string](call.Args[1])
	paths, err := manyPaths(call, call.Args[2:])
	if err != nil {
		return nil, err
	}
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	if mode != "one" && mode != "all" || call.T.Kind != types.Boolean || !takes(one, types.JSON) {
		return nil, misuse(call)
	}
	return newStrict(one, ledger, func(f *frame, o *out, a []*vec) {
		o.bools.fill(0)
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			found := 0
			for _, p := range paths {
				hit := false
				if !p.FindAll(a[0].text(i), func([]byte) bool { hit = true; return false }) && !hit {
					o.fail(f, i)
				}
				if hit {
					found++
				}
			}
			if found == len(paths) || found > 0 && mode == "one" {
				o.bools.set(i)
			}
		}
	})
}

// buildJSONSearch makes json_search(json, 'one' or 'all', pattern, escape): the path
// of the first string that is like the pattern, or an array of the paths of all.
func buildJSONSearch(call *physical.Call, ledger *stream.Ledger) (node, error) {
	mode, _ := constant[string](call.Args[1])
	pattern, okPattern := constant[string](call.Args[2])
	escape, okEscape := constant[string](call.Args[3])
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	if mode != "one" && mode != "all" || !okPattern || !okEscape || call.T.Kind != types.JSON || !takes(one, types.JSON) {
		return nil, misuse(call)
	}
	char, err := escapeRune([]byte(escape))
	if err != nil {
		return nil, err
	}
	var p likePattern
	p.compileLike([]byte(pattern), char)
	return newStrict(one, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			start := len(o.data)
			if o.isNull(i) {
				o.endText(f, i)
				continue
			}
			n := searchJSON(o, a[0].text(i), &p, mode == "one")
			switch {
			case n == 0:
				o.setNull(f, i)
			case n > 1:
				o.data = append(o.data, ']')
			default:
				o.data = append(o.data[:start], o.data[start+1:]...) // the bracket
			}
			o.endText(f, i)
		}
	})
}

// searchJSON appends "[" and the paths of the strings that match, and returns how
// many there are.
func searchJSON(o *out, v []byte, p *likePattern, first bool) int {
	n, start := 0, len(o.data)
	types.JSONStrings(v, func(s, path []byte) bool {
		if !p.matches(s) {
			return true
		}
		open := byte(',')
		if n == 0 {
			open = '['
		}
		n++
		o.data = types.QuoteJSON(append(o.data, open), path)
		return !first && len(o.data)-start <= textBytesMax
	})
	return n
}

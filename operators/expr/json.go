package expr

import (
	"fmt"
	"slices"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// pathsOf compiles the paths behind the first argument.
func pathsOf(call *physical.Call) ([]types.JSONPath, error) {
	var paths []types.JSONPath
	for _, arg := range call.Args[1:] {
		text, ok := constant[string](arg)
		if !ok {
			return nil, misuse(call)
		}
		p, err := types.ParseJSONPath(text)
		if err != nil {
			return nil, fmt.Errorf("path %q of %s: %w", text, call.Fn, err)
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// jsonNode makes the node of a function of one JSON value; found returns NULL by
// false. The paths are compiled once and are no arguments of the kernel.
func jsonNode(call *physical.Call, ledger *stream.Ledger, result types.Kind, row func(o *out, v []byte, paths []types.JSONPath, i int) bool) (node, error) {
	paths, err := pathsOf(call)
	if err != nil {
		return nil, err
	}
	if call.T.Kind != result || !takes(&physical.Call{Args: call.Args[:1]}, types.JSON) {
		return nil, misuse(call)
	}
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	texts := result == types.Varchar || result == types.JSON
	return newStrict(one, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if !o.isNull(i) && !row(o, a[0].text(i), paths, i) {
				o.setNull(f, i)
			}
			if texts {
				o.endText(f, i)
			}
		}
	})
}

// buildJSONExtract makes json_extract(json, path, …): what one path names, or an
// array of what several do, without those that name nothing.
func buildJSONExtract(call *physical.Call, ledger *stream.Ledger) (node, error) {
	many, err := manyPaths(call, call.Args[1:])
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(many, types.JSONPath.Many) {
		return buildJSONExtractMany(call, ledger, many)
	}
	return jsonNode(call, ledger, types.JSON, func(o *out, v []byte, paths []types.JSONPath, _ int) bool {
		if len(paths) == 1 {
			found := paths[0].Find(v)
			o.data = append(o.data, found...)
			return found != nil
		}
		n := 0
		for _, p := range paths {
			found := p.Find(v)
			if found == nil {
				continue
			}
			open := byte(',')
			if n == 0 {
				open = '['
			}
			n++
			o.data = append(append(o.data, open), found...)
		}
		if n > 0 {
			o.data = append(o.data, ']')
		}
		return n > 0
	})
}

// buildJSONValue makes json_value(json, path): the text of a scalar.
func buildJSONValue(call *physical.Call, ledger *stream.Ledger) (node, error) {
	return jsonNode(call, ledger, types.Varchar, func(o *out, v []byte, paths []types.JSONPath, _ int) bool {
		found := paths[0].Find(v)
		if found == nil || found[0] == '{' || found[0] == '[' || found[0] == 'n' {
			return false
		}
		o.data = types.UnquoteJSON(o.data, found)
		return true
	})
}

// buildJSONType makes json_type.
func buildJSONType(call *physical.Call, ledger *stream.Ledger) (node, error) {
	return jsonNode(call, ledger, types.Varchar, func(o *out, v []byte, _ []types.JSONPath, _ int) bool {
		o.data = append(o.data, types.JSONTypeOf(v)...)
		return true
	})
}

// buildJSONLength makes json_length(json[, path]).
func buildJSONLength(call *physical.Call, ledger *stream.Ledger) (node, error) {
	return jsonNode(call, ledger, types.Bigint, func(o *out, v []byte, paths []types.JSONPath, i int) bool {
		if len(paths) > 0 {
			if v = paths[0].Find(v); v == nil {
				return false
			}
		}
		o.ints[i] = types.JSONLength(v)
		return true
	})
}

// buildJSONUnquote makes json_unquote of JSON or of text. Of a text only one that
// is a JSON string changes.
func buildJSONUnquote(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Varchar {
		return nil, misuse(call)
	}
	isJSON := takes(call, types.JSON)
	if !isJSON && !takes(call, types.Varchar) {
		return nil, misuse(call)
	}
	var scratch []byte
	return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if !o.isNull(i) {
				v := a[0].text(i)
				ok := isJSON
				if !ok && len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' {
					scratch, ok = types.CompactJSON(scratch[:0], v)
				}
				if ok {
					o.data = types.UnquoteJSON(o.data, v)
				} else {
					o.data = append(o.data, v...)
				}
			}
			o.endText(f, i)
		}
	})
}

// buildJSONValid makes json_valid of text; JSON is valid.
func buildJSONValid(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Boolean || !takes(call, types.Varchar) && !takes(call, types.JSON) {
		return nil, misuse(call)
	}
	var scratch []byte
	return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
		o.bools.fill(0)
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			var ok bool
			if scratch, ok = types.CompactJSON(scratch[:0], a[0].text(i)); ok {
				o.bools.set(i)
			}
		}
	})
}

// castJSON makes a kernel between text and JSON: JSON is its text, and text that
// is no JSON has no value.
func castJSON(from types.Type) kernel {
	return func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if !o.isNull(i) {
				v := a[0].text(i)
				if from.Kind == types.JSON {
					o.data = append(o.data, v...)
				} else {
					start := len(o.data)
					var ok bool
					if o.data, ok = types.CompactJSON(o.data, v); !ok {
						o.data = o.data[:start]
						o.fail(f, i)
					}
				}
			}
			o.endText(f, i)
		}
	}
}

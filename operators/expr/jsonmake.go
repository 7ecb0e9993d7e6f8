package expr

import (
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// buildToJSON makes to_json(value): JSON of a value of any type. Text becomes a
// string, times do as they are written.
func buildToJSON(call *physical.Call, ledger *stream.Ledger) (node, error) {
	from := call.Args[0].Type()
	if call.T.Kind != types.JSON && (call.T.Kind != types.Varchar || from.Kind != types.Varchar) {
		return nil, misuse(call)
	}
	switch from.Kind {
	case types.JSON:
		return build(call.Args[0], ledger)
	case types.Boolean, types.Bigint, types.Ubigint, types.Double, types.Decimal:
		return newStrict(call, ledger, castToText(from, types.VarcharType))
	case types.Varchar:
		return newStrict(call, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
			return types.QuoteJSON(dst, a[0].text(i))
		}))
	}
	text := &physical.Call{Fn: "cast", Args: call.Args, T: types.VarcharType}
	return build(&physical.Call{Fn: call.Fn, Args: []physical.Expr{text}, T: call.T}, ledger)
}

// endJSON ends row i, whose value was appended to data from start on. A value that
// nests too deep is none.
func (o *out) endJSON(f *frame, i, start int) {
	if types.JSONDepth(o.data[start:]) > types.JSONDepthMax {
		o.data = o.data[:start]
		o.fail(f, i)
	}
	o.endText(f, i)
}

// failText is fail for a row whose text, from start on, is given up.
func (o *out) failText(f *frame, i, start int) {
	o.data = o.data[:start]
	o.fail(f, i)
}

// jsonRows makes a kernel of a function that appends the JSON of one row; false
// means that there is none.
func jsonRows(row func(dst []byte, a []*vec, i int) ([]byte, bool)) kernel {
	return func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			start := len(o.data)
			if o.isNull(i) {
				o.endText(f, i)
				continue
			}
			var ok bool
			if o.data, ok = row(o.data, a, i); !ok {
				o.failText(f, i, start)
			}
			o.endJSON(f, i, start)
		}
	}
}

// buildJSONArray makes json_array(json, …).
func buildJSONArray(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.JSON || !takes(call, types.JSON) {
		return nil, misuse(call)
	}
	if len(call.Args) == 0 {
		return newLiteral(&physical.Literal{T: call.T, Value: "[]"})
	}
	return newStrict(call, ledger, jsonRows(func(dst []byte, a []*vec, i int) ([]byte, bool) {
		dst = append(dst, '[')
		for k, v := range a {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, v.text(i)...)
		}
		return append(dst, ']'), true
	}))
}

// buildJSONObject makes json_object(text, json, …).
func buildJSONObject(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.JSON || len(call.Args)%2 != 0 {
		return nil, misuse(call)
	}
	for i := 0; i < len(call.Args); i += 2 {
		if !takes(&physical.Call{Args: call.Args[i : i+2]}, types.Varchar, types.JSON) {
			return nil, misuse(call)
		}
	}
	if len(call.Args) == 0 {
		return newLiteral(&physical.Literal{T: call.T, Value: "{}"})
	}
	return newStrict(call, ledger, jsonRows(func(dst []byte, a []*vec, i int) ([]byte, bool) {
		open := len(dst)
		dst = append(dst, '{')
		for k := 0; k < len(a); k += 2 {
			dst = types.JSONObjectMember(dst, open, a[k].text(i), a[k+1].text(i))
		}
		return append(dst, '}'), true
	}))
}

// buildJSONMerge makes json_merge_patch and json_merge_preserve of two or more.
func buildJSONMerge(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.JSON || !takes(call, types.JSON) {
		return nil, misuse(call)
	}
	merge := types.MergeJSON
	if call.Fn == "json_merge_patch" {
		merge = types.MergePatchJSON
	}
	var scratch [2][]byte
	return newStrict(call, ledger, jsonRows(func(dst []byte, a []*vec, i int) ([]byte, bool) {
		v := a[0].text(i)
		for k, b := range a[1:] {
			s, ok := &scratch[k%2], false
			if *s, ok = merge((*s)[:0], v, b.text(i)); !ok || len(*s) > textBytesMax {
				return dst, false
			}
			v = *s
		}
		return append(dst, v...), true
	}))
}

// buildJSONEdit makes json_set, json_insert, json_replace, json_array_append and
// json_array_insert: of a value, and paths each with what goes there.
func buildJSONEdit(call *physical.Call, ledger *stream.Ledger) (node, error) {
	edit, ok := map[string]types.JSONEdit{
		"json_set": types.JSONSet, "json_insert": types.JSONInsert, "json_replace": types.JSONReplace,
		"json_array_append": types.JSONArrayAppend, "json_array_insert": types.JSONArrayInsert,
	}[call.Fn]
	if !ok || call.T.Kind != types.JSON || len(call.Args)%2 != 1 {
		return nil, misuse(call)
	}
	only := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1:1]}
	at := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1:1]}
	for i := 1; i < len(call.Args); i += 2 {
		at.Args = append(at.Args, call.Args[i])
		only.Args = append(only.Args, call.Args[i+1])
	}
	paths, err := pathsOf(at)
	if err != nil {
		return nil, err
	}
	if !takes(only, types.JSON) {
		return nil, misuse(call)
	}
	var scratch [2][]byte
	return newStrict(only, ledger, jsonRows(func(dst []byte, a []*vec, i int) ([]byte, bool) {
		v := a[0].text(i)
		for k, p := range paths {
			s := &scratch[k%2]
			if *s = edit.Apply((*s)[:0], v, p, a[k+1].text(i)); len(*s) > 2*textBytesMax {
				return dst, false
			}
			v = *s
		}
		return append(dst, v...), true
	}))
}

// buildJSONRemove makes json_remove(json, path, …).
func buildJSONRemove(call *physical.Call, ledger *stream.Ledger) (node, error) {
	paths, err := pathsOf(call)
	if err != nil {
		return nil, err
	}
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	if call.T.Kind != types.JSON || !takes(one, types.JSON) {
		return nil, misuse(call)
	}
	for _, p := range paths {
		if p.Root() {
			return nil, misuse(call)
		}
	}
	var scratch [2][]byte
	return newStrict(one, ledger, jsonRows(func(dst []byte, a []*vec, i int) ([]byte, bool) {
		v := a[0].text(i)
		for k, p := range paths {
			s := &scratch[k%2]
			*s = types.RemoveJSON((*s)[:0], v, p)
			v = *s
		}
		return append(dst, v...), true
	}))
}

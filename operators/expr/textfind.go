package expr

import (
	"bytes"
	"unicode/utf8"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// locateRow is where the first argument stands in the second, in characters from
// 1 and not before the third; 0 if it does not.
func locateRow(a []*vec, i int) (int64, answer) {
	part, s := a[0].text(i), a[1].text(i)
	from := 0
	if len(a) == 3 {
		pos := a[2].int(i)
		if pos < 1 || pos > int64(utf8.RuneCount(s))+1 {
			return 0, value
		}
		from = prefix(s, pos-1)
	}
	at := bytes.Index(s[from:], part)
	if at < 0 {
		return 0, value
	}
	return int64(utf8.RuneCount(s[:from+at])) + 1, value
}

// findInSet is the place of a text in a list with commas, 0 if it is not there.
func findInSet(a []*vec, i int) (int64, answer) {
	want, set := a[0].text(i), a[1].text(i)
	if len(set) == 0 || bytes.IndexByte(want, ',') >= 0 {
		return 0, value
	}
	for n := int64(1); ; n++ {
		member, rest, more := bytes.Cut(set, []byte{','})
		if bytes.Equal(member, want) {
			return n, value
		}
		if !more {
			return 0, value
		}
		set = rest
	}
}

func strcmpRow(a []*vec, i int) (int64, answer) {
	return int64(bytes.Compare(a[0].text(i), a[1].text(i))), value
}

// asciiRow is the first byte, 0 of an empty text.
func asciiRow(a []*vec, i int) (int64, answer) {
	s := a[0].text(i)
	if len(s) == 0 {
		return 0, value
	}
	return int64(s[0]), value
}

// ordRow is the bytes of the first character as one number.
func ordRow(a []*vec, i int) (int64, answer) {
	s := a[0].text(i)
	_, size := utf8.DecodeRune(s)
	n := int64(0)
	for _, c := range s[:size] {
		n = n<<8 | int64(c)
	}
	return n, value
}

func startsWith(a []*vec, i int) (bool, answer) {
	return bytes.HasPrefix(a[0].text(i), a[1].text(i)), value
}

func endsWith(a []*vec, i int) (bool, answer) {
	return bytes.HasSuffix(a[0].text(i), a[1].text(i)), value
}

// buildPlace makes field and interval, whose arguments are of one type. field is
// the number of the argument that equals the first one, 0 if none does; interval
// is how many of the arguments, which rise, are not greater than the first one,
// -1 if that is NULL.
func buildPlace(call *physical.Call, ledger *stream.Ledger) (node, error) {
	typ := call.Args[0].Type()
	if call.T.Kind != types.Bigint || !takes(call, typ.Kind) {
		return nil, misuse(call)
	}
	for _, arg := range call.Args {
		if typ.Kind == types.Decimal && arg.Type() != typ {
			return nil, misuse(call)
		}
	}
	row := intRow(fieldRow)
	if call.Fn == "interval" {
		row = intervalRow
	}
	return newLoose(call, ledger, 0, row.kernel(), typ.Kind)
}

func fieldRow(a []*vec, i int) (int64, answer) {
	for k, v := range a[1:] {
		if !a[0].isNull(i) && !v.isNull(i) && compareAt(a[0], v, i) == 0 {
			return int64(k) + 1, value
		}
	}
	return 0, value
}

func intervalRow(a []*vec, i int) (int64, answer) {
	if a[0].isNull(i) {
		return -1, value
	}
	for k, v := range a[1:] {
		if !v.isNull(i) && compareAt(a[0], v, i) < 0 {
			return int64(k), value
		}
	}
	return int64(len(a)) - 1, value
}

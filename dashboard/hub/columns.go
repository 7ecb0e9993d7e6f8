package hub

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
	"weir/sql/types"
)

// exactIntMax is the largest integer up to which a browser's numbers are exact.
const exactIntMax = 1 << 53

// rowRef names a row of the updates that a frame is made from.
type rowRef struct {
	batch, row int32
	op         byte // 'i', 'd' or 'u'
}

// appendColumns appends "cols":[[…],…] for the rows, one array a column.
func appendColumns(dst []byte, schema stream.Schema, batches []stream.Batch, rows []rowRef) ([]byte, error) {
	dst = append(dst, `"cols":[`...)
	for c, f := range schema {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		var err error
		// Runs of rows of one batch, so that the type is looked at once a run.
		for at := 0; at < len(rows); {
			end := at + 1
			for end < len(rows) && rows[end].batch == rows[at].batch {
				end++
			}
			if at > 0 {
				dst = append(dst, ',')
			}
			dst, err = appendRun(dst, batches[rows[at].batch].Column(c), f.Type, rows[at:end])
			if err != nil {
				return nil, fmt.Errorf("column %q: %w", f.Name, err)
			}
			at = end
		}
		dst = append(dst, ']')
	}
	return append(dst, ']'), nil
}

// appendRun appends the values of rows of one array, with commas between.
func appendRun(dst []byte, arr arrow.Array, t types.Type, rows []rowRef) ([]byte, error) {
	switch a := arr.(type) {
	case *array.Int64:
		return appendEach(dst, a, rows, func(dst []byte, row int) []byte { return appendInt(dst, a.Value(row)) }), nil
	case *array.Float64:
		return appendEach(dst, a, rows, func(dst []byte, row int) []byte { return appendFloat(dst, a.Value(row)) }), nil
	case *array.String:
		return appendEach(dst, a, rows, func(dst []byte, row int) []byte { return appendString(dst, a.Value(row)) }), nil
	case *array.Boolean:
		return appendEach(dst, a, rows, func(dst []byte, row int) []byte { return strconv.AppendBool(dst, a.Value(row)) }), nil
	case *array.Timestamp:
		return appendEach(dst, a, rows, func(dst []byte, row int) []byte { return appendMillis(dst, int64(a.Value(row))) }), nil
	case *array.Date32:
		return appendEach(dst, a, rows, func(dst []byte, row int) []byte {
			return strconv.AppendInt(dst, int64(a.Value(row))*86_400_000, 10)
		}), nil
	case *array.Decimal128:
		return appendEach(dst, a, rows, func(dst []byte, row int) []byte {
			return appendString(dst, a.Value(row).ToString(int32(t.Scale)))
		}), nil
	}
	return nil, fmt.Errorf("no way to send %s", arr.DataType())
}

func appendEach(dst []byte, arr arrow.Array, rows []rowRef, value func([]byte, int) []byte) []byte {
	for i, r := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		if arr.IsNull(int(r.row)) {
			dst = append(dst, "null"...)
			continue
		}
		dst = value(dst, int(r.row))
	}
	return dst
}

func appendInt(dst []byte, v int64) []byte {
	if v > exactIntMax || v < -exactIntMax {
		dst = append(dst, '"')
		dst = strconv.AppendInt(dst, v, 10)
		return append(dst, '"')
	}
	return strconv.AppendInt(dst, v, 10)
}

// appendFloat appends the shortest number that reads back the same. JSON has no
// NaN and no infinities; they are null.
func appendFloat(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	abs := math.Abs(v)
	if abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// rowBytes guesses how long a row is on the wire, so that frames stay small
// however long the strings are.
func rowBytes(b stream.Batch, row int) int {
	n := 0
	for c := range int(b.NumCols()) {
		if s, ok := b.Column(c).(*array.String); ok && s.IsValid(row) {
			n += s.ValueLen(row) + 3
			continue
		}
		n += 12
	}
	return n
}

// sameKey tells whether two rows of a batch have equal key columns.
func sameKey(b stream.Batch, key []int, i, j int) bool {
	for _, c := range key {
		arr := b.Column(c)
		if arr.IsNull(i) || arr.IsNull(j) {
			if arr.IsNull(i) != arr.IsNull(j) {
				return false
			}
			continue
		}
		if !sameValue(arr, i, j) {
			return false
		}
	}
	return true
}

// sameValue compares two values that are not NULL. Types that it does not know
// differ, which costs a merge and nothing else.
func sameValue(arr arrow.Array, i, j int) bool {
	switch a := arr.(type) {
	case *array.Int64:
		return a.Value(i) == a.Value(j)
	case *array.Float64:
		return a.Value(i) == a.Value(j)
	case *array.String:
		return a.Value(i) == a.Value(j)
	case *array.Boolean:
		return a.Value(i) == a.Value(j)
	case *array.Timestamp:
		return a.Value(i) == a.Value(j)
	case *array.Date32:
		return a.Value(i) == a.Value(j)
	case *array.Decimal128:
		return a.Value(i) == a.Value(j)
	}
	return false
}

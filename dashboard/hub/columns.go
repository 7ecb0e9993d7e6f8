package hub

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/sql/types"
)

const millisPerDay = 86_400_000

// rowRef names a row of the updates that a frame is made from.
type rowRef struct {
	batch, row int32
	op         byte // 'i', 'd' or 'u'
}

// appendColumns appends "cols":[[…],…] for the rows, one array a column.
func appendColumns(dst []byte, schema stream.Schema, batches []stream.Batch, rows []rowRef) []byte {
	dst = append(dst, `"cols":[`...)
	for c, f := range schema {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		// Runs of rows of one batch, so that the type is looked at once a run.
		for at := 0; at < len(rows); {
			end := at + 1
			for end < len(rows) && rows[end].batch == rows[at].batch {
				end++
			}
			if at > 0 {
				dst = append(dst, ',')
			}
			dst = appendRun(dst, batches[rows[at].batch].Column(c), f.Type, rows[at:end])
			at = end
		}
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

// appendRun appends the values of rows of one array, with commas between: as
// everywhere, but times are numbers, which a chart need not parse, and JSON is text.
func appendRun(dst []byte, arr arrow.Array, t types.Type, rows []rowRef) []byte {
	switch a := arr.(type) {
	case *array.Timestamp:
		return appendEach(dst, a, rows, func(dst []byte, row int) []byte {
			return appendMillis(dst, int64(a.Value(row)))
		})
	case *array.Date32:
		return appendEach(dst, a, rows, func(dst []byte, row int) []byte {
			return strconv.AppendInt(dst, int64(a.Value(row))*millisPerDay, 10)
		})
	}
	if t.Kind == types.JSON {
		t = types.VarcharType // a cell of the page is text
	}
	return appendEach(dst, arr, rows, func(dst []byte, row int) []byte {
		return render.AppendJSON(dst, arr, row, t)
	})
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

package assign

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/ingest/decode"
	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/sql/types"
)

// Refused says that a value fits no record.
type Refused struct {
	Column  int    // of the row
	Code    string // one of package decode's
	Message string
}

// Writer writes rows of one schema as records of one stream.
type Writer struct {
	names  [][]byte // `"name":`
	append []appender
	into   []decode.Column
}

// appender appends a value that is not NULL as JSON. ok is false where there is
// no way to write it.
type appender func(dst []byte, a arrow.Array, row int) (_ []byte, ok bool)

// New returns a writer of rows of the schema, whose columns go to those of into, by
// position. Why of each pair is to be empty.
func New(from stream.Schema, into []decode.Column) *Writer {
	w := &Writer{into: into}
	for i, f := range from {
		name := append(render.AppendJSONString(nil, into[i].Name), ':')
		w.names = append(w.names, name)
		w.append = append(w.append, appenderOf(f.Type, into[i].Type))
	}
	return w
}

// Append appends a row as a JSON object. NULLs are left out. Where a value cannot
// be written, refused tells which, and dst is as it was.
func (w *Writer) Append(dst []byte, b arrow.RecordBatch, row int) (out []byte, refused *Refused) {
	start := len(dst)
	dst = append(dst, '{')
	for c, name := range w.names {
		a := b.Column(c)
		if a.IsNull(row) {
			continue
		}
		if len(dst) > start+1 {
			dst = append(dst, ',')
		}
		var ok bool
		if dst, ok = w.append[c](append(dst, name...), a, row); !ok {
			return dst[:start], w.refuse(c, a, row)
		}
	}
	return append(dst, '}'), nil
}

// refuse says why a value could not be written.
func (w *Writer) refuse(c int, a arrow.Array, row int) *Refused {
	r := &Refused{Column: c, Code: decode.BadUTF8, Message: "the text is not UTF-8"}
	switch {
	case w.into[c].Type.Kind == types.JSON:
		r.Code, r.Message = decode.BadJSON, "the text is not JSON"
	case a.DataType().ID() == arrow.FLOAT64:
		r.Code = decode.OutOfRange
		r.Message = strconv.FormatFloat(a.(*array.Float64).Value(row), 'g', -1, 64) + " is out of range for " + w.into[c].Type.String()
	}
	return r
}

// Why tells why values of one type are not assigned to columns of another: "" if
// they are, else what to write instead.
func Why(from, to types.Type) string {
	f, t := from.Kind, to.Kind
	switch {
	case f == types.Null, f == t, from.IsNumeric() && to.IsNumeric():
		return ""
	case f == types.Interval:
		return "an INTERVAL is no value of a column: add it to a time"
	case t == types.JSON && f != types.Varchar:
		return "make JSON of it with JSON_OBJECT, JSON_ARRAY or CAST(x AS JSON)"
	case t == types.Varbinary && f != types.Varchar:
		return "write CAST(x AS CHAR)"
	case f == types.Varbinary && t != types.Varchar:
		return "write CAST(x AS CHAR)"
	case f == types.Varchar, t == types.Varchar, t == types.JSON, t == types.Varbinary:
		return ""
	case f == types.JSON, t == types.Boolean && from.IsNumeric(), f == types.Boolean && to.IsNumeric():
		return ""
	case to.IsTime() && from.IsNumeric():
		return "write FROM_UNIXTIME(seconds), or a time such as '2026-11-20 10:00:00'"
	case f == types.Date && t == types.Datetime, f == types.Datetime && (t == types.Date || t == types.Time):
		return ""
	}
	return "write CAST(x AS " + to.String() + ") if that is what you mean"
}

func appenderOf(from, to types.Type) appender {
	switch {
	case from.Kind == types.Null:
		return func(dst []byte, _ arrow.Array, _ int) ([]byte, bool) { return append(dst, "null"...), true }
	case to.Kind == types.Varchar, from.Kind == types.Varchar:
		return textAppender(from, to)
	case to.Kind == types.Bigint || to.Kind == types.Ubigint:
		return wholeAppender(from)
	case to.Kind == types.Boolean && from.Kind != types.JSON:
		return truthAppender(from)
	case from.Kind == types.Boolean:
		return func(dst []byte, a arrow.Array, row int) ([]byte, bool) { return appendBit(dst, a, row), true }
	case from.Kind == types.Double:
		return realAppender(from)
	case from.Kind == types.Date, from.Kind == types.Datetime:
		return timeAppender(from, to)
	}
	return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
		return render.AppendJSON(dst, a, row, from), true
	}
}

// textAppender writes texts, and values as texts.
func textAppender(from, to types.Type) appender {
	if from.Kind != types.Varchar && from.Kind != types.Varbinary && from.Kind != types.JSON {
		return func(dst []byte, a arrow.Array, row int) ([]byte, bool) { // digits, letters and points: nothing to escape
			return append(render.AppendText(append(dst, '"'), a, row, from), '"'), true
		}
	}
	switch to.Kind {
	case types.Bigint, types.Ubigint:
		return wholeText
	case types.JSON: // a text is parsed, as in MySQL
		return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
			return types.CompactJSON(dst, []byte(a.(*array.String).Value(row)))
		}
	case types.Varbinary:
		return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
			return append(types.AppendBase64(append(dst, '"'), a.(*array.String).Value(row)), '"'), true
		}
	}
	instant := to.Kind == types.Datetime
	return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
		s := a.(*array.String).Value(row)
		if !utf8.ValidString(s) {
			return dst, false
		}
		if instant { // a day is its midnight, as in MySQL
			if _, ok := types.ParseDate(s); ok {
				s += " 00:00:00"
			}
		}
		return render.AppendJSONString(dst, s), true
	}
}

// wholeAppender rounds to integers, half away from zero, as CAST does.
func wholeAppender(from types.Type) appender {
	switch from.Kind {
	case types.Boolean:
		return func(dst []byte, a arrow.Array, row int) ([]byte, bool) { return appendBit(dst, a, row), true }
	case types.Double:
		return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
			v := a.(*array.Float64).Value(row)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return dst, false
			}
			return strconv.AppendFloat(dst, math.Round(v), 'f', -1, 64), true
		}
	case types.Decimal:
		scale := from.Scale
		return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
			v := a.(*array.Decimal128).Value(row)
			if scale > 0 {
				v = v.ReduceScaleBy(int32(scale), true)
			}
			return types.AppendDecimal(dst, v, 0), true
		}
	}
	return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
		return render.AppendJSON(dst, a, row, from), true
	}
}

// wholeText writes a text, rounded as a number is if it is that of one with a
// fraction or an exponent; another is refused at the door, which sees it as it is.
func wholeText(dst []byte, a arrow.Array, row int) ([]byte, bool) {
	s := a.(*array.String).Value(row)
	if strings.ContainsAny(s, ".eE") {
		if n, ok := types.ParseDecimal(s, types.MaxDecimalPrecision, 0); ok {
			return types.AppendDecimal(dst, n, 0), true
		}
	}
	if !utf8.ValidString(s) {
		return dst, false
	}
	return render.AppendJSONString(dst, s), true
}

func appendBit(dst []byte, a arrow.Array, row int) []byte {
	if a.(*array.Boolean).Value(row) {
		return append(dst, '1')
	}
	return append(dst, '0')
}

// truthAppender writes 0 and 1 as truth values; another number is refused at the
// door, which sees it as it is.
func truthAppender(from types.Type) appender {
	return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
		start := len(dst)
		dst = render.AppendText(dst, a, row, from)
		switch string(dst[start:]) {
		case "0":
			dst = append(dst[:start], "false"...)
		case "1":
			dst = append(dst[:start], "true"...)
		}
		return dst, true
	}
}

func realAppender(from types.Type) appender {
	return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
		v := a.(*array.Float64).Value(row)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, false
		}
		return types.AppendReal(dst, v, from), true
	}
}

// timeAppender writes days and instants, rounded to the digits of the column as
// CAST rounds.
func timeAppender(from, to types.Type) appender {
	const day = 24 * 60 * 60 * 1_000_000
	micros := func(a arrow.Array, row int) int64 {
		if d, ok := a.(*array.Date32); ok {
			return int64(d.Value(row)) * day
		}
		return int64(a.(*array.Timestamp).Value(row))
	}
	unit := int64(1)
	if to.Kind != types.Date && to.Precision < from.Precision {
		for range 6 - to.Precision {
			unit *= 10
		}
	}
	return func(dst []byte, a arrow.Array, row int) ([]byte, bool) {
		us := micros(a, row)
		us = floorDiv(us+unit/2, unit) * unit
		dst = append(dst, '"')
		switch to.Kind {
		case types.Date:
			dst = types.AppendDate(dst, int32(floorDiv(us, day)))
		case types.Time:
			dst = types.AppendTime(dst, us-floorDiv(us, day)*day, 6)
		default:
			dst = types.AppendDatetime(dst, us, 6)
		}
		return append(dst, '"'), true
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

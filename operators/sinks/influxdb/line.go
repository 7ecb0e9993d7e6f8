package influxdb

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/sql/types"
)

// Precision is the unit of times.
type Precision string

// The precisions.
const (
	Seconds Precision = "s"
	Millis  Precision = "ms"
	Micros  Precision = "us"
	Nanos   Precision = "ns"
)

// param is what /write calls the precision.
func (p Precision) param() string {
	switch p {
	case Micros:
		return "u"
	case Nanos:
		return "n"
	}
	return string(p)
}

// of returns microseconds in the unit; ok is false beyond what it can hold.
func (p Precision) of(micros int64) (n int64, ok bool) {
	switch p {
	case Seconds:
		return floorDiv(micros, 1_000_000), true
	case Millis:
		return floorDiv(micros, 1000), true
	case Nanos:
		return micros * 1000, micros <= math.MaxInt64/1000 && micros >= math.MinInt64/1000
	}
	return micros, true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// column is a tag or a field.
type column struct {
	at  int    // in the schema
	key []byte // `,name=` of a tag, `name=` of a field, escaped
	t   types.Type
}

// layout turns rows into lines.
type layout struct {
	measurement []byte // escaped
	tags        []column
	fields      []column
	time        int
	precision   Precision
}

// Specials of the protocol, at each of its places.
const (
	measurementSpecial = ", "
	keySpecial         = ",= "
)

func newLayout(measurement string, schema stream.Schema, tags []int, time int, p Precision) (*layout, error) {
	if err := checkKey("measurement", measurement); err != nil {
		return nil, err
	}
	l := &layout{measurement: appendEscaped(nil, measurement, measurementSpecial), time: time, precision: p}
	for i, f := range schema {
		if i == time {
			continue
		}
		if err := checkKey("column", f.Name); err != nil {
			return nil, err
		}
		if f.Name == "time" {
			return nil, errors.New("InfluxDB keeps the name `time` for the time of the point: give the column `time` another name")
		}
		c := column{at: i, key: appendEscaped(nil, f.Name, keySpecial), t: f.Type}
		c.key = append(c.key, '=')
		if slices.Contains(tags, i) {
			c.key = append([]byte{','}, c.key...)
			l.tags = append(l.tags, c)
		} else {
			l.fields = append(l.fields, c)
		}
	}
	if len(l.fields) == 0 {
		return nil, errors.New("a point needs a field, and every column of the view is a tag or the time: leave one out of `tags`")
	}
	// The server wants tags in this order and sorts them otherwise.
	slices.SortFunc(l.tags, func(a, b column) int { return bytes.Compare(a.key, b.key) })
	return l, nil
}

func checkKey(what, name string) error {
	if strings.ContainsAny(name, "\n\r") || strings.HasSuffix(name, `\`) || name == "" {
		return fmt.Errorf("the line protocol has no way to write the %s %q: give it another name", what, name)
	}
	return nil
}

// appendIdentity appends which point a row is: measurement, tags and, behind
// them, its time; ok is false if it has none.
func (l *layout) appendIdentity(dst []byte, rec arrow.RecordBatch, row int) (out []byte, at int64, ok bool) {
	times := rec.Column(l.time)
	if times.IsNull(row) {
		return dst, 0, false
	}
	if at, ok = l.precision.of(int64(times.(*array.Timestamp).Value(row))); !ok {
		return dst, 0, false
	}
	dst = append(dst, l.measurement...)
	for i := range l.tags {
		dst = l.tags[i].appendTag(dst, rec.Column(l.tags[i].at), row)
	}
	return dst, at, true
}

// appendTag appends a tag; one that is NULL or empty cannot be said and is left out.
func (c *column) appendTag(dst []byte, a arrow.Array, row int) []byte {
	if a.IsNull(row) {
		return dst
	}
	begin := len(dst)
	dst = append(dst, c.key...)
	start := len(dst)
	dst = render.AppendText(dst, a, row, c.t)
	if len(dst) == start {
		return dst[:begin]
	}
	if !bytes.ContainsAny(dst[start:], ",= \n\r\\") {
		return dst
	}
	dst = appendTagValue(dst[:start], string(dst[start:]))
	if len(dst) == start {
		return dst[:begin]
	}
	return dst
}

// appendTagValue escapes a tag's value. The protocol has no escape for a line
// feed, and none for a backslash, which at the end would escape what follows: a
// line end becomes a space, and backslashes at the end are cut off.
func appendTagValue(dst []byte, v string) []byte {
	v = strings.TrimRight(v, `\`)
	v = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(v)
	return appendEscaped(dst, v, keySpecial)
}

func appendEscaped(dst []byte, s, special string) []byte {
	for i := range len(s) {
		if strings.IndexByte(special, s[i]) >= 0 {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return dst
}

// Why a row is no point.
const (
	noTime  = "the row has no time, or one that the precision cannot hold"
	noField = "the row has no field: all of them are NULL"
)

// appendLine appends a row as a line; why tells why it cannot be one, and dst is
// as it was then.
func (l *layout) appendLine(dst []byte, rec arrow.RecordBatch, row int) (out []byte, why string) {
	begin := len(dst)
	dst, at, ok := l.appendIdentity(dst, rec, row)
	if !ok {
		return dst[:begin], noTime
	}
	sep := byte(' ')
	for i := range l.fields {
		f := &l.fields[i]
		if a := rec.Column(f.at); isField(a, row) {
			dst = append(append(dst, sep), f.key...)
			dst = l.appendField(dst, a, row, f.t)
			sep = ','
		}
	}
	if sep == ' ' {
		return dst[:begin], noField
	}
	dst = append(dst, ' ')
	dst = appendInt(dst, at)
	return append(dst, '\n'), ""
}

// isField tells whether a value can be written: NULL and what is no number cannot.
func isField(a arrow.Array, row int) bool {
	if a.IsNull(row) {
		return false
	}
	if f, ok := a.(*array.Float64); ok {
		v := f.Value(row)
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return true
}

func (l *layout) appendField(dst []byte, a arrow.Array, row int, t types.Type) []byte {
	switch a := a.(type) {
	case *array.Int64:
		if t.Kind == types.Time {
			return appendQuoted(dst, a, row, t)
		}
		return append(appendInt(dst, a.Value(row)), 'i')
	case *array.Timestamp:
		at, _ := l.precision.of(int64(a.Value(row)))
		return append(appendInt(dst, at), 'i')
	case *array.String:
		if t.Kind == types.Varbinary {
			return appendQuoted(dst, a, row, t)
		}
		dst = append(dst, '"')
		dst = appendEscaped(dst, a.Value(row), `"\`)
		return append(dst, '"')
	case *array.Date32:
		return appendQuoted(dst, a, row, t)
	}
	// BOOLEAN, DOUBLE, and what becomes a float: DECIMAL, and BIGINT UNSIGNED,
	// whose own mark most builds of the server refuse.
	return render.AppendText(dst, a, row, t)
}

// appendQuoted appends a value whose text has nothing to escape.
func appendQuoted(dst []byte, a arrow.Array, row int, t types.Type) []byte {
	dst = append(dst, '"')
	dst = render.AppendText(dst, a, row, t)
	return append(dst, '"')
}

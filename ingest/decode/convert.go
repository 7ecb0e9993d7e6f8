package decode

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/sql/types"
)

// valueKind is what a value looks like in the input.
type valueKind uint8

const (
	nullValue valueKind = iota
	trueValue
	falseValue
	numberValue
	stringValue // between the quotes
	nestedValue // an object or an array
	csvValue    // a CSV field
)

// value is a value of a row: data[start:end].
type value struct {
	kind       valueKind
	escaped    bool // a string has escapes
	start, end int
}

// timeScale is the power of ten that makes microseconds of the unit.
func timeScale(unit time.Duration) int {
	switch unit {
	case time.Second:
		return 6
	case time.Microsecond:
		return 0
	case time.Nanosecond:
		return -3
	}
	return 3
}

// set makes v the value of column c in the row being written. It returns an
// empty code if the value fits.
func (t *table) set(c *column, data []byte, v value) (code string) {
	raw := data[v.start:v.end]
	if v.kind == nullValue {
		c.setNull(t.row)
		return ""
	}
	if c.generated {
		return Generated
	}
	if c.Type.Kind == types.JSON {
		return t.setJSON(c, data, v)
	}
	if c.Type.Kind == types.Varbinary {
		return t.setVarbinary(c, raw, v)
	}
	if c.isText() {
		return t.setVarchar(c, raw, v)
	}
	if v.escaped {
		t.scratch = unescape(t.scratch[:0], raw)
		raw = t.scratch
	}
	row := t.row & c.mask
	switch c.Type.Kind {
	case types.Boolean:
		return c.setBoolean(row, raw, v.kind)
	case types.Date:
		days, ok := types.ParseDate(raw)
		if !ok || v.kind != stringValue && v.kind != csvValue {
			return BadTime
		}
		c.days[row] = days
		return ""
	case types.Time:
		micros, ok := types.ParseTime(raw)
		if !ok || v.kind != stringValue && v.kind != csvValue {
			return BadTime
		}
		c.ints[row] = micros
		return ""
	case types.Datetime:
		micros, ok := t.datetime(raw, v.kind)
		if !ok {
			return BadTime
		}
		c.ints[row] = micros
		return ""
	}
	if v.kind != numberValue && v.kind != stringValue && v.kind != csvValue {
		return BadType
	}
	return c.setNumber(row, raw)
}

func (t *table) setVarchar(c *column, raw []byte, v value) (code string) {
	if n := c.Type.Length; n > 0 {
		text := raw
		if v.escaped && len(raw) > n {
			t.scratch = unescape(t.scratch[:0], raw)
			text = t.scratch
		}
		if len(text) > n && utf8.RuneCount(text) > n {
			return BadType
		}
	}
	if !v.escaped || !c.build {
		c.setText(t.row, raw)
		return ""
	}
	start := c.room(t.row, len(raw))
	text := unescape(c.text[start:start], raw) // never longer than raw
	c.offsets[t.row+1] = int32(start + len(text))
	return ""
}

// setJSON keeps a value's text, without blanks between its parts. A field of CSV
// is the text itself.
func (t *table) setJSON(c *column, data []byte, v value) (code string) {
	if v.kind == stringValue { // the quotes belong to it
		v.start--
		v.end++
	}
	raw := data[v.start:v.end]
	if v.kind != csvValue && (v.kind != nestedValue || !types.BlankInJSON(raw)) {
		c.setText(t.row, raw) // the row's syntax was checked
		return ""
	}
	text, ok := types.CompactJSON(t.scratch[:0], raw)
	t.scratch = text
	if !ok {
		return BadJSON
	}
	c.setText(t.row, text)
	return ""
}

// setVarbinary reads bytes: base64 in JSON, 0x and hexadecimal digits in CSV.
func (t *table) setVarbinary(c *column, raw []byte, v value) (code string) {
	t.scratch = t.scratch[:0]
	if v.escaped {
		t.scratch = unescape(t.scratch, raw)
		raw = t.scratch
	}
	start, ok := len(t.scratch), false
	switch v.kind {
	case stringValue:
		t.scratch, ok = types.ParseBase64(t.scratch, raw)
	case csvValue:
		t.scratch, ok = types.ParseHex(t.scratch, raw)
	}
	if !ok {
		return BadType
	}
	data := t.scratch[start:]
	if n := c.Type.Length; n > 0 && len(data) > n {
		return OutOfRange
	}
	c.setText(t.row, data)
	return ""
}

func (c *column) setBoolean(row int, raw []byte, kind valueKind) (code string) {
	isText := kind == stringValue || kind == csvValue
	switch {
	case kind == trueValue || isText && equalsFold(raw, "true"):
		c.bools[row] = 1
	case kind == falseValue || isText && equalsFold(raw, "false"):
		c.bools[row] = 0
	default:
		return BadType
	}
	return ""
}

// equalsFold tells whether s is the word, in any case of ASCII letters.
func equalsFold(s []byte, word string) bool {
	if len(s) != len(word) {
		return false
	}
	for i, c := range s {
		if c|0x20 != word[i] {
			return false
		}
	}
	return true
}

// setNumber sets an integer, a DOUBLE, a FLOAT or a DECIMAL.
func (c *column) setNumber(row int, raw []byte) (code string) {
	n, ok := parseNumber(raw)
	if !ok {
		return BadType
	}
	switch c.Type.Kind {
	case types.Double:
		v, ok := parseFloat(raw)
		if !ok {
			return OutOfRange
		}
		if c.Type.Width == 32 {
			if v, ok = types.ToFloat(v); !ok {
				return OutOfRange
			}
		}
		c.floats[row] = v
	case types.Ubigint:
		hi, lo, exact, ok := n.scaled(0, halfAway)
		if ok && !exact {
			return BadType
		}
		if !ok || hi != 0 || n.negative && lo != 0 {
			return OutOfRange
		}
		c.ints[row] = int64(lo)
	case types.Bigint:
		hi, lo, exact, ok := n.scaled(0, halfAway)
		if ok && !exact {
			return BadType
		}
		v, fits := signed(n.negative, hi, lo)
		if !ok || !fits || v < c.least || v > c.greatest {
			return OutOfRange
		}
		c.ints[row] = v
	case types.Decimal:
		hi, lo, _, ok := n.scaled(c.Type.Scale, halfAway)
		v := decimal128.New(int64(hi), lo)
		if !ok || !v.FitsInPrecision(int32(c.Type.Precision)) {
			return OutOfRange
		}
		if n.negative {
			v = v.Negate()
		}
		c.exact[row] = v
	}
	return ""
}

// The first and the last microsecond of a DATETIME.
var (
	firstMicro, _ = types.ParseDatetime("0000-01-01 00:00:00")
	lastMicro, _  = types.ParseDatetime("9999-12-31 23:59:59.999999")
)

func (t *table) datetime(raw []byte, kind valueKind) (micros int64, ok bool) {
	if kind == stringValue || kind == csvValue {
		if micros, ok := types.ParseDatetime(raw); ok || kind == stringValue {
			return micros, ok
		}
	} else if kind != numberValue {
		return 0, false
	}
	n, ok := parseNumber(raw)
	if !ok {
		return 0, false
	}
	hi, lo, _, ok := n.scaled(timeScale(t.cfg.TimeUnit), floor)
	if !ok {
		return 0, false
	}
	micros, ok = signed(n.negative, hi, lo)
	return micros, ok && firstMicro <= micros && micros <= lastMicro
}

// explain says why set refused the value.
func (t *table) explain(c *column, data []byte, v value, code string) string {
	raw := data[v.start:v.end]
	text := cut(raw)
	if v.kind == stringValue || v.kind == csvValue {
		text = `"` + text + `"`
	}
	switch {
	case code == Generated:
		return fmt.Sprintf("`%s` is a generated column: its value is computed and cannot be sent", c.Name)
	case code == BadJSON:
		return fmt.Sprintf("%s is not JSON", text)
	case code == OutOfRange:
		return fmt.Sprintf("%s is out of range for %s", text, c.Type)
	case c.Type.Kind == types.Varbinary && v.kind == csvValue:
		return fmt.Sprintf("%s is not a %s: expected 0x and hexadecimal digits", text, c.Type)
	case c.Type.Kind == types.Varbinary:
		return fmt.Sprintf("%s is not a %s: expected base64 in a string", text, c.Type)
	case c.isText():
		return fmt.Sprintf("%s is longer than %s allows", text, c.Type)
	case code == BadTime && c.Type.Kind == types.Date:
		return fmt.Sprintf("%s is not a %s: expected YYYY-MM-DD", text, c.Type)
	case code == BadTime && c.Type.Kind == types.Time:
		return fmt.Sprintf("%s is not a %s: expected [-]HH:MM:SS[.f] up to 838:59:59", text, c.Type)
	case code == BadTime:
		return fmt.Sprintf("%s is not a %s: expected YYYY-MM-DD HH:MM:SS[.f][Z|±hh:mm] or a number of %s since 1970",
			text, c.Type, unitName(t.cfg.TimeUnit))
	}
	return fmt.Sprintf("%s is not a %s", text, c.Type)
}

func unitName(unit time.Duration) string {
	switch unit {
	case time.Second:
		return "seconds"
	case time.Microsecond:
		return "microseconds"
	case time.Nanosecond:
		return "nanoseconds"
	}
	return "milliseconds"
}

package decode

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/sql/types"
)

// modelLine is the rules of the package in their plainest form, on top of
// encoding/json. It returns one text for each column, or the code and column.
func modelLine(cfg Config, line []byte) (values []string, code, column string) {
	maxRow := cfg.MaxRow
	if maxRow == 0 {
		maxRow = DefaultMaxRow
	}
	switch {
	case len(line) > maxRow:
		return nil, RowTooLarge, ""
	case !utf8.Valid(line):
		return nil, BadUTF8, ""
	case !json.Valid(line):
		return nil, BadJSON, ""
	case modelDepth(line) > MaxDepth:
		return nil, TooDeep, ""
	case line[0] != '{':
		return nil, NotObject, ""
	}
	// Keys by hand, in order: a map would not tell which of two names was last.
	dec := json.NewDecoder(bytes.NewReader(line))
	if _, err := dec.Token(); err != nil {
		panic(err)
	}
	raw := make([]json.RawMessage, len(cfg.Columns))
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			panic(err)
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			panic(err)
		}
		if i := modelColumn(cfg.Columns, key.(string)); i >= 0 {
			raw[i] = v
		}
	}
	values = make([]string, len(raw))
	for i, c := range cfg.Columns {
		wanted := cfg.CheckAll
		for _, w := range cfg.Want {
			wanted = wanted || w == i
		}
		if !wanted {
			continue
		}
		if raw[i] == nil {
			values[i] = "NULL"
			continue
		}
		if values[i], code = modelValue(cfg, c.Type, raw[i]); code != "" {
			return nil, code, c.Name
		}
	}
	return values, "", ""
}

func modelColumn(columns []Column, key string) int {
	found, count := -1, 0
	for i, c := range columns {
		if c.Name == key {
			return i
		}
		if strings.EqualFold(c.Name, key) {
			found = i
			count++
		}
	}
	if count == 1 {
		return found
	}
	return -1
}

func modelDepth(line []byte) int {
	depth, most, inText := 0, 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
			most = max(most, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return most
}

func modelValue(cfg Config, t types.Type, raw json.RawMessage) (text, code string) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		panic(err)
	}
	if v == nil {
		return "NULL", ""
	}
	str, isText := v.(string)
	num, isNumber := v.(json.Number)
	digits := str
	if isNumber {
		digits = string(num)
	}
	switch t.Kind {
	case types.Varbinary:
		b, err := base64.StdEncoding.DecodeString(str)
		switch {
		case !isText || err != nil || strings.ContainsAny(str, "\r\n"):
			return "", BadType
		case t.Length > 0 && len(b) > t.Length:
			return "", OutOfRange
		}
		return strconv.Quote(string(b)), ""
	case types.Time:
		match := regexp.MustCompile(`^([-+]?)([0-9]{1,3}):([0-5][0-9])(:[0-5][0-9](\.[0-9]+)?)?$`).FindStringSubmatch(str)
		if !isText || match == nil {
			return "", BadTime
		}
		seconds := "0" + strings.TrimPrefix(match[4], ":")
		d, err := time.ParseDuration(match[2] + "h" + match[3] + "m" + seconds + "s")
		if err != nil || d.Microseconds() > types.TimeMax {
			return "", BadTime
		}
		if match[1] == "-" {
			d = -d
		}
		return fmt.Sprint(d.Microseconds()), ""
	case types.Varchar:
		if !isText {
			str = string(raw)
		}
		if t.Length > 0 && utf8.RuneCountInString(str) > t.Length {
			return "", BadType
		}
		return strconv.Quote(str), ""
	case types.Boolean:
		if b, ok := v.(bool); ok {
			return fmt.Sprint(b), ""
		}
		if low := strings.ToLower(str); low == "true" || low == "false" {
			return low, ""
		}
		return "", BadType
	case types.Date:
		if d, err := time.Parse("2006-01-02", str); err == nil {
			return fmt.Sprint(d.Unix() / 86400), ""
		}
		return "", BadTime
	case types.Datetime:
		if isText {
			if us, ok := types.ParseDatetime(str); ok {
				return fmt.Sprint(us), ""
			}
		}
		if isNumber {
			r, tiny := modelRat(digits)
			if r == nil {
				return "", BadTime
			}
			unit := cfg.TimeUnit
			if unit == 0 {
				unit = time.Millisecond
			}
			r.Mul(r, big.NewRat(int64(unit), 1000))
			us := new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: floor for a positive divisor
			if tiny < 0 {
				us.SetInt64(-1)
			}
			if us.Cmp(big.NewInt(firstMicro)) >= 0 && us.Cmp(big.NewInt(lastMicro)) <= 0 {
				return us.String(), ""
			}
		}
		return "", BadTime
	}
	if !isText && !isNumber || !modelNumber(digits) {
		return "", BadType
	}
	return modelNumeric(t, digits)
}

func modelNumeric(t types.Type, digits string) (text, code string) {
	if t.Kind == types.Double {
		f, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return "", OutOfRange
		}
		if t.Width == 32 {
			if f = float64(float32(f)); math.IsInf(f, 0) {
				return "", OutOfRange
			}
		}
		return fmt.Sprint(math.Float64bits(f + 0)), ""
	}
	r, tiny := modelRat(digits)
	if r == nil {
		return "", OutOfRange
	}
	if t.IsInteger() {
		least, greatest := big.NewInt(0), new(big.Int).SetUint64(math.MaxUint64)
		if t.Kind == types.Bigint {
			a, b := t.IntRange()
			least, greatest = big.NewInt(a), big.NewInt(b)
		}
		switch {
		case tiny != 0 || !r.IsInt() && r.Num().CmpAbs(new(big.Int).Mul(r.Denom(), pow10(38))) < 0:
			return "", BadType
		case !r.IsInt() || r.Num().Cmp(least) < 0 || r.Num().Cmp(greatest) > 0:
			return "", OutOfRange
		}
		return r.Num().String(), ""
	}
	r.Mul(r, new(big.Rat).SetInt(pow10(t.Scale)))
	half := big.NewRat(1, 2)
	negative := r.Sign() < 0
	r.Abs(r).Add(r, half)
	n := new(big.Int).Div(r.Num(), r.Denom())
	if n.CmpAbs(pow10(t.Precision)) >= 0 {
		return "", OutOfRange
	}
	if negative {
		n.Neg(n)
	}
	return n.String(), ""
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// modelNumber is the grammar of numbers as text.
func modelNumber(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	mantissa, exponent, has := strings.Cut(strings.ToLower(s), "e")
	if has {
		if exponent != "" && strings.ContainsAny(exponent[:1], "+-") {
			exponent = exponent[1:]
		}
		if exponent == "" || strings.Trim(exponent, "0123456789") != "" {
			return false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	return whole+fraction != "" && strings.Trim(whole+fraction, "0123456789") == ""
}

// modelRat returns the number, or nil if it is huge; tiny is the sign of one
// that is not zero but too small to be written out.
func modelRat(s string) (r *big.Rat, tiny int) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	if strings.Trim(mantissa, "+-0.") == "" {
		return new(big.Rat), 0
	}
	e, err := strconv.ParseInt(exponent, 10, 64)
	if exponent != "" && (err != nil || e > 5000 || e < -5000) {
		if strings.HasPrefix(exponent, "-") {
			if mantissa[0] == '-' {
				return new(big.Rat), -1
			}
			return new(big.Rat), 1
		}
		return nil, 0
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("not a number: " + s)
	}
	return r, 0
}

// cell is a value of a batch as modelLine writes it.
func cell(a arrow.Array, row int) string {
	if a.IsNull(row) {
		return "NULL"
	}
	switch a := a.(type) {
	case *array.Int64:
		return fmt.Sprint(a.Value(row))
	case *array.Uint64:
		return fmt.Sprint(a.Value(row))
	case *array.Timestamp:
		return fmt.Sprint(int64(a.Value(row)))
	case *array.Date32:
		return fmt.Sprint(int32(a.Value(row)))
	case *array.Float64:
		return fmt.Sprint(math.Float64bits(a.Value(row)))
	case *array.Boolean:
		return fmt.Sprint(a.Value(row))
	case *array.String:
		return strconv.Quote(a.Value(row))
	case *array.Decimal128:
		return a.Value(row).BigInt().String()
	}
	panic(a.DataType().String())
}

// splitLines returns the rows of NDJSON.
func splitLines(data []byte) [][]byte {
	var rows [][]byte
	for _, line := range bytes.Split(data, []byte("\n")) {
		if line = bytes.Trim(line, " \t\r"); len(line) > 0 {
			rows = append(rows, line)
		}
	}
	return rows
}

// checkRows holds a result to the model: rows are the input's rows.
func checkRows(t testing.TB, cfg Config, data []byte, rows [][]byte, res Result) {
	t.Helper()
	if res.Total != len(rows) {
		t.Fatalf("%d rows seen, want %d in %q", res.Total, len(rows), data)
	}
	good, bad := 0, 0
	for i, row := range rows {
		values, code, column := modelLine(cfg, row)
		if code != "" {
			if bad >= len(res.Errors) {
				t.Fatalf("row %d %q accepted, want %s", i+1, row, code)
			}
			e := res.Errors[bad]
			if e.Row != i+1 || e.Code != code || e.Column != column || !bytes.Equal(data[e.Start:e.End], row) {
				t.Fatalf("row %d %q: %+v, want %s in column %q", i+1, row, e, code, column)
			}
			if !utf8.ValidString(e.Message) && code != BadUTF8 {
				t.Fatalf("message %q", e.Message)
			}
			bad++
			continue
		}
		if int64(good) >= res.Batch.NumRows() {
			t.Fatalf("row %d %q refused: %+v", i+1, row, res.Errors)
		}
		if res.Rows != nil && res.Rows[good] != i {
			t.Fatalf("good row %d has ordinal %d, want %d", good, res.Rows[good], i)
		}
		if s := res.Spans[good]; !bytes.Equal(data[s.Start:s.End], row) {
			t.Fatalf("span %q, want %q", data[s.Start:s.End], row)
		}
		for k, w := range cfg.Want {
			if got := cell(res.Batch.Column(k), good); got != values[w] {
				t.Fatalf("row %d %q column %s: %s, want %s", i+1, row, cfg.Columns[w].Name, got, values[w])
			}
		}
		good++
	}
	if int64(good) != res.Batch.NumRows() || bad != res.ErrorCount || (res.Rows == nil) != (bad == 0) {
		t.Fatalf("%d good and %d bad rows, %d errors, rows %v", res.Batch.NumRows(), res.ErrorCount, len(res.Errors), res.Rows)
	}
}

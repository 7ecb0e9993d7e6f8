package decode

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"weir/sql/types"
)

const (
	// InferRows is how many rows inference looks at.
	InferRows = 10_000
	// columnsMost is how many columns inference makes; further keys are ignored.
	columnsMost = 4096
)

// Inferred is what a sample says about its columns.
type Inferred struct {
	Columns []Column
	Notes   []string // for people: where the types are a guess that may surprise
	Rows    int      // good rows looked at
	Bad     int      // rows that have no columns at all
}

// seen is what the values of a column looked like.
type seen uint16

const (
	seenBool seen = 1 << iota
	seenInteger
	seenFloat
	seenHuge // an integer beyond BIGINT
	seenDatetime
	seenDate
	seenText
	seenNumericText // a number in quotes
	seenNested
)

// guess is a column that inference has met.
type guess struct {
	name string
	seen seen
}

type inference struct {
	columns []guess
	index   map[string]int
	notes   []string // about the header
	dropped bool
	rows    int
	bad     int
}

// of returns the column named key, new if it has to be; nil beyond the limit.
func (f *inference) of(key []byte) *guess {
	if i, ok := f.index[string(key)]; ok {
		return &f.columns[i]
	}
	if len(f.columns) == columnsMost {
		f.dropped = true
		return nil
	}
	f.index[string(key)] = len(f.columns)
	f.columns = append(f.columns, guess{name: string(key)})
	return &f.columns[len(f.columns)-1]
}

// InferJSON guesses the columns of the JSON objects in sample, which may be
// NDJSON or an array, and may break off anywhere. A column is
// the first spelling of a key; the order is that of appearance.
//
// Integers are BIGINT, other numbers DOUBLE, both together DOUBLE; true and
// false BOOLEAN; text that is a time throughout DATETIME(3), a date DATE; objects
// and arrays throughout JSON; all else, mixtures too, VARCHAR. A column without a value is VARCHAR.
func InferJSON(sample []byte) (Inferred, error) {
	f := inference{index: make(map[string]int)}
	d := &JSON{}
	i := skipSpace(sample, 0)
	if i < len(sample) && sample[i] == '[' {
		f.array(d, sample, i+1)
		return f.result()
	}
	for ; i < len(sample) && f.rows+f.bad < InferRows; i = skipSpace(sample, i) {
		end := len(sample)
		if k := bytes.IndexByte(sample[i:], '\n'); k >= 0 {
			end = i + k
		}
		line := bytes.TrimRight(sample[:end], " \t\r")
		if !f.object(d, line, i, len(line)) && end < len(sample) {
			f.bad++ // where the sample breaks off is no error
		}
		i = end
	}
	return f.result()
}

// array looks at the elements of an array, from i on.
func (f *inference) array(d *JSON, data []byte, i int) {
	for f.rows+f.bad < InferRows {
		i = skipSpace(data, i)
		start := i
		_, next := d.scan(data, start)
		if next < 0 {
			return
		}
		if !f.object(d, data, start, next) {
			f.bad++
		}
		if i = skipSpace(data, next); i == len(data) || data[i] != ',' {
			return
		}
		i++
	}
}

// object looks at data[i:end], and tells whether that is a row.
func (f *inference) object(d *JSON, data []byte, i, end int) bool {
	isObject, next := d.scan(data, i)
	if next != end || !isObject || d.badUTF8 || d.tooDeep {
		return false
	}
	f.rows++
	// The marks have no names, so read the keys again; the syntax is right.
	at := skipSpace(data, i+1)
	for _, m := range d.marks {
		end, escaped := d.text(data, at+1)
		key := data[at+1 : end]
		if escaped {
			d.scratch = unescape(d.scratch[:0], key)
			key = d.scratch
		}
		if c := f.of(key); c != nil {
			c.seen |= looksLike(data[m.start:m.end], m.kind)
		}
		at = m.end
		if m.kind == stringValue {
			at++
		}
		at = skipSpace(data, at)
		at = skipSpace(data, at+1) // behind the comma
	}
	return true
}

// looksLike tells what a value looks like.
func looksLike(raw []byte, kind valueKind) seen {
	switch kind {
	case nullValue:
		return 0
	case trueValue, falseValue:
		return seenBool
	case nestedValue:
		return seenNested
	case numberValue:
		return numberLooksLike(raw)
	}
	if _, ok := types.ParseDatetime(raw); ok {
		return seenDatetime
	}
	if _, ok := types.ParseDate(raw); ok {
		return seenDate
	}
	if kind == csvValue {
		switch n := numberLooksLike(raw); {
		case n != 0 && !zeroInFront(raw):
			return n
		case equalsFold(raw, "true") || equalsFold(raw, "false"):
			return seenBool
		}
		return seenText
	}
	if _, ok := parseNumber(raw); ok {
		return seenNumericText
	}
	return seenText
}

// numberLooksLike tells what a number looks like; 0 if it is none.
func numberLooksLike(raw []byte) seen {
	n, ok := parseNumber(raw)
	if !ok {
		return 0
	}
	if bytes.ContainsAny(raw, ".eE") {
		return seenFloat
	}
	hi, lo, _, ok := n.scaled(0, halfAway)
	if _, fits := signed(n.negative, hi, lo); !ok || !fits {
		return seenHuge
	}
	return seenInteger
}

// zeroInFront tells whether a number is written as codes are, not as quantities.
func zeroInFront(raw []byte) bool {
	raw = bytes.TrimLeft(raw, "+-")
	return len(raw) > 1 && raw[0] == '0' && raw[1]-'0' <= 9
}

// CSVSample is a CSV sample to infer from.
type CSVSample struct {
	Data  []byte // begins with the header
	Comma byte
	Whole bool // Data does not break off
}

// InferCSV guesses the columns of the records in sample by the rules of
// InferJSON; quotes around a field do not matter. Numbers with a zero in front
// are VARCHAR, for they are codes.
func InferCSV(sample CSVSample) (Inferred, error) {
	header, i, err := CSVHeader(sample.Data, sample.Comma, DefaultMaxRow)
	if err != nil {
		return Inferred{}, err
	}
	f := inference{index: make(map[string]int)}
	for _, name := range header {
		if f.of([]byte(name)) == nil {
			return Inferred{}, fmt.Errorf("the header has more than %d names", columnsMost)
		}
	}
	f.notes = headerNotes(header, sample.Comma)
	data := sample.Data
	if !sample.Whole {
		data = data[:bytes.LastIndexByte(data, '\n')+1]
	}
	d := &CSV{comma: sample.Comma}
	var marks []value
	for i < len(data) && f.rows+f.bad < InferRows {
		end, next, fits := Record(data, i, sample.Comma, DefaultMaxRow)
		if end > i {
			marks, err = split(marks[:0], data, i, end, sample.Comma)
			if err != nil || !fits || len(marks) != len(header) {
				f.bad++
			} else {
				f.record(d, header, marks, data)
			}
		}
		i = next
	}
	return f.result()
}

func (f *inference) record(d *CSV, header []string, marks []value, data []byte) {
	f.rows++
	for k, v := range marks {
		from, field := d.field(data, v, &column{})
		f.columns[f.index[header[k]]].seen |= looksLike(from[field.start:field.end], field.kind)
	}
}

// result settles the types.
func (f *inference) result() (Inferred, error) {
	if len(f.columns) == 0 {
		if f.bad > 0 {
			return Inferred{}, fmt.Errorf("none of the first %d rows is a JSON object", f.bad)
		}
		return Inferred{}, errors.New("no row has a column")
	}
	res := Inferred{Rows: f.rows, Bad: f.bad, Notes: f.notes}
	for _, c := range f.columns {
		t, note := c.seen.settle()
		res.Columns = append(res.Columns, Column{Name: c.name, Type: t})
		if note != "" {
			res.Notes = append(res.Notes, fmt.Sprintf("column `%s` %s", strings.ReplaceAll(c.name, "`", "``"), note))
		}
	}
	if f.dropped {
		res.Notes = append(res.Notes, fmt.Sprintf("there are more than %d different keys: the later ones are ignored", columnsMost))
	}
	if f.bad > 0 {
		res.Notes = append(res.Notes, fmt.Sprintf("%d of the first %d rows could not be read", f.bad, f.rows+f.bad))
	}
	return res, nil
}

// settle returns the type that takes all that was seen, and what to say about it.
func (s seen) settle() (t types.Type, note string) {
	const numbers = seenInteger | seenFloat | seenHuge
	switch {
	case s == 0:
		return types.VarcharType, "is always NULL: taken for VARCHAR"
	case s == seenBool:
		return types.BooleanType, ""
	case s == seenInteger:
		return types.BigintType, ""
	case s&^numbers == 0 && s&seenHuge != 0:
		return types.DoubleType, "has integers beyond BIGINT: taken for DOUBLE, which rounds them"
	case s&^numbers == 0:
		return types.DoubleType, ""
	case s == seenDatetime:
		return types.DatetimeType(3), ""
	case s == seenDate:
		return types.DateType, ""
	case s == seenNumericText:
		return types.VarcharType, "has numbers in quotes: taken for VARCHAR; declared as BIGINT or DOUBLE it reads them"
	case s == seenNested:
		return types.JSONType, ""
	case s == seenText || s&^(seenText|seenNumericText) == 0:
		return types.VarcharType, ""
	}
	return types.VarcharType, "has values of several types: taken for VARCHAR"
}

package decode

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/sql/types"
)

// table is what the decoders share: the columns being filled, and the account
// of good and bad rows. row is the next row to write.
type table struct {
	cfg    Config
	cols   []column
	names  names
	schema *arrow.Schema

	row      int // good rows so far
	capacity int // rows that the columns have room for
	rowBytes float64
	size     int   // of the input
	latest   int64 // the last event time that is let in, in microseconds
	scratch  []byte
	res      Result
}

func newTable(cfg Config) (table, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return table{}, err
	}
	t := table{cfg: cfg, cols: make([]column, len(cfg.Columns)), names: newNames(cfg.Columns), rowBytes: 64, latest: math.MaxInt64}
	build := make([]bool, len(cfg.Columns))
	fields := make([]arrow.Field, len(cfg.Want))
	for _, w := range cfg.Want {
		build[w] = true
	}
	for i, c := range cfg.Columns {
		t.cols[i] = newColumn(c, build[i], cfg.CheckAll, slices.Contains(cfg.Generated, i), cfg.Alloc)
	}
	for i, w := range cfg.Want {
		fields[i] = arrow.Field{Name: t.cols[w].Name, Type: t.cols[w].arrowType, Nullable: true}
	}
	t.schema = arrow.NewSchema(fields, nil)
	return t, nil
}

// Schema returns the schema of the batches.
func (t *table) Schema() *arrow.Schema { return t.schema }

// begin prepares for an input of that size.
func (t *table) begin(size int) error {
	if size > MaxInput {
		return fmt.Errorf("an input of %d bytes is larger than %d", size, MaxInput)
	}
	t.row, t.size, t.res = 0, size, Result{}
	t.capacity = int(float64(size)/t.rowBytes*1.02) + 2
	for i := range t.cols {
		t.cols[i].begin(t.capacity)
	}
	if t.cfg.Spans {
		t.res.Spans = make([]Span, 0, t.capacity)
	}
	return nil
}

// grow makes room for more rows; the input was read up to at.
func (t *table) grow(at int) {
	perRow := float64(at) / float64(t.row+1)
	t.capacity = max(int(float64(t.size)/max(perRow, 1)*1.05), t.capacity+t.capacity/4) + 16
	for i := range t.cols {
		if t.cols[i].build {
			t.cols[i].reserve(t.capacity)
		}
	}
}

// good counts the row that was just written.
func (t *table) good(start, end int) {
	if t.res.ErrorCount > 0 {
		t.res.Rows = append(t.res.Rows, t.res.Total)
	}
	if t.cfg.Spans {
		t.res.Spans = append(t.res.Spans, Span{start, end})
	}
	t.row++
	t.res.Total++
}

// bad counts a row that is not taken.
func (t *table) bad(start, end int, code, column, message string) {
	for i := range t.cols {
		t.cols[i].takeBack(t.row)
	}
	r := &t.res
	if t.cfg.KeepBad {
		t.keep(start, end, code)
		return
	}
	if r.ErrorCount == 0 {
		r.Codes = make(map[string]int, 4)
		r.Rows = make([]int, t.row, t.capacity)
		for i := range r.Rows {
			r.Rows[i] = i
		}
	}
	r.ErrorCount++
	r.Codes[code]++
	r.Total++
	if t.cfg.Newest && len(r.Errors) == 2*MaxErrors {
		r.Errors = append(r.Errors[:0], r.Errors[MaxErrors:]...)
	}
	if t.cfg.Newest || len(r.Errors) < MaxErrors {
		r.Errors = append(r.Errors, RowError{Row: r.Total, Code: code, Column: column, Message: message, Start: start, End: end})
	}
}

// stand notes where the bad rows behind the first total rows stand: they are of one
// record, and sub rows of it came before.
func (t *table) stand(total int, record, sub int32) {
	for i := len(t.res.Errors) - 1; i >= 0 && t.res.Errors[i].Row > total; i-- {
		e := &t.res.Errors[i]
		e.Place = Place{record, sub + int32(e.Row-1-total)}
	}
}

// keep makes a row of NULLs of a bad one.
func (t *table) keep(start, end int, code string) {
	if t.row+1 >= t.capacity {
		t.grow(start)
	}
	for i := range t.cols {
		t.cols[i].setNull(t.row)
	}
	t.res.Kept = append(t.res.Kept, Kept{t.row, code})
	t.good(start, end)
}

// SetLatest has rows refused whose event time is later, in microseconds since
// 1970; see Config.Event.
func (t *table) SetLatest(micros int64) { t.latest = micros }

// untimely returns why the row that was just written is refused for its event
// time; it is empty if it is not.
func (t *table) untimely() (code string) {
	if !t.cfg.Event {
		return ""
	}
	c := &t.cols[t.cfg.EventColumn]
	if k := len(c.nulls); k > 0 && c.nulls[k-1] == int32(t.row) {
		return NullTime
	}
	if t.eventTime() > t.latest {
		return FutureTime
	}
	return ""
}

// eventTime returns that of the row that was just written, in microseconds.
func (t *table) eventTime() int64 {
	c := &t.cols[t.cfg.EventColumn]
	if c.Type.Kind == types.Date {
		return int64(c.days[t.row]) * 86_400_000_000
	}
	return c.ints[t.row]
}

// refuseTime counts the row that was just written as bad.
func (t *table) refuseTime(start, end int, code string) {
	c := &t.cols[t.cfg.EventColumn]
	message := fmt.Sprintf("`%s` is NULL, and is the event time of the stream", c.Name)
	if code == FutureTime {
		message = fmt.Sprintf("%s lies too far ahead of the clock: rows are taken up to %s",
			types.AppendDatetime(nil, t.eventTime(), 3), types.AppendDatetime(nil, t.latest, 3))
	}
	t.bad(start, end, code, c.Name, message)
}

// strange counts rows that have a member without a column.
func (t *table) strange(name string, rows int) {
	u := t.res.Unknown
	if _, known := u[name]; !known && len(u) == UnknownMax || rows == 0 {
		return
	}
	if u == nil {
		u = make(map[string]int)
		t.res.Unknown = u
	}
	u[name] += rows
}

func (t *table) tooLarge(start, end int) {
	t.bad(start, end, RowTooLarge, "", fmt.Sprintf("the row has %d bytes, more than %d", end-start, t.cfg.MaxRow))
}

// finish returns the result, whose batch belongs to the caller.
func (t *table) finish() Result {
	arrays := make([]arrow.Array, len(t.cfg.Want))
	for i, w := range t.cfg.Want {
		arrays[i] = t.cols[w].finish(t.row)
	}
	t.res.Batch = array.NewRecordBatch(t.schema, arrays, int64(t.row))
	for _, a := range arrays {
		a.Release()
	}
	if t.row > 0 {
		t.rowBytes = max(float64(t.size)/float64(t.row), 2)
	}
	res := t.res
	t.res = Result{}
	res.Errors = res.Errors[max(0, len(res.Errors)-MaxErrors):]
	return res
}

// cut returns the first 60 bytes of a value for a message, as valid UTF-8.
func cut(value []byte) string {
	const most = 60
	if len(value) <= most {
		return string(value)
	}
	value = value[:most]
	for k := 0; k < utf8.UTFMax && len(value) > 0 && !utf8.Valid(value); k++ {
		value = value[:len(value)-1]
	}
	return string(value) + "…"
}

package decode

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/sql/types"
)

const (
	// DefaultMaxRow is the size of the largest row in bytes, unless Config has another.
	DefaultMaxRow = 1 << 20
	// MaxDepth is how deep a row may nest; the row's own object is 1.
	MaxDepth = 64
	// MaxErrors is how many RowErrors a Result keeps; it counts the others.
	MaxErrors = 1000
	// UnknownMax is how many names of unknown members a Result counts.
	UnknownMax = 20
	// MaxInput is the size in bytes of the largest input of one call.
	MaxInput = 1 << 30
)

// What can be wrong with a row.
const (
	BadJSON     = "BAD_JSON"
	BadUTF8     = "BAD_UTF8"
	BadType     = "BAD_TYPE"
	BadTime     = "BAD_TIME"
	BadCSV      = "BAD_CSV"
	NotObject   = "NOT_OBJECT"
	RowTooLarge = "ROW_TOO_LARGE"
	TooDeep     = "TOO_DEEP"
	OutOfRange  = "OUT_OF_RANGE"
	Generated   = "GENERATED_COLUMN"
	NullTime    = "NULL_TS"
	FutureTime  = "FUTURE_TS"
)

// Column is a declared column.
type Column struct {
	Name string
	Type types.Type
}

// Config says what a decoder reads and builds.
type Config struct {
	// Columns are the declared columns. Their names differ.
	Columns []Column
	// Want are the indexes of the columns to build, in the order of the batch.
	// None gives batches that only have a number of rows.
	Want []int
	// Generated are the columns that are computed by whoever reads them: where
	// values are checked, only NULL may stand for one.
	Generated []int
	// CheckAll has the declared columns that are not in Want type-checked too.
	CheckAll bool
	// Spans has Result.Spans filled.
	Spans bool
	// Unknown has Result.Unknown filled.
	Unknown bool
	// Newest has Result.Errors be the last bad rows, not the first.
	Newest bool
	// KeepBad makes a row of NULLs of a bad one; Result.Kept has them instead of Errors.
	KeepBad bool
	// Event has rows refused whose event time is NULL or later than SetLatest
	// allows. EventColumn is the column, a DATETIME or DATE that is in Want.
	Event       bool
	EventColumn int
	// TimeUnit is the unit of numbers in DATETIME columns: a second, a
	// millisecond (the default), a microsecond or a nanosecond.
	TimeUnit time.Duration
	// MaxRow is the size of the largest row in bytes, DefaultMaxRow if 0.
	MaxRow int
	// Alloc is where the columns' memory comes from, Go's heap if nil.
	Alloc memory.Allocator
}

// withDefaults checks the Config and fills in what was left out.
func (c Config) withDefaults() (Config, error) {
	seen := make(map[string]bool, len(c.Columns))
	for _, col := range c.Columns {
		if seen[col.Name] {
			return c, fmt.Errorf("two columns are named %q", col.Name)
		}
		seen[col.Name] = true
		if k := col.Type.Kind; k == types.Invalid || k == types.Interval {
			return c, fmt.Errorf("column %q cannot have type %s", col.Name, col.Type)
		}
	}
	wanted := make(map[int]bool, len(c.Want))
	for _, w := range c.Want {
		if w < 0 || w >= len(c.Columns) || wanted[w] {
			return c, fmt.Errorf("column %d is wanted twice or is none of %d", w, len(c.Columns))
		}
		wanted[w] = true
	}
	if c.Event && (!wanted[c.EventColumn] || !c.Columns[c.EventColumn].Type.IsTime()) {
		return c, fmt.Errorf("column %d is no event time that is wanted", c.EventColumn)
	}
	switch c.TimeUnit {
	case 0:
		c.TimeUnit = time.Millisecond
	case time.Second, time.Millisecond, time.Microsecond, time.Nanosecond:
	default:
		return c, fmt.Errorf("time unit %s is none of 1s, 1ms, 1us, 1ns", c.TimeUnit)
	}
	if c.MaxRow < 0 {
		return c, fmt.Errorf("largest row of %d bytes", c.MaxRow)
	}
	if c.MaxRow == 0 {
		c.MaxRow = DefaultMaxRow
	}
	if c.Alloc == nil {
		c.Alloc = memory.DefaultAllocator
	}
	return c, nil
}

// All returns the indexes of the first n columns, for Config.Want.
func All(n int) []int {
	want := make([]int, n)
	for i := range want {
		want[i] = i
	}
	return want
}

// Span is the place of a row in the input: data[Start:End].
type Span struct{ Start, End int }

// RowError says what is wrong with a row.
type RowError struct {
	Row        int    // ordinal in the input, from 1
	Code       string // one of the package's codes
	Column     string // the column's declared name; empty where the whole row is bad
	Message    string // what is wrong, with the value, for people
	Start, End int    // the row is data[Start:End]
	Place      Place  // where it stands, if it was decoded as part of records
}

// Kept is a row of NULLs that stands for a bad one.
type Kept struct {
	Row  int    // in the batch
	Code string // what is wrong with it
}

// Result is what one call of a decoder gives.
type Result struct {
	// Batch has the good rows and the columns of Want. The caller releases it.
	Batch arrow.RecordBatch
	// Spans has the place of each good row, if Config.Spans.
	Spans []Span
	// Rows has the ordinal of each good row, from 0. It is nil if no row was bad.
	Rows []int
	// Places has where each good row stands, of what was decoded as records.
	Places []Place
	// Errors has the first MaxErrors bad rows, with Config.Newest the last; ErrorCount
	// counts all.
	Errors     []RowError
	ErrorCount int
	// Codes counts the bad rows by code; it is nil if there are none.
	Codes map[string]int
	// Unknown counts the good rows that have a member that no column is called
	// after, by its name; only the first UnknownMax names. It is nil if there is none.
	Unknown map[string]int
	// Kept has the rows of the batch that stand for bad ones, if Config.KeepBad.
	Kept []Kept
	// Total is the number of rows seen, good and bad.
	Total int
	// Broken is set where the syntax could not be followed to the end: the last
	// error stands for all that was left of the input.
	Broken bool
}

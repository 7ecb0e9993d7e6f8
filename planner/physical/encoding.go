package physical

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"weir/sql/types"
	"weir/windows"
)

// The encoding of a plan is JSON: an object with the version and what Plan says
// of the result, and the nodes in a row, each behind what it reads. What a field leaves out
// is its zero value. Numbers are whole; a DOUBLE is text that reads back to the
// same bits, a DECIMAL the text of its unscaled number.

type planJSON struct {
	Version    int        `json:"version"`
	Nodes      []nodeJSON `json:"nodes"`
	Key        *[]int     `json:"key,omitempty"` // absent: a bag
	AppendOnly bool       `json:"append_only,omitempty"`
	Emit       string     `json:"emit"`
	// Every is in nanoseconds.
	Every      time.Duration `json:"every_ns,omitempty"`
	Bounded    bool          `json:"bounded,omitempty"`
	TimeColumn int           `json:"time_column"`
	EventTime  int           `json:"event_time"`
}

// nodeJSON is any node; op says which, and so which fields there are.
type nodeJSON struct {
	Op string `json:"op"`

	Scan    *scanJSON   `json:"scan,omitempty"`
	Pred    exprJSON    `json:"pred,omitempty"`
	Exprs   []exprJSON  `json:"exprs,omitempty"`
	Names   []textJSON  `json:"names,omitempty"`
	Agg     *windowJSON `json:"agg,omitempty"`
	Failed  *failedJSON `json:"failed,omitempty"`
	Shown   *shownJSON  `json:"shown,omitempty"`
	TimeCol int         `json:"time_col,omitempty"`
	WCol    int         `json:"w_col,omitempty"`
	Keys    []sortJSON  `json:"sort,omitempty"`
	Limit   int64       `json:"limit,omitempty"`
	Offset  int64       `json:"offset,omitempty"`
	// Inputs is how many of the nodes before it a union takes, or of what they feed.
	Inputs int `json:"inputs,omitempty"`
	// ExpandKeys and Sets are those of an expand; the sets are numbers as text, for
	// they have 64 bits.
	ExpandKeys []int    `json:"expand,omitempty"`
	Sets       []string `json:"sets,omitempty"`
	// Fill and FillKeys are those of a fill, whose values are Exprs.
	Fill     string `json:"fill,omitempty"`
	FillKeys int    `json:"fill_keys,omitempty"`
	// Hold is a stamp's, in nanoseconds.
	Hold time.Duration `json:"hold_ns,omitempty"`
}

type scanJSON struct {
	Kind            string        `json:"kind"`
	Relation        textJSON      `json:"relation,omitempty"`
	Columns         []int         `json:"columns,omitempty"`
	Fields          []fieldJSON   `json:"fields,omitempty"`
	Hidden          []string      `json:"hidden,omitempty"`
	EventTime       exprJSON      `json:"event_time,omitempty"`
	Watermark       exprJSON      `json:"watermark,omitempty"`
	IdleTimeout     time.Duration `json:"idle_timeout_ns,omitempty"`
	IdleAdvance     time.Duration `json:"idle_advance_ns,omitempty"`
	FutureTolerance time.Duration `json:"future_tolerance_ns,omitempty"`
	FromOldest      bool          `json:"from_oldest,omitempty"`
}

type fieldJSON struct {
	Name textJSON `json:"name"`
	Type typeJSON `json:"type"`
}

type windowJSON struct {
	Kind   string        `json:"kind"`
	Size   time.Duration `json:"size_ns,omitempty"`
	Slide  time.Duration `json:"slide_ns,omitempty"`
	Offset time.Duration `json:"offset_ns,omitempty"`
	// Lengths in months, and what the other families count; see windows.Spec.
	SizeMonths   int64         `json:"size_months,omitempty"`
	SlideMonths  int64         `json:"slide_months,omitempty"`
	OffsetMonths int64         `json:"offset_months,omitempty"`
	Zone         textJSON      `json:"zone,omitempty"`
	Gap          time.Duration `json:"gap_ns,omitempty"`
	Rows         int64         `json:"rows,omitempty"`
	Every        int64         `json:"every,omitempty"`

	Lateness time.Duration `json:"lateness_ns,omitempty"`
	Updates  bool          `json:"updates,omitempty"`
	Retracts bool          `json:"retracts,omitempty"`
	Keys     []int         `json:"keys,omitempty"`
	KeyNames []textJSON    `json:"key_names,omitempty"`
	KeyTypes []typeJSON    `json:"key_types,omitempty"`
	Aggs     []aggJSON     `json:"aggs,omitempty"`
	AggNames []textJSON    `json:"agg_names,omitempty"`
}

type aggJSON struct {
	Fn       string     `json:"fn"`
	Args     []int      `json:"args,omitempty"`
	In       []typeJSON `json:"in,omitempty"`
	Out      typeJSON   `json:"out"`
	Distinct bool       `json:"distinct,omitempty"`
	Filtered bool       `json:"filtered,omitempty"`
	Order    []bool     `json:"order,omitempty"`
	// Quantile is a DOUBLE as text, as in a literal; left out if it is 0.
	Quantile  string   `json:"quantile,omitempty"`
	K         int64    `json:"k,omitempty"`
	Separator textJSON `json:"separator,omitempty"`
}

type sortJSON struct {
	Column int  `json:"column"`
	Desc   bool `json:"desc,omitempty"`
}

// typeJSON is a type: its kind, and the parameters that are not zero.
type typeJSON struct {
	Kind      string `json:"kind"`
	Precision int    `json:"precision,omitempty"`
	Scale     int    `json:"scale,omitempty"`
	Length    int    `json:"length,omitempty"`
	Width     int    `json:"width,omitempty"`
	Unsigned  bool   `json:"unsigned,omitempty"`
}

// exprJSON is an expression as a row of terms, the arguments of a call before it:
// what a person or a program writes may nest deeper than JSON may. nil: none.
type exprJSON []termJSON

// termJSON is a column, a literal or a call: exactly one of the three is there.
type termJSON struct {
	Column  *columnJSON  `json:"column,omitempty"`
	Literal *literalJSON `json:"literal,omitempty"`
	Call    *callJSON    `json:"call,omitempty"`
}

type columnJSON struct {
	Index int      `json:"index"`
	Name  textJSON `json:"name,omitempty"`
	Type  typeJSON `json:"type"`
}

// literalJSON is a constant: NULL without any of the values.
type literalJSON struct {
	Type    typeJSON  `json:"type"`
	Bool    *bool     `json:"bool,omitempty"`
	Int     *int64    `json:"int,omitempty"`
	Uint    *uint64   `json:"uint,omitempty"`
	Float   string    `json:"float,omitempty"`
	Text    *textJSON `json:"text,omitempty"`
	Decimal string    `json:"decimal,omitempty"`
	Span    *spanJSON `json:"span,omitempty"`
}

type spanJSON struct {
	Months int64 `json:"months"`
	Micros int64 `json:"micros"`
}

// callJSON takes as many of the expressions before it as it has arguments.
type callJSON struct {
	Fn   string   `json:"fn"`
	Args int      `json:"args,omitempty"`
	Type typeJSON `json:"type"`
}

// textJSON is text that survives even where it is not UTF-8, which JSON cannot hold.
type textJSON string

type bytesJSON struct {
	Bytes []byte `json:"bytes"`
}

// MarshalJSON writes a string, or an object with the bytes.
func (t textJSON) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(bytesJSON{[]byte(t)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *textJSON) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var raw bytesJSON
		if err := strict(b, &raw); err != nil {
			return err
		}
		*t = textJSON(raw.Bytes)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*t = textJSON(s)
	return nil
}

// strict decodes one value and refuses fields that it does not know.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return fmt.Errorf("there is more behind the plan")
	}
	return nil
}

// The words of the encoding, by what they stand for. They never change.
func kindWords() []string {
	return []string{"none", "null", "boolean", "bigint", "ubigint", "decimal", "double", "varchar", "varbinary", "date", "time", "datetime", "interval", "json"}
}

func sourceWords() []string { return []string{"stream", "file", "view", "one"} }

func hiddenWords() []string { return []string{"arrival", "shard", "seq", "w", "sub", "why"} }

func emitWords() []string { return []string{"rows", "changes", "updates"} }

func fillWords() []string { return []string{"null", "prev", "linear", "value"} }

func windowWords() []string { return []string{"none", "tumble", "hop", "cumulate", "session", "count"} }

func word[K types.Kind | SourceKind | Hidden | EmitMode | FillMode | windows.Kind](k K, words []string) (string, error) {
	if int(k) >= len(words) {
		return "", fmt.Errorf("%T %d has no word", k, k)
	}
	return words[k], nil
}

func meaning[K types.Kind | SourceKind | Hidden | EmitMode | FillMode | windows.Kind](w string, words []string) (K, error) {
	for i := range words {
		if words[i] == w {
			return K(i), nil
		}
	}
	return 0, fmt.Errorf("unknown word %q", w)
}

// versionOf reads the version alone: a later one may have fields that are not known.
func versionOf(b []byte) (int, bool) {
	var in struct {
		Version *int `json:"version"`
	}
	if json.Unmarshal(b, &in) != nil || in.Version == nil {
		return 0, false
	}
	return *in.Version, true
}

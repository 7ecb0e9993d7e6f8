package catalog

import (
	"strings"
	"time"

	"weir/operators/stream"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// Limits of what a name and a stream may be.
const (
	ColumnsMax = 1000
	NameMax    = 128 // bytes, as for streams of Kinesis; MySQL has 64
	ShardsMax  = 10_000
)

// Stream is what CREATE STREAM made, checked.
type Stream struct {
	ID           uint32 // given by the catalog, never reused
	Name         string
	Created      stream.Time    // 0: nobody wrote it down
	Columns      stream.Schema  // empty for a file whose columns are to be inferred
	Generated    []ast.Expr     // what computes each of Columns, nil where it is sent; nil: none is computed
	Watermark    *ast.Watermark // nil: `_arrival`
	Shards       int            // 1 for a file
	PartitionKey string         // a column as it is declared; "": round robin per request
	Format       string         // "json", "csv", "tsv" (of a file), or "raw": records are a partition key and bytes
	Connector    string         // "": the log; or "file"
	Raw          string         // the raw stream whose records it shows; "": it has its own
	Path         string         // of the file
	Retention    time.Duration  // how long records are kept, by their arrival; 0: for ever
	Since        stream.Time    // what arrived before was gone when Retention became longer; 0: nothing was
	// IdleTimeout is how long a shard may be silent before it no longer holds
	// the watermark back; 0: for ever.
	IdleTimeout time.Duration
	// IdleAdvance is how far the watermark may run ahead of the events when all
	// shards are idle; 0: not at all.
	IdleAdvance time.Duration
	// FutureTolerance is how far an event may lie beyond its arrival; 0: no limit.
	FutureTolerance time.Duration
	// TimeUnit is the unit of a JSON number in a DATETIME column.
	TimeUnit time.Duration
	// Text is the CREATE statement.
	Text string

	rawID uint32    // of Raw
	rawAt diag.Span // where the statement names it
}

// Log returns the number under which the log has the records of the stream: its own,
// or that of the raw stream whose records it shows.
func (s *Stream) Log() uint32 {
	if s.Raw != "" {
		return s.rawID
	}
	return s.ID
}

// NewStream checks a CREATE STREAM and returns the stream that it describes. A
// column list may be missing only for a file: SetColumns completes the stream
// once somebody has looked into it. The error is a *diag.Error.
func NewStream(def *ast.CreateStream) (*Stream, error) {
	s := &Stream{
		Name: def.Name.Text, Format: "json",
		Retention: 24 * time.Hour, IdleTimeout: 30 * time.Second, IdleAdvance: 10 * time.Minute, FutureTolerance: 5 * time.Minute,
		TimeUnit: time.Millisecond, Text: def.Text,
	}
	if err := checkName(def.Name); err != nil {
		return nil, err
	}
	columns, err := columnsOf(def)
	if err != nil {
		return nil, err
	}
	s.Columns = columns
	if s.Generated, err = generatedOf(def); err != nil {
		return nil, err
	}
	o := options{s: s, at: map[string]ast.Option{}}
	if err := o.read(def.With); err != nil {
		return nil, err
	}
	if err := o.check(def); err != nil {
		return nil, err
	}
	s.Watermark = def.Watermark
	if len(columns) > 0 {
		if err := s.resolve(o.at["partition_key"].Value); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// SetColumns gives a file's stream the columns that were inferred, and checks the
// watermark and the partition key against them. The error is a *diag.Error.
func (s *Stream) SetColumns(columns stream.Schema) error {
	s.Columns = columns
	return s.resolve(ast.Name{Text: s.PartitionKey})
}

// checkName refuses names that could not be told from something else.
func checkName(n ast.Name) error {
	switch {
	case n.Text == "":
		return diag.New(diag.Syntax, n.At, "a name is missing")
	case len(n.Text) > NameMax:
		return diag.New(diag.TooLarge, n.At, "a name has at most %d bytes, this one has %d", NameMax, len(n.Text))
	case strings.Contains(n.Text, "$"):
		return diag.New(diag.BadOption, n.At, "a name cannot hold `$`: it marks what belongs to a stream, as in `orders$late`")
	}
	return nil
}

// columnsOf checks the column list.
func columnsOf(def *ast.CreateStream) (stream.Schema, error) {
	if len(def.Columns) > ColumnsMax {
		return nil, diag.New(diag.TooLarge, def.Columns[ColumnsMax].At, "a stream has at most %d columns, this one has %d", ColumnsMax, len(def.Columns))
	}
	var out stream.Schema
	seen := make(map[string]string, len(def.Columns))
	for _, c := range def.Columns {
		name := c.Name.Text
		folded := strings.ToLower(name)
		if first, twice := seen[folded]; twice {
			return nil, diag.New(diag.ObjectExists, c.Name.At, "the column `%s` is there twice", name).
				WithHint("`%s` stands further left, and names of columns do not differ by case", first)
		}
		switch {
		case name == "":
			return nil, diag.New(diag.Syntax, c.At, "a column's name is missing")
		case len(name) > NameMax:
			return nil, diag.New(diag.TooLarge, c.Name.At, "a column's name has at most %d bytes, this one has %d", NameMax, len(name))
		case folded == "_arrival" || folded == "_shard" || folded == "_seq" || folded == "_sub" || folded == "_key":
			return nil, diag.New(diag.ObjectExists, c.Name.At, "every stream has a column `%s` already", folded).
				WithHint("choose another name")
		}
		seen[folded] = name
		out = append(out, stream.Field{Name: name, Type: c.Type})
	}
	return out, nil
}

// resolve checks what names a column of the stream: the watermark and the
// partition key, which takes the spelling of the column.
func (s *Stream) resolve(key ast.Name) error {
	if w := s.Watermark; w != nil {
		i, err := s.column(w.Column)
		if err != nil {
			return err
		}
		if t := s.Columns[i].Type; !t.IsTime() {
			return diag.New(diag.WrongType, w.Column.At, "the watermark is for a DATETIME column, `%s` is a %s", s.Columns[i].Name, t).
				WithHint("declare `%s` DATETIME(3): JSON numbers are then read as epoch milliseconds, or as time_unit says", s.Columns[i].Name)
		}
	}
	if s.PartitionKey != "" {
		i, err := s.column(key)
		if err != nil {
			return err
		}
		if s.Columns[i].Type.Kind == types.JSON {
			return diag.New(diag.WrongType, key.At, "the partition key cannot be the JSON column `%s`", s.Columns[i].Name).
				WithHint("one value can be written as JSON in many ways; name a column of another type")
		}
		if s.IsGenerated(i) {
			return diag.New(diag.BadOption, key.At, "the partition key cannot be the generated column `%s`", s.Columns[i].Name).
				WithHint("a record's shard is chosen from what was sent, before anything is computed; name a column that is sent")
		}
		s.PartitionKey = s.Columns[i].Name
	}
	return nil
}

// IsGenerated tells whether a column is computed instead of sent.
func (s *Stream) IsGenerated(column int) bool {
	return s.Generated != nil && s.Generated[column] != nil
}

// generatedOf returns what computes each column.
func generatedOf(def *ast.CreateStream) ([]ast.Expr, error) {
	var out []ast.Expr
	computed := 0
	for i, c := range def.Columns {
		if c.Generated == nil {
			continue
		}
		if out == nil {
			out = make([]ast.Expr, len(def.Columns))
		}
		out[i] = c.Generated
		computed++
	}
	if computed > 0 && computed == len(def.Columns) {
		return nil, diag.New(diag.BadOption, def.Columns[0].At, "every column of `%s` is computed, so there is nothing to send", def.Name.Text).
			WithHint("declare the columns that the records have, too")
	}
	return out, nil
}

// column finds a column by name, without regard to case if there is no other way.
func (s *Stream) column(n ast.Name) (int, error) {
	for i, f := range s.Columns {
		if f.Name == n.Text {
			return i, nil
		}
	}
	found := -1
	for i, f := range s.Columns {
		if strings.EqualFold(f.Name, n.Text) {
			if found >= 0 {
				return 0, diag.New(diag.AmbiguousColumn, n.At, "`%s` is `%s` or `%s`", n.Text, s.Columns[found].Name, f.Name)
			}
			found = i
		}
	}
	if found >= 0 {
		return found, nil
	}
	err := diag.New(diag.UnknownColumn, n.At, "the stream `%s` has no column `%s`", s.Name, n.Text)
	if near := diag.Suggest(n.Text, s.Columns.Names()); near != "" {
		return 0, err.WithHint("did you mean `%s`?", near)
	}
	return 0, err
}

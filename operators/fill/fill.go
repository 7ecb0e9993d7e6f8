package fill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/operators/stream/keys"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

const (
	// RowsMax is how many windows without rows one group gets at once at most.
	RowsMax = 10_000
	// CutRowsMax is how many rows are added at one cut at most.
	CutRowsMax = 1_000_000

	batchRowsMax = 4096
)

var errTakenBack = errors.New("windows that change cannot be filled")

// fill is the operator. Rows are kept as memcomparable bytes: they order as the
// groups do, and read back as they were.
type fill struct {
	n      *physical.Fill
	rt     *operators.Runtime
	grid   *windows.Grid
	schema *arrow.Schema
	types  []types.Type // of all columns
	blank  string       // what a window shows that nothing came for; of PREV and LINEAR unused

	ids    map[string]int32
	groups []group
	begun  bool
	newest int64 // number of the newest window end that W passed, or that a row has
	saved  []bool

	came []row // since the last cut
	buf  []byte
}

// group is a group that rows came for.
type group struct {
	key   string
	last  int64  // number of the end of its last window; of LINEAR that with rows
	shown string // the columns behind the key in that window
}

// row is a window of a group.
type row struct {
	end   int64
	group int32
	shown string
}

// New returns an operator that adds windows without rows.
func New(n *physical.Fill) (operators.Operator, error) {
	grid, err := n.Window.Grid()
	if err != nil {
		return nil, fmt.Errorf("fill windows: %w", err)
	}
	f := &fill{n: n, grid: grid, schema: n.Schema().Arrow(), ids: map[string]int32{}}
	for _, c := range n.Schema() {
		f.types = append(f.types, c.Type)
	}
	if n.Window.Kind == windows.Cumulate || n.Keys < 0 || len(f.types) < 2+n.Keys {
		return nil, fmt.Errorf("fill windows: %s with %d keys of %d columns", physical.FormatWindow(n.Window), n.Keys, len(f.types))
	}
	return f, nil
}

// Open computes the value and loads the state.
func (f *fill) Open(_ context.Context, rt *operators.Runtime) error {
	f.rt = rt
	if err := f.value(); err != nil {
		return fmt.Errorf("fill windows: %w", err)
	}
	if rt.State != nil {
		if err := f.restore(rt.State); err != nil {
			return fmt.Errorf("restore windows without rows: %w", err)
		}
	}
	return nil
}

// value computes what FILL(NULL) and FILL(value) show.
func (f *fill) value() error {
	one := array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, 1)
	defer one.Release()
	for i, t := range f.shownTypes() {
		if f.n.Mode != physical.FillValue {
			f.buf = append(f.buf, nullKey)
			continue
		}
		e, err := expr.Compile(f.n.Values[i], expr.Env{Alloc: f.rt.Alloc})
		if err != nil {
			return err
		}
		v, err := e.Eval(one)
		if err != nil {
			return err
		}
		f.buf = keys.Append(f.buf, v, 0, t)
		v.Release()
	}
	f.blank, f.buf = string(f.buf), f.buf[:0]
	return nil
}

// nullKey is the key of NULL.
const nullKey = 0x00

// shownTypes are the types of the columns behind the key.
func (f *fill) shownTypes() []types.Type { return f.types[2+f.n.Keys:] }

// ProcessBatch notes the rows until the cut.
func (f *fill) ProcessBatch(_ context.Context, _ operators.Port, b stream.Batch, _ operators.Collector) error {
	if slices.Contains(b.Ops, stream.Delete) {
		return errTakenBack
	}
	cols := make([]keys.Column, len(f.types))
	for i, t := range f.types {
		cols[i] = keys.Of(b.Column(i), t)
	}
	ends := b.Column(1).(*array.Timestamp)
	for i := range int(b.NumRows()) {
		f.buf = f.buf[:0]
		for c := range f.n.Keys {
			f.buf = cols[2+c].Append(f.buf, i)
		}
		at := len(f.buf)
		for c := 2 + f.n.Keys; c < len(cols); c++ {
			f.buf = cols[c].Append(f.buf, i)
		}
		end := f.grid.Number(stream.Time(ends.Value(i)))
		f.came = append(f.came, row{end, f.group(f.buf[:at], end), string(f.buf[at:])})
	}
	return nil
}

// group returns the group of a key, a new one whose first window ends at end if
// there is none.
func (f *fill) group(key []byte, end int64) int32 {
	id, ok := f.ids[string(key)]
	if !ok {
		id = int32(len(f.groups))
		f.groups = append(f.groups, group{key: string(key), last: end - f.grid.Next(0)})
		f.ids[f.groups[id].key] = id
		if len(f.groups) > len(f.saved)*chunkGroups {
			f.saved = append(f.saved, false)
		}
	}
	return id
}

// ProcessCut emits the rows that came, and the windows that nothing came for.
func (f *fill) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	if c.W == stream.MinTime {
		return c.W, nil
	}
	before := f.newest
	f.advance(c.W)
	if len(f.came) == 0 && f.newest == before {
		return c.W, nil
	}
	rows, err := f.filled()
	f.came = f.came[:0]
	if err != nil {
		return c.W, err
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(f.groups[a.group].key, f.groups[b.group].key))
	})
	for len(rows) > 0 {
		n := min(len(rows), batchRowsMax)
		if err := f.emit(ctx, rows[:n], out); err != nil {
			return c.W, err
		}
		rows = rows[n:]
	}
	return c.W, nil
}

// advance moves the newest window on.
func (f *fill) advance(w stream.Time) {
	to := func(end int64) {
		if !f.begun || end > f.newest {
			f.begun, f.newest = true, end
		}
	}
	for _, r := range f.came {
		to(r.end)
	}
	if w != stream.MaxTime {
		to(f.grid.Passed(w))
	}
}

// filled returns what came, and what lies between.
func (f *fill) filled() ([]row, error) {
	slices.SortStableFunc(f.came, func(a, b row) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.end, b.end)) })
	var rows []row
	var err error
	for _, r := range f.came {
		g := &f.groups[r.group]
		if f.n.Mode == physical.FillLinear {
			rows, err = f.line(rows, g, r)
		} else {
			rows, err = f.upTo(rows, r.group, r.end)
		}
		if err != nil {
			return nil, err
		}
		g.last, g.shown = r.end, r.shown
		f.saved[r.group/chunkGroups] = false
		rows = append(rows, r)
	}
	if f.n.Mode == physical.FillLinear {
		return rows, nil
	}
	for id := range f.groups {
		if rows, err = f.upTo(rows, int32(id), f.grid.Next(f.newest)); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// upTo appends the windows of a group behind its last one that end before end.
func (f *fill) upTo(rows []row, id int32, end int64) ([]row, error) {
	g := &f.groups[id]
	if err := f.limit(len(rows), g, end); err != nil {
		return nil, err
	}
	for k := f.grid.Next(g.last); k < end; k = f.grid.Next(k) {
		shown := f.blank
		if f.n.Mode == physical.FillPrev {
			shown = g.shown
		}
		rows = append(rows, row{k, id, shown})
		g.last = k
		f.saved[id/chunkGroups] = false
	}
	return rows, nil
}

// limit refuses to add more rows than a query can want.
func (f *fill) limit(have int, g *group, end int64) error {
	n := (end-g.last)/f.grid.Next(0) - 1
	if n <= 0 || n <= RowsMax && int64(have)+n <= CutRowsMax {
		return nil
	}
	from, to := f.grid.Time(g.last).Go(), f.grid.Time(end).Go()
	return fmt.Errorf("FILL would add %d windows without rows at once, between %s and %s: at most %d for a group, and %d in all; "+
		"make the window larger, leave FILL out, or look for a record with a wrong time", n, from.Format("2006-01-02 15:04:05"), to.Format("2006-01-02 15:04:05"), RowsMax, CutRowsMax)
}

// emit writes rows.
func (f *fill) emit(ctx context.Context, rows []row, out operators.Collector) error {
	b := array.NewRecordBuilder(f.rt.Alloc, f.schema)
	defer b.Release()
	fields := b.Fields()
	read := func(src string, from int, to []array.Builder) error {
		rest := []byte(src)
		var err error
		for i, field := range to {
			if rest, err = keys.Decode(rest, f.types[from+i], field); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range rows {
		win := f.grid.Window(r.end)
		fields[0].(*array.TimestampBuilder).Append(arrow.Timestamp(win.Start))
		fields[1].(*array.TimestampBuilder).Append(arrow.Timestamp(win.End))
		if err := read(f.groups[r.group].key, 2, fields[2:2+f.n.Keys]); err != nil {
			return err
		}
		if err := read(r.shown, 2+f.n.Keys, fields[2+f.n.Keys:]); err != nil {
			return err
		}
	}
	return out.Emit(ctx, stream.Batch{RecordBatch: b.NewRecordBatch()})
}

// Close forgets everything.
func (f *fill) Close() error {
	f.groups, f.ids, f.came = nil, nil, nil
	return nil
}

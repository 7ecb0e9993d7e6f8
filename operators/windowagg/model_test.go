package windowagg

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/DataDog/sketches-go/ddsketch/mapping"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// row is one input row of the tests. nil is NULL.
type row struct {
	ts int64
	k1 *int64
	k2 *string
	v  *int64
	x  *float64
	d  *int64 // DECIMAL(12,2), unscaled
	s  *string
	b  *bool
	// dropped rows do not pass the WHERE in front of the lane's half; they move
	// the watermark all the same.
	dropped bool
	// taken rows take an earlier one back, the one of the same id.
	id    int
	taken bool
}

// live returns the rows that were not taken back.
func live(rows []row) []row {
	gone := map[int]bool{}
	for _, r := range rows {
		if r.taken {
			gone[r.id] = true
		}
	}
	if len(gone) == 0 {
		return rows
	}
	var out []row
	for _, r := range rows {
		if !gone[r.id] {
			out = append(out, r)
		}
	}
	return out
}

// columns of a test batch, in order, and their types.
const (
	colTime = iota
	colW
	colK1
	colK2
	colV
	colX
	colD
	colS
	colB
)

var colTypes = []types.Type{
	types.DatetimeType(6), types.DatetimeType(6), types.BigintType, types.VarcharType,
	types.BigintType, types.DoubleType, types.DecimalType(12, 2), types.VarcharType, types.BooleanType,
}

// model is the rules in their simplest form: every window keeps its rows. It is
// the oracle of both halves and of the tracker.
type model struct {
	spec     windows.Spec
	lateness int64
	keys     []int
	aggs     []physical.Agg
	updates  bool // windows, or with Kind None the groups, are shown as they change

	idle, advance, delay int64

	w      map[int]*int64
	last   map[int]int64
	birth0 *int64
	mw     *int64
	clock  *int64
	maxTS  *int64
	ended  bool

	rows  map[int64][]row            // by window end
	fired map[int64]map[string]group // by window end, then key
	seen  map[int64]int              // by window end: rows when it was fired last
	out   []string
	led   stream.Ledger
}

// group is what a window said of a group.
type group struct {
	sort   row // a row of it, for its keys
	result string
	gone   bool // its last row was taken back
}

func newModel(shards int, spec windows.Spec, lateness int64, keys []int, aggs []physical.Agg) *model {
	m := &model{spec: spec, lateness: lateness, keys: keys, aggs: aggs,
		w: map[int]*int64{}, last: map[int]int64{}, rows: map[int64][]row{}, fired: map[int64]map[string]group{}, seen: map[int64]int{}}
	for s := range shards {
		m.w[s] = nil
	}
	return m
}

// ends lists the ends of the windows over ts by trying every start.
func (m *model) ends(ts int64) []int64 {
	if m.spec.Kind == windows.None {
		return []int64{0}
	}
	size, slide, off := m.spec.Size.Microseconds(), m.spec.Slide.Microseconds(), m.spec.Offset.Microseconds()
	var out []int64
	for start := ts - size + 1; start <= ts; start++ {
		switch {
		case m.spec.Kind == windows.Cumulate:
			for end := start + slide; (start-off)%size == 0 && end <= start+size; end += slide {
				if end > ts {
					out = append(out, end)
				}
			}
		case (start-off)%slide == 0:
			out = append(out, start+size)
		}
	}
	return out
}

// start returns where the window that ends at e begins.
func (m *model) start(e int64) int64 {
	size, off := m.spec.Size.Microseconds(), m.spec.Offset.Microseconds()
	if m.spec.Kind != windows.Cumulate {
		return e - size
	}
	start := e - 1
	for (start-off)%size != 0 {
		start--
	}
	return start
}

func (m *model) isIdle(s int, t int64) bool {
	l, ok := m.last[s]
	if !ok {
		if m.birth0 == nil {
			return false
		}
		l = *m.birth0
	}
	return m.idle > 0 && t-l > m.idle
}

func (m *model) allIdle(t int64) bool {
	for s := range m.w {
		if !m.isIdle(s, t) {
			return false
		}
	}
	return true
}

// add judges one row of shard s, and moves its watermark.
func (m *model) add(s int, r row) {
	ends := []int64{0}
	if m.spec.Kind != windows.Session && m.spec.Kind != windows.Count {
		ends = m.ends(r.ts)
	}
	used := 0
	if r.dropped {
		ends = nil
	}
	for _, e := range ends {
		if w := m.w[s]; m.spec.Kind == windows.Session {
			if m.ended || w != nil && r.ts+m.lateness < *w {
				continue
			}
		} else if m.spec.Kind != windows.None && m.spec.Kind != windows.Count && (m.ended || w != nil && e+m.lateness <= *w) {
			continue
		}
		used++
		m.rows[e] = append(m.rows[e], r)
	}
	switch {
	case r.dropped:
	case len(ends) == 0:
		m.led.Filtered++
	case used == 0:
		m.led.Late++
	default:
		m.led.Used++
		if used < len(ends) {
			m.led.PartlyLate++
		}
	}
	w := r.ts - m.delay
	if m.w[s] == nil || *m.w[s] < w {
		m.w[s] = &w
	}
	if m.maxTS == nil || *m.maxTS < r.ts {
		ts := r.ts
		m.maxTS = &ts
	}
}

// step runs one step of the log and returns its changelog.
func (m *model) step(st step) []string {
	t := st.clock
	if m.clock == nil {
		c := t
		m.clock = &c
	}
	before := m.allIdle(*m.clock)
	if st.start {
		for s := range m.w {
			m.last[s] = t
		}
		*m.clock = t
	}
	for s, rows := range st.rows {
		for _, r := range rows {
			m.add(s, r)
		}
		if len(rows) > 0 {
			m.last[s] = t
			if m.birth0 == nil {
				m.birth0 = &t
			}
		}
	}
	m.cut(t, before, st)
	m.out = nil
	switch {
	case m.spec.Kind == windows.Count:
		m.fireCounts()
	case m.mw == nil && !m.updates:
	case m.spec.Kind == windows.Session:
		m.fireSessions()
	default:
		m.fire()
	}
	return m.out
}

// cut is rules 1 to 3.
func (m *model) cut(t int64, before bool, st step) {
	var awake, known []int64
	awakeAll, awakeN := true, 0
	for s, w := range m.w {
		if w != nil {
			known = append(known, *w)
		}
		if !m.isIdle(s, t) {
			awakeN++
			if w == nil {
				awakeAll = false
			} else {
				awake = append(awake, *w)
			}
		}
	}
	raise := func(w int64) {
		if m.mw == nil || *m.mw < w {
			m.mw = &w
		}
	}
	switch {
	case st.end || m.ended:
		m.ended = true
		raise(math.MaxInt64)
	case awakeN > 0:
		if awakeAll {
			raise(slices.Min(awake))
		}
	case m.mw != nil:
		if d := *m.clock - *m.mw; before && !st.start && max(d, -d) <= m.advance {
			raise(min(*m.mw+t-*m.clock, *m.maxTS+m.advance))
		}
	case len(known) > 0:
		raise(slices.Min(known))
	}
	*m.clock = t
	if m.mw != nil {
		for s, w := range m.w {
			if w == nil || *w < *m.mw {
				c := *m.mw
				m.w[s] = &c
			}
		}
	}
}

// fire says of every window that W has passed, or of all, what changed.
func (m *model) fire() {
	var ends []int64
	for e := range m.rows {
		if (m.updates || e <= *m.mw) && m.seen[e] != len(m.rows[e]) {
			m.seen[e] = len(m.rows[e])
			ends = append(ends, e)
		}
	}
	slices.Sort(ends)
	for _, e := range ends {
		byKey := map[string][]row{}
		for _, r := range m.rows[e] {
			byKey[m.key(r)] = append(byKey[m.key(r)], r)
		}
		var groups []group
		for _, rows := range byKey {
			left := live(rows)
			if g := (group{sort: rows[0], result: m.results(left)}); len(left) > 0 || len(m.keys) == 0 && m.spec.Kind == windows.None {
				groups = append(groups, g)
			} else {
				groups = append(groups, group{sort: rows[0], gone: true})
			}
		}
		sort.Slice(groups, func(i, j int) bool { return m.compare(groups[i].sort, groups[j].sort) < 0 })
		for _, g := range groups {
			k := m.key(g.sort)
			old, had := m.fired[e][k]
			if had && !g.gone && old.result == g.result || !had && g.gone {
				continue
			}
			head := k
			if m.spec.Kind != windows.None {
				head = fmt.Sprintf("[%d,%d) %s", m.start(e), e, k)
			}
			if had {
				m.out = append(m.out, "- "+head+old.result)
			}
			if g.gone {
				delete(m.fired[e], k)
				continue
			}
			m.out = append(m.out, "+ "+head+g.result)
			if m.fired[e] == nil {
				m.fired[e] = map[string]group{}
			}
			m.fired[e][k] = g
		}
	}
}

// fireSessions makes the sessions of all rows that ever came, and says how those
// that are shown differ from those that were.
func (m *model) fireSessions() {
	type line struct {
		start, end int64
		sort       row
		key, text  string
	}
	var lines []line
	now := map[string]group{}
	byKey := map[string][]row{}
	for _, r := range m.rows[0] {
		byKey[m.key(r)] = append(byKey[m.key(r)], r)
	}
	gap, longest := m.spec.Gap.Microseconds(), m.spec.Size.Microseconds()
	if longest == 0 {
		longest = math.MaxInt32
	}
	for k, rows := range byKey {
		sort.SliceStable(rows, func(i, j int) bool { return rows[i].ts < rows[j].ts })
		for lo := 0; lo < len(rows); {
			hi := lo + 1
			for hi < len(rows) && rows[hi].ts-rows[hi-1].ts < gap && rows[hi].ts-rows[lo].ts < longest {
				hi++
			}
			start, end := rows[lo].ts, min(rows[hi-1].ts+gap, rows[lo].ts+longest)
			head, result := fmt.Sprintf("[%d,%d) %s", start, end, k), m.results(rows[lo:hi])
			if m.updates || end <= *m.mw {
				now[head] = group{sort: rows[lo], result: result}
				old, had := m.fired[0][head]
				if had && old.result != result {
					lines = append(lines, line{start, end, rows[lo], "- " + head, old.result})
				}
				if !had || old.result != result {
					lines = append(lines, line{start, end, rows[lo], "+ " + head, result})
				}
			}
			lo = hi
		}
	}
	for head, old := range m.fired[0] {
		if _, is := now[head]; !is {
			l := line{sort: old.sort, key: "- " + head, text: old.result}
			if _, err := fmt.Sscanf(head, "[%d,%d)", &l.start, &l.end); err != nil {
				panic(err)
			}
			lines = append(lines, l)
		}
	}
	sort.SliceStable(lines, func(i, j int) bool {
		a, b := lines[i], lines[j]
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.start, b.start), m.compare(a.sort, b.sort), -cmp.Compare(a.key[:1], b.key[:1])) < 0
	})
	for _, l := range lines {
		m.out = append(m.out, l.key+l.text)
	}
	m.fired[0] = now
}

// fireCounts gives each group the rows that came, and says of each of its windows
// that has all of its rows now what these are.
func (m *model) fireCounts() {
	byKey := map[string][]row{}
	for i, r := range m.rows[0] {
		k := m.key(r)
		byKey[k] = append(byKey[k], r)
		rows := byKey[k]
		n, every := int(m.spec.Rows), int(m.spec.Every)
		if i < m.seen[0] || len(rows) < n || (len(rows)-n)%every != 0 {
			continue
		}
		rows = rows[len(rows)-n:]
		start, end := rows[0].ts, rows[0].ts
		for _, r := range rows {
			start, end = min(start, r.ts), max(end, r.ts)
		}
		m.out = append(m.out, fmt.Sprintf("+ [%d,%d) %s%s", start, end+1, k, m.results(rows)))
	}
	m.seen[0] = len(m.rows[0])
}

// key prints a row's group key.
func (m *model) key(r row) string {
	var out strings.Builder
	for _, k := range m.keys {
		if k == colK1 {
			out.WriteString(text(r.k1) + " ")
		} else {
			out.WriteString(text(r.k2) + " ")
		}
	}
	return out.String()
}

func (m *model) compare(a, b row) int {
	for _, k := range m.keys {
		c := 0
		if k == colK1 {
			c = compareNull(a.k1, b.k1)
		} else {
			c = compareNull(a.k2, b.k2)
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func compareNull[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

// text prints a value as the tests print Arrow values.
func text[T any](p *T) string {
	if p == nil {
		return "NULL"
	}
	switch v := any(*p).(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		return strconv.Quote(v)
	}
	return fmt.Sprint(*p)
}

// results computes all aggregates of some rows.
func (m *model) results(rows []row) string {
	var out []string
	for _, a := range m.aggs {
		out = append(out, result(a, rows))
	}
	return strings.Join(out, " ")
}

func result(a physical.Agg, rows []row) string {
	if len(a.Args) == 0 {
		return fmt.Sprint(len(rows)) // COUNT(*)
	}
	if a.Filtered {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.b == nil || !*r.b })
	}
	if len(a.Inputs()) == 0 {
		return fmt.Sprint(len(rows))
	}
	if a.Distinct {
		rows = different(rows, a.Inputs())
	}
	if out, ok := naive(a, rows); ok {
		return out
	}
	if len(a.Inputs()) > 1 {
		return several(a, rows)
	}
	switch a.Args[0] {
	case colV:
		return numbers(a, rows, func(r row) *int64 { return r.v })
	case colK1:
		return numbers(a, rows, func(r row) *int64 { return r.k1 })
	case colD:
		return numbers(a, rows, func(r row) *int64 { return r.d })
	case colX:
		vals := present(rows, func(r row) *float64 { return r.x })
		if a.Fn == physical.AggPercentile {
			return percentile(a.Quantile, vals)
		}
		if a.Fn == physical.AggSum || a.Fn == physical.AggAvg {
			if len(vals) == 0 {
				return "NULL"
			}
			sum := 0.0
			for _, v := range vals {
				sum += v // the tests use values whose sums are exact
			}
			if a.Fn == physical.AggAvg {
				sum /= float64(len(vals))
			}
			return text(&sum)
		}
		return extreme(a, vals)
	case colS:
		return extreme(a, present(rows, func(r row) *string { return r.s }))
	case colB:
		vals := present(rows, func(r row) *bool { return r.b })
		if len(vals) == 0 && a.Fn != physical.AggCount {
			return "NULL"
		}
		switch a.Fn {
		case physical.AggMin:
			return fmt.Sprint(!slices.Contains(vals, false))
		case physical.AggMax:
			return fmt.Sprint(slices.Contains(vals, true))
		}
		return fmt.Sprint(len(vals))
	}
	panic("no such column")
}

// textOf prints the value of a column.
func textOf(r row, col int) string {
	switch col {
	case colK1:
		return text(r.k1)
	case colK2:
		return text(r.k2)
	case colV:
		return text(r.v)
	case colX:
		return text(r.x)
	case colD:
		return text(r.d)
	case colS:
		return text(r.s)
	case colB:
		return text(r.b)
	}
	panic("no such column")
}

// different returns one of the rows with equal values of the columns, none of
// them NULL.
func different(rows []row, cols []int) (out []row) {
	seen := map[string]bool{}
	for _, r := range rows {
		var key []string
		for _, c := range cols {
			key = append(key, textOf(r, c))
		}
		if k := strings.Join(key, " "); !seen[k] && !slices.Contains(key, "NULL") {
			seen[k] = true
			out = append(out, r)
		}
	}
	return out
}

// several is an aggregate of several columns.
func several(a physical.Agg, rows []row) string {
	if a.Fn == physical.AggCount && a.Distinct {
		return fmt.Sprint(len(rows))
	}
	panic("no such aggregate")
}

// percentile is the middle of the bucket of the value at its rank: what a sketch
// shows of it.
func percentile(q float64, vals []float64) string {
	if len(vals) == 0 {
		return "NULL"
	}
	slices.Sort(vals)
	v := vals[int(math.Floor(q*float64(len(vals)-1)))]
	m, err := mapping.NewCubicallyInterpolatedMapping(sketchAccuracy)
	if err != nil {
		panic(err)
	}
	if v != 0 {
		v = math.Copysign(m.Value(m.Index(math.Abs(v))), v)
	}
	return text(&v)
}

func present[T any](rows []row, get func(row) *T) []T {
	var out []T
	for _, r := range rows {
		if v := get(r); v != nil {
			out = append(out, *v)
		}
	}
	return out
}

func extreme[T cmp.Ordered](a physical.Agg, vals []T) string {
	switch {
	case a.Fn == physical.AggCount:
		return fmt.Sprint(len(vals))
	case len(vals) == 0:
		return "NULL"
	case a.Fn == physical.AggMin:
		v := slices.Min(vals)
		return text(&v)
	}
	v := slices.Max(vals)
	return text(&v)
}

// numbers is an aggregate of BIGINT, or of DECIMAL by its unscaled values.
func numbers(a physical.Agg, rows []row, get func(row) *int64) string {
	vals := present(rows, get)
	if a.Fn != physical.AggSum && a.Fn != physical.AggAvg {
		return extreme(a, vals)
	}
	if len(vals) == 0 {
		return "NULL"
	}
	sum := new(big.Int)
	for _, v := range vals {
		sum.Add(sum, big.NewInt(v))
	}
	if a.Fn == physical.AggSum {
		return sum.String()
	}
	mean := new(big.Rat).SetFrac(sum, big.NewInt(int64(len(vals))))
	if a.Out.Kind == types.Double {
		f, _ := mean.Float64()
		return text(&f)
	}
	mean.Mul(mean, big.NewRat(10000, 1))
	// FloatString rounds half away from zero.
	return strings.TrimPrefix(mean.FloatString(0), "-0") + strings.Repeat("0", b2i(mean.FloatString(0) == "-0"))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

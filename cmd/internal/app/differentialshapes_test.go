package app

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// named is a column of a tableOf of the shapes.
type named struct {
	name string
	is   kind
}

// tableOf is what a FROM of the shapes names, and its columns.
type tableOf struct {
	sql, alias string
	columns    []named
}

// shaper writes random queries over queries. What it writes means the same in
// MariaDB: rows are ordered in full wherever a LIMIT takes some of them.
type shaper struct {
	r *rand.Rand
	n int // names that were given
}

var shapeRows = tableOf{"r", "r", []named{
	{"id", whole}, {"k", words}, {"i", whole}, {"j", whole}, {"d", exact}, {"e", exact}, {"s", words}, {"u", words}, {"t", moment}, {"y", day},
}}

// query writes a query, and says what its columns are.
func (w *shaper) query(depth int) (string, []kind) {
	switch w.r.IntN(7) {
	case 0:
		if depth > 0 {
			return w.union(depth)
		}
	case 1:
		return w.distinct(depth)
	case 2, 3, 4:
		return w.groups(depth)
	case 5:
		return w.limited(depth)
	}
	return w.rows(depth)
}

// from writes what stands behind FROM, and what stands in front of the SELECT.
func (w *shaper) from(depth int) (with string, in tableOf) {
	if depth == 0 || w.r.IntN(5) == 0 {
		return "", shapeRows
	}
	q, kinds := w.query(depth - 1)
	w.n++
	in.alias = "q" + strconv.Itoa(w.n)
	for i, k := range kinds {
		in.columns = append(in.columns, named{"c" + strconv.Itoa(i), k})
	}
	if w.r.IntN(3) == 0 {
		in.sql = in.alias
		head := "WITH " + in.alias
		if w.r.IntN(2) == 0 {
			var names []string
			for i := range in.columns {
				in.columns[i].name = "n" + strconv.Itoa(i)
				names = append(names, in.columns[i].name)
			}
			head += " (" + strings.Join(names, ", ") + ")"
		}
		return head + " AS (" + q + ") ", in
	}
	in.sql = "(" + q + ") AS " + in.alias
	return "", in
}

// column returns a column of the kind, a literal where there is none.
func (w *shaper) column(in tableOf, k kind) string {
	var fit []string
	for _, c := range in.columns {
		if c.is == k {
			fit = append(fit, c.name, in.alias+"."+c.name)
		}
	}
	if len(fit) == 0 {
		return map[kind]string{whole: "7", exact: "1.50", words: "'abc'", moment: "TIMESTAMP '2020-01-02 03:04:05'", day: "DATE '2020-01-02'"}[k]
	}
	return pick(w.r, fit)
}

func (w *shaper) expr(in tableOf, k kind) string {
	c := w.column(in, k)
	if w.r.IntN(2) == 0 {
		return c
	}
	switch k {
	case whole:
		return fmt.Sprintf(pick(w.r, []string{"%s + 1", "%s %% 3", "COALESCE(%s, -1)", "NULLIF(%s, 0)", "ABS(%s)", "-(%s)", "%s DIV 4"}), c)
	case exact:
		return fmt.Sprintf(pick(w.r, []string{"%s + 1", "COALESCE(%s, 0)", "ABS(%s)", "%s - 0.5", "GREATEST(%s, 1)"}), c)
	case words:
		return fmt.Sprintf(pick(w.r, []string{"CONCAT(%s, 'x')", "UPPER(%s)", "LEFT(%s, 1)", "COALESCE(%s, '?')", "REVERSE(%s)"}), c)
	case moment:
		return fmt.Sprintf(pick(w.r, []string{"%s + INTERVAL 1 DAY", "COALESCE(%s, TIMESTAMP '2000-01-01 00:00:00')"}), c)
	default:
		return fmt.Sprintf(pick(w.r, []string{"%s + INTERVAL 1 DAY", "LAST_DAY(%s)"}), c)
	}
}

func (w *shaper) condition(in tableOf, depth int) string {
	if depth > 0 && w.r.IntN(3) == 0 {
		return "(" + w.condition(in, depth-1) + pick(w.r, []string{" AND ", " OR "}) + w.condition(in, depth-1) + ")"
	}
	k := w.kindIn(in)
	a, b := w.expr(in, k), w.expr(in, k)
	return fmt.Sprintf(pick(w.r, []string{"%s < %s", "%s <> %s", "%s <=> %s", "NOT (%s >= %s)", "%s IS NULL%.0s", "%s IS NOT NULL%.0s", "%s IN (%s, %[1]s)"}), a, b)
}

// kindIn returns a kind that the relation has, mostly.
func (w *shaper) kindIn(in tableOf) kind {
	if w.r.IntN(12) == 0 {
		return w.anyKind()
	}
	return in.columns[w.r.IntN(len(in.columns))].is
}

func (w *shaper) anyKind() kind { return oneOf(w.r, whole, whole, exact, words, words, moment, day) }

func (w *shaper) where(in tableOf) string {
	if w.r.IntN(2) == 0 {
		return ""
	}
	return " WHERE " + w.condition(in, 2)
}

// items writes a select list of expressions.
func (w *shaper) items(in tableOf, n int) (list []string, kinds []kind) {
	for i := range n {
		k := w.kindIn(in)
		list, kinds = append(list, fmt.Sprintf("%s AS c%d", w.expr(in, k), i)), append(kinds, k)
	}
	return list, kinds
}

func (w *shaper) rows(depth int) (string, []kind) {
	with, in := w.from(depth)
	list, kinds := w.items(in, 1+w.r.IntN(4))
	return with + "SELECT " + strings.Join(list, ", ") + " FROM " + in.sql + w.where(in), kinds
}

func (w *shaper) distinct(depth int) (string, []kind) {
	with, in := w.from(depth)
	list, kinds := w.items(in, 1+w.r.IntN(2))
	return with + "SELECT DISTINCT " + strings.Join(list, ", ") + " FROM " + in.sql + w.where(in), kinds
}

func (w *shaper) limited(depth int) (string, []kind) {
	with, in := w.from(depth)
	list, kinds := w.items(in, 1+w.r.IntN(3))
	var by []string
	for i := range list {
		by = append(by, pick(w.r, []string{fmt.Sprint("c", i), fmt.Sprint(i + 1)})+pick(w.r, []string{"", " DESC"}))
	}
	w.r.Shuffle(len(by), func(i, j int) { by[i], by[j] = by[j], by[i] })
	limit := fmt.Sprintf(" LIMIT %d", w.r.IntN(30))
	if w.r.IntN(2) == 0 {
		limit += fmt.Sprintf(" OFFSET %d", w.r.IntN(20))
	}
	return with + "SELECT " + strings.Join(list, ", ") + " FROM " + in.sql + w.where(in) + " ORDER BY " + strings.Join(by, ", ") + limit, kinds
}

// groups writes a query with GROUP BY, by expression, name or position, with
// HAVING or ROLLUP at times.
func (w *shaper) groups(depth int) (string, []kind) {
	with, in := w.from(depth)
	rollup := in.sql == shapeRows.sql && w.r.IntN(3) == 0 // over derived tables MariaDB shows a key where NULL belongs
	var list, by []string
	var kinds []kind
	for i := range w.r.IntN(3) {
		k := w.kindIn(in)
		e := w.expr(in, k)
		if rollup { // MariaDB rolls up columns right, and few expressions
			e = w.column(in, k)
		}
		if e[0] < 'a' || e[0] > 'z' || slices.Contains(by, e) || slices.ContainsFunc(by, func(b string) bool { return strings.HasSuffix(b, "."+e) || strings.HasSuffix(e, "."+b) }) {
			continue
		}
		list, kinds = append(list, fmt.Sprintf("%s AS c%d", e, i)), append(kinds, k)
		if rollup {
			by = append(by, e)
		} else {
			by = append(by, pick(w.r, []string{e, fmt.Sprint(len(list))}))
		}
	}
	for i := range list {
		list[i] = list[i][:strings.LastIndex(list[i], " AS ")] + fmt.Sprintf(" AS c%d", i)
	}
	for range 1 + w.r.IntN(3) {
		a, k := w.aggregate(in)
		list, kinds = append(list, fmt.Sprintf("%s AS c%d", a, len(list))), append(kinds, k)
	}
	q := with + "SELECT " + strings.Join(list, ", ") + " FROM " + in.sql + w.where(in)
	if len(by) > 0 {
		q += " GROUP BY " + strings.Join(by, ", ")
		if rollup {
			q += " WITH ROLLUP"
		}
	}
	if w.r.IntN(3) == 0 && !rollup {
		a, _ := w.aggregate(in)
		q += " HAVING " + pick(w.r, []string{"COUNT(*) > 2", a + " IS NOT NULL", fmt.Sprintf("c%d IS NOT NULL", len(list)-1)})
	}
	return q, kinds
}

func (w *shaper) aggregate(in tableOf) (string, kind) {
	switch w.r.IntN(9) {
	case 0:
		return "COUNT(*)", whole
	case 1:
		return "COUNT(DISTINCT " + w.expr(in, w.kindIn(in)) + ")", whole
	case 2:
		return "SUM(" + w.expr(in, whole) + ")", exact
	case 3:
		return "SUM(" + w.expr(in, exact) + ")", exact
	case 4:
		return "SUM(DISTINCT " + w.expr(in, whole) + ")", exact
	case 5:
		return "SUM(CASE WHEN " + w.condition(in, 1) + " THEN " + w.expr(in, whole) + " END)", exact
	case 6:
		e := w.expr(in, words)
		return "GROUP_CONCAT(" + e + " ORDER BY " + e + ")", words
	}
	k := w.kindIn(in)
	return pick(w.r, []string{"MIN(", "MAX("}) + w.expr(in, k) + ")", k
}

// union writes a UNION of two or three queries with columns of the same kinds.
func (w *shaper) union(depth int) (string, []kind) {
	var kinds []kind
	for range 1 + w.r.IntN(3) {
		kinds = append(kinds, w.anyKind())
	}
	var parts []string
	for range 2 + w.r.IntN(2) {
		q, have := w.query(depth - 1)
		in := tableOf{"(" + q + ") AS v", "v", nil}
		for i, k := range have {
			in.columns = append(in.columns, named{"c" + strconv.Itoa(i), k})
		}
		var list []string
		for i, k := range kinds {
			list = append(list, fmt.Sprintf("%s AS c%d", w.expr(in, k), i))
		}
		parts = append(parts, "SELECT "+strings.Join(list, ", ")+" FROM "+in.sql+w.where(in))
	}
	q := parts[0]
	for _, p := range parts[1:] {
		q += pick(w.r, []string{" UNION ", " UNION ALL "}) + p
	}
	return q, kinds
}

// plain writes a value so that equal ones are written equally.
func (k kind) plain(v any) string {
	text := fmt.Sprint(v)
	if v == nil || text == "NULL" {
		return "NULL"
	}
	switch k {
	case whole, exact:
		if n, ok := new(big.Rat).SetString(text); ok {
			return n.RatString()
		}
	case moment:
		return strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// TestShapesLikeMariaDB compares queries over queries: the same rows, in any order.
func TestShapesLikeMariaDB(t *testing.T) {
	tw := newTwins(t, *differentialFirst+2)
	unescape := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\0`, "\x00")
	compared, rows, empty, refused := 0, 0, 0, 0
	for round := range 4 * *differentialRounds {
		w := &shaper{r: rand.New(rand.NewPCG(*differentialFirst+uint64(round), 10))}
		q, kinds := w.query(3)
		theirs, err := tw.maria.Run("USE w; SET SESSION sql_mode = ''; SET SESSION group_concat_max_len = 1000000; " + q)
		if err != nil {
			refused++
			if testing.Verbose() {
				t.Logf("%v\n%s", err, q)
			}
			continue
		}
		out, errs, code := weir(t, "", "query", tw.setup+q)
		if code != 0 {
			t.Errorf("round %d: weir refuses what MariaDB computes: %s\n%s", round, q, errs)
			continue
		}
		var want, got []string
		for _, row := range theirs {
			line := ""
			for c, k := range kinds {
				line += " | " + k.plain(unescape.Replace(row[c]))
			}
			want = append(want, line)
		}
		for _, row := range rowsOf(t, out) {
			line := ""
			for c, k := range kinds {
				line += " | " + k.plain(row["c"+strconv.Itoa(c)])
			}
			got = append(got, line)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("round %d: %s (-MariaDB +weir)\n%.1500s", round, q, diff)
		}
		compared, rows = compared+1, rows+len(want)
		if len(want) == 0 {
			empty++
		}
	}
	t.Logf("%d queries with %d rows are as in MariaDB, %d of them without rows; %d that MariaDB refused were left out", compared, rows, empty, refused)
}

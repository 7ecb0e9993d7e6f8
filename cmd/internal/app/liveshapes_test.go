package app

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql"
	"weir/sql/ast"
)

var liveRounds = flag.Int("liveshapes.rounds", 12, "logs that TestLiveShapesAtEveryCut tries, six queries each")

// liveRows is the stream of the world to a shaper, without what a DOUBLE makes of the
// order in which it is added.
var liveRows = tableOf{"s", "s", []named{{"k", words}, {"g", whole}, {"n", whole}, {"d", exact}, {"ts", moment}}}

// liveShaper writes queries over a live stream: queries over queries with windows,
// unions, sets and groups, whose rows may be taken back.
type liveShaper struct {
	shaper
}

// query writes a query, its columns, and the one that is an event time, "" if none is.
func (w *liveShaper) query(depth int) (q string, kinds []kind, at string) {
	switch w.r.IntN(8) {
	case 0, 1:
		if depth > 0 {
			return w.union(depth)
		}
	case 2:
		q, kinds, _ = w.rows(depth, "DISTINCT ")
		return q, kinds, ""
	case 3:
		return w.rows(depth, "")
	}
	return w.groups(depth)
}

func (w *liveShaper) from(depth int) (in tableOf, at string) {
	if depth == 0 || w.r.IntN(5) == 0 {
		return liveRows, "ts"
	}
	q, kinds, at := w.query(depth - 1)
	w.n++
	return inBrackets(q, kinds, fmt.Sprint("q", w.n)), at
}

func inBrackets(q string, kinds []kind, alias string) tableOf {
	in := tableOf{sql: "(" + q + ") AS " + alias, alias: alias}
	for i, k := range kinds {
		in.columns = append(in.columns, named{fmt.Sprint("c", i), k})
	}
	return in
}

func (w *liveShaper) rows(depth int, what string) (string, []kind, string) {
	in, at := w.from(depth)
	list, kinds := w.items(in, 1+w.r.IntN(3))
	if at != "" {
		name := fmt.Sprint("c", len(list))
		list, kinds, at = append(list, at+" AS "+name), append(kinds, moment), name
	}
	return "SELECT " + what + strings.Join(list, ", ") + " FROM " + in.sql + w.where(in), kinds, at
}

func (w *liveShaper) groups(depth int) (string, []kind, string) {
	in, at := w.from(depth)
	var list, by []string
	var kinds []kind
	add := func(e string, k kind) string {
		name := fmt.Sprint("c", len(list))
		list, kinds = append(list, e+" AS "+name), append(kinds, k)
		return name
	}
	for range w.r.IntN(3) {
		k := w.kindIn(in)
		if e := w.expr(in, k); e[0] >= 'a' && e[0] <= 'z' && !slices.Contains(by, e) {
			add(e, k)
			by = append(by, e)
		}
	}
	if len(by) > 0 && w.r.IntN(4) == 0 {
		by = []string{pick(w.r, []string{"ROLLUP", "CUBE"}) + "(" + strings.Join(by, ", ") + ")"}
	}
	time := ""
	if at != "" && w.r.IntN(3) > 0 {
		by = append(by, fmt.Sprintf(pick(w.r, []string{
			"TUMBLE(%s, INTERVAL 5 SECOND)", "HOP(%s, INTERVAL 3 SECOND, INTERVAL 6 SECOND)", "TUMBLE(%s, INTERVAL 7 SECOND, INTERVAL 2 SECOND)",
			"CUMULATE(%s, INTERVAL 2 SECOND, INTERVAL 10 SECOND)", "HOP(%s, INTERVAL 4 SECOND, INTERVAL 10 SECOND)", "SESSION(%s, INTERVAL 1 SECOND)",
		}), at))
		for _, bound := range []string{"window_start", "window_end", "window_time"} {
			if name := add(bound, moment); time == "" || w.r.IntN(2) == 0 {
				time = name
			}
		}
	}
	where := w.where(in)
	if len(by) == 0 && (in.sql != liveRows.sql || where != "") {
		c := in.columns[w.r.IntN(len(in.columns))] // a live aggregate of nothing has no row, a bounded one has
		add(c.name, c.is)
		by = append(by, c.name)
	}
	for range 1 + w.r.IntN(3) {
		a, k := w.aggregate(in)
		add(a, k)
	}
	q := "SELECT " + strings.Join(list, ", ") + " FROM " + in.sql + where
	if len(by) > 0 {
		q += " GROUP BY " + strings.Join(by, ", ")
	}
	if len(by) > 0 && w.r.IntN(3) == 0 {
		a, _ := w.aggregate(in)
		q += " HAVING " + pick(w.r, []string{"COUNT(*) > 2", "COUNT(*) % 3 <> 0", a + " IS NOT NULL"})
	}
	return q, kinds, time
}

func (w *liveShaper) union(depth int) (string, []kind, string) {
	kinds := []kind{w.anyKind(), w.anyKind()}
	timed := w.r.IntN(2) == 0
	if timed {
		kinds = append(kinds, moment)
	}
	var parts []string
	for range 2 + w.r.IntN(2) {
		in, at := liveRows, "ts"
		if w.r.IntN(2) == 0 {
			q, have, time := w.query(depth - 1)
			in, at = inBrackets(q, have, "v"), time
		}
		var list []string
		for i, k := range kinds {
			e := w.expr(in, k)
			if timed && i == 2 && at != "" {
				e = at
			}
			list = append(list, fmt.Sprintf("%s AS c%d", e, i))
		}
		parts = append(parts, "SELECT "+strings.Join(list, ", ")+" FROM "+in.sql+w.where(in))
	}
	q := parts[0]
	all := true
	for _, p := range parts[1:] {
		op := pick(w.r, []string{" UNION ", " UNION ALL ", " UNION ALL "})
		all = all && op != " UNION "
		q += op + p
	}
	if !timed || !all {
		return q, kinds, ""
	}
	return q, kinds, "c2"
}

// TestLiveShapesAtEveryCut: what EMIT CHANGES shows at a cut is what a bounded query
// finds in a file of the rows up to there; and what leaves without it is, in the
// end, what it finds in all of them. A query that is restarted at random cuts
// leaves the same changelog.
func TestLiveShapesAtEveryCut(t *testing.T) {
	compared, rows, restarts, refused := 0, 0, 0, map[string]int{}
	for seed := *determinismFirst; seed < *determinismFirst+uint64(*liveRounds); seed++ {
		w := newLog(t, seed)
		r := rand.New(rand.NewPCG(seed, 11))
		for range 6 {
			text, _, _ := (&liveShaper{shaper{r: r}}).query(3)
			changes := r.IntN(3) > 0
			if changes {
				text += " EMIT CHANGES"
			}
			if err := w.refuses(text); err != nil {
				refused[err.Error()]++
				continue
			}
			e := w.place.begin(text, how{start: "earliest"})
			e.reach(t, w.last)
			e.end(t)
			want := e.out.upTo(w.last)
			got, n := w.place.restarted(e, w.last, r)
			if restarts += n; got != want {
				differ(t, seed, fmt.Sprintf("restarted %d times", n), e, want, got)
			}
			ends := []int{len(w.files) - 1}
			if changes {
				ends = append(ends, r.IntN(len(w.files)-1), r.IntN(len(w.files)-1))
			}
			for _, i := range ends {
				live := e.out.contentAt(t, w.files[i].commit)
				if diff := cmp.Diff(w.bounded(text, i), live); diff != "" {
					t.Errorf("seed %d, behind commit %d: %s (-bounded +live)\n%.1500s", seed, w.files[i].commit, text, diff)
					break
				}
				compared, rows = compared+1, rows+len(live)
			}
		}
	}
	t.Logf("%d contents of %d rows are those of bounded queries, with %d restarts; refused were %v", compared, rows, restarts, refused)
}

// liveLog is a log, and for each of its commits a file of the rows up to it.
type liveLog struct {
	*world
	files []logPrefix
	last  stream.Commit
}

type logPrefix struct {
	commit stream.Commit
	path   string
}

// newLog writes a log of a stream in which no row is late, and ends it.
func newLog(t *testing.T, seed uint64) *liveLog {
	t.Helper()
	c := &clock{}
	c.micros.Store(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).UnixMicro())
	p := openPlace(t, t.TempDir(), c)
	t.Cleanup(p.close)
	r := rand.New(rand.NewPCG(seed, 12))
	l := &liveLog{world: &world{t: t, place: p, clock: c, delay: 10 * time.Second}}
	l.create(1+r.IntN(3), "idle_timeout = '0'")
	dir, text := t.TempDir(), ""
	at := c.now().Add(-time.Minute)
	for i := range 10 {
		c.move(50 * time.Millisecond)
		blocks := make([][]string, l.def.Shards)
		for range 1 + r.IntN(9) {
			at = at.Add(time.Duration(1+r.IntN(700)) * time.Millisecond)
			row := record(r, at.Add(-time.Duration(r.IntN(9000))*time.Millisecond).Format(`"2006-01-02 15:04:05.000"`))
			shard := r.IntN(l.def.Shards)
			blocks[shard] = append(blocks[shard], row)
			text += row + "\n"
		}
		var request []wal.Block
		for shard, list := range blocks {
			if len(list) > 0 {
				request = append(request, l.block(stream.Shard(shard), list))
			}
		}
		l.append(request)
		if i == 9 {
			l.end()
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.jsonl", i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		commit, _ := p.log.Head()
		l.files, l.last = append(l.files, logPrefix{commit, path}), commit
	}
	return l
}

// refuses returns why a query is refused over the live stream, nil if it is not.
func (l *liveLog) refuses(text string) error {
	s, err := sql.ParseOne(text)
	if err != nil {
		l.t.Fatalf("%s: %v", text, err)
	}
	_, err = l.place.db.plan(s.(*ast.Select), &relations{db: l.place.db, notes: func(string, ...any) {}})
	return err
}

// bounded returns what a query finds in the i-th file.
func (l *liveLog) bounded(text string, i int) (rows []string) {
	l.t.Helper()
	ddl := fmt.Sprintf("CREATE STREAM s (%s) WITH (connector = 'file', path = '%s');", worldColumns, l.files[i].path)
	out, errs, code := weir(l.t, "", "query", "--format", "ndjson", ddl+text)
	if code != 0 {
		l.t.Fatalf("%s\n%s", text, errs)
	}
	for line := range strings.Lines(out) {
		rows = append(rows, members(l.t, strings.TrimSuffix(line, "\n")))
	}
	slices.Sort(rows)
	return rows
}

// TestQueriesOverLateRows: over a log with late rows, idle shards and rows without a
// time, a query over a query shows what it would of the inner one's rows in a file:
// in the end, and, where changes are shown, at every cut.
func TestQueriesOverLateRows(t *testing.T) {
	compared, rows, refused, late := 0, 0, map[string]int{}, 0
	for seed := *determinismFirst; seed < *determinismFirst+uint64(*liveRounds); seed++ {
		r := rand.New(rand.NewPCG(seed, 13))
		c := &clock{}
		c.micros.Store(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).UnixMicro())
		p := openPlace(t, t.TempDir(), c)
		l := &liveLog{world: newWorld(t, p, c, r)}
		var cuts []stream.Commit
		for range 20 + r.IntN(30) {
			l.commit()
			at, _ := p.log.Head()
			cuts = append(cuts, at)
		}
		l.end()
		l.last, _ = p.log.Head()
		for i := range 5 {
			w := &liveShaper{shaper{r: r}}
			inner, kinds, at := w.groups(0)
			changes := pick(r, []string{"", " EMIT CHANGES"})
			alone := inner + changes
			if at != "" && r.IntN(2) == 0 {
				mode := " EMIT ON WINDOW CLOSE"
				if changes != "" {
					mode = changes
				}
				alone = inner + fmt.Sprintf("%s ALLOWED LATENESS INTERVAL %d SECOND", mode, 1+r.IntN(9))
			}
			in := inBrackets(inner, kinds, fmt.Sprint("q", i))
			in.sql = in.alias
			if _, err := p.db.run(t.Context(), "CREATE VIEW "+in.alias+" AS "+alone, func(string, ...any) {}); err != nil {
				t.Fatal(err)
			}
			outer := w.over(in, at)
			text := outer + changes
			if err := l.refuses(text); err != nil {
				refused[err.Error()]++
				continue
			}
			below := p.begin(alone, how{start: "earliest"})
			e := p.begin(text, how{start: "earliest"})
			for _, run := range []*execution{below, e} {
				run.reach(t, l.last)
				run.end(t)
			}
			late += int(below.query.Ledger().Late)
			ends := []stream.Commit{l.last}
			if changes != "" {
				ends = append(ends, oneOf(r, cuts...), oneOf(r, cuts...))
			}
			for _, cut := range ends {
				want := l.boundedOver(outer, in.alias, below, cut)
				live := e.out.contentAt(t, cut)
				if diff := cmp.Diff(want, live); diff != "" {
					t.Errorf("seed %d, behind commit %d of %d: %s\nover %s (-over the rows of the inner query +live)\n%.1500s", seed, cut, l.last, text, alone, diff)
					break
				}
				compared, rows = compared+1, rows+len(live)
			}
		}
		p.close()
	}
	t.Logf("%d contents of %d rows are those over the inner queries' rows, which left %d late rows out; refused were %v", compared, rows, late, refused)
}

// over writes a query over one relation.
func (w *liveShaper) over(in tableOf, at string) string {
	var list, by []string
	if w.r.IntN(2) == 0 {
		c := in.columns[w.r.IntN(len(in.columns))]
		list, by = append(list, c.name+" AS k"), append(by, c.name)
	}
	if at != "" && w.r.IntN(4) > 0 || len(by) == 0 && at != "" {
		list = append(list, "window_start AS ws", "window_end AS we")
		by = append(by, fmt.Sprintf(pick(w.r, []string{
			"TUMBLE(%s, INTERVAL 20 SECOND)", "HOP(%s, INTERVAL 3 SECOND, INTERVAL 9 SECOND)", "CUMULATE(%s, INTERVAL 5 SECOND, INTERVAL 20 SECOND)",
			"TUMBLE(%s, INTERVAL 7 SECOND, INTERVAL 3 SECOND)", "SESSION(%s, INTERVAL 3 SECOND)",
		}), at))
	}
	if len(by) == 0 {
		list, by = append(list, in.columns[0].name+" AS k"), append(by, in.columns[0].name)
	}
	for i := range 1 + w.r.IntN(3) {
		a, _ := w.aggregate(in)
		list = append(list, fmt.Sprintf("%s AS a%d", a, i))
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + in.sql + w.where(in) + " GROUP BY " + strings.Join(by, ", ")
}

// boundedOver returns what a query finds in a file of the rows that another one
// shows behind a commit.
func (l *liveLog) boundedOver(text, name string, below *execution, at stream.Commit) (rows []string) {
	l.t.Helper()
	schema := below.plan.Root.Schema()
	var columns []string
	for _, f := range schema {
		columns = append(columns, fmt.Sprintf("%s %s", f.Name, f.Type))
	}
	var file strings.Builder
	for _, row := range below.out.contentAt(l.t, at) {
		for i, v := range jsonValues(l.t, row) {
			fmt.Fprintf(&file, "%s%q:%s", []string{",", "{"}[max(0, 1-i)], schema[i].Name, v)
		}
		file.WriteString("}\n")
	}
	path := filepath.Join(l.t.TempDir(), "inner.jsonl")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		l.t.Fatal(err)
	}
	ddl := fmt.Sprintf("CREATE STREAM %s (%s) WITH (connector = 'file', path = '%s');", name, strings.Join(columns, ", "), path)
	out, errs, code := weir(l.t, "", "query", "--format", "ndjson", ddl+text)
	if code != 0 {
		l.t.Fatalf("%s\n%s", text, errs)
	}
	for line := range strings.Lines(out) {
		rows = append(rows, members(l.t, strings.TrimSuffix(line, "\n")))
	}
	slices.Sort(rows)
	return rows
}

package sql

import (
	"errors"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/sql/ast"
	"weir/sql/diag"
)

var mutateFor = flag.Duration("mutate.for", 3*time.Second, "how long TestMutatedStatements changes statements")

// odd are tokens that the statements of the text files have too few of.
var odd = strings.Split("N'' _utf8'x' E'a' X'' 0x1 b'1' '' 'DAY' '1 day' ' ' '$.a' \"d\" \"\" `day` `$` `a b` `in` 1. .5 1e3 0 5s 1M -> ->> :: || && ^ ~ ! - + % <=> => * . , ( ) ( ) INTERVAL DAY MONTH MINUTE_SECOND TO "+
	"CASE WHEN THEN END NOT IS NULL TRUE DISTINCT ALL FROM FILTER (WHERE WITHIN GROUP ORDER BY SEPARATOR IGNORE RESPECT NULLS RETURNING AT TIME ZONE STREAM EMIT CHANGES ALLOWED LATENESS FILL(PREV) WITH ROLLUP UNION MOD DIV XOR REGEXP ILIKE SOUNDS LIKE SIMILAR TO "+
	"BETWEEN AND IN ESCAPE MEMBER OF DESCRIPTOR( TUMBLE( HOP( SESSION( FLOOR( TRIM( EXTRACT( COUNT( DATE_TRUNC( JSON_VALUE( GROUP_CONCAT( CAST( AS INT PARTITION BY SIZE SLIDE OFFSET LIMIT FORMAT", " ")

// mutator changes statements token by token.
type mutator struct {
	*rand.Rand
	statements [][]string
}

// add cuts a text into tokens.
func (m *mutator) add(text string) {
	toks, err := scan(text)
	if err != nil || len(toks) == 0 || len(toks) > 200 {
		return
	}
	var texts []string
	for _, tok := range toks {
		texts = append(texts, text[tok.start:tok.end])
	}
	m.statements = append(m.statements, texts)
}

func (m *mutator) statement() []string { return m.statements[m.IntN(len(m.statements))] }

// token is one of the statements', or an odd one.
func (m *mutator) token() string {
	if s := m.statement(); m.IntN(2) == 0 {
		return s[m.IntN(len(s))]
	}
	return odd[m.IntN(len(odd))]
}

// run is a few tokens of some statement.
func (m *mutator) run() []string {
	s := m.statement()
	i := m.IntN(len(s))
	return s[i:min(len(s), i+1+m.IntN(8))]
}

// mutate returns a statement with some changes.
func (m *mutator) mutate() string {
	toks := append([]string(nil), m.statement()...)
	for range 1 + m.IntN(2)*m.IntN(3) {
		i := m.IntN(len(toks) + 1)
		j := min(len(toks), i+m.IntN(3))
		var in []string
		switch m.IntN(5) {
		case 0: // some go
		case 1:
			in = []string{m.token()}
		case 2:
			in = m.run()
		case 3:
			j, in = i, []string{m.token()}
		case 4:
			in = append(append([]string{"("}, toks[i:j]...), ")")
		}
		toks = append(append(append([]string(nil), toks[:i]...), in...), toks[j:]...)
	}
	var b strings.Builder
	for i, t := range toks {
		if i > 0 && m.IntN(20) > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t)
	}
	return b.String()
}

// Statements that somebody wrote, or chance, with pieces of others in them: what the parser takes
// of that is printed as the same statement.
func TestMutatedStatements(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	m := &mutator{Rand: rand.New(rand.NewPCG(seed, 0))}
	for _, name := range []string{"good.txt", "bad.txt", "goodquery.txt", "badquery.txt", "spans.txt", "rewrite.txt", corpusFile} {
		for _, c := range readGolden(t, name) {
			m.add(c.in)
		}
	}
	words := allWords(t)
	generated := rapid.Custom(func(rt *rapid.T) string {
		if rapid.Bool().Draw(rt, "tree") {
			return Print((&treeGen{T: rt, words: words}).statement())
		}
		return (&gen{T: rt}).statement()
	})
	for range 200 {
		m.add(generated.Example(m.Int()))
	}
	n, taken := 0, 0
	for start := time.Now(); time.Since(start) < *mutateFor && !t.Failed(); n++ {
		text := m.mutate()
		stmts, err := Parse(text)
		if err == nil {
			taken++
			checkMutated(t, text, stmts)
			continue
		}
		var e *diag.Error
		if !errors.As(err, &e) || e.Code == diag.Internal {
			t.Errorf("%s\n%v", text, err)
			continue
		}
		checkError(t, text, e)
	}
	t.Logf("%d of %d taken (seed %d)", taken, n, seed)
}

func checkMutated(t *testing.T, text string, stmts []ast.Statement) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(text)
		}
	}()
	checkSpans(t, text, stmts)
	checkStable(t, stmts)
	checkRewrites(t, text, stmts)
}

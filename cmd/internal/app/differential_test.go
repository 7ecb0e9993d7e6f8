package app

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/operators/sinks/sinktest"
)

var (
	differentialRounds = flag.Int("differential.rounds", 25, "statements that TestExpressionsLikeMariaDB and TestAggregatesLikeMariaDB compare")
	differentialFirst  = flag.Uint64("differential.first", 0, "the first seed of them")
)

// kind is what a value of the differential tests is compared as.
type kind uint8

const (
	whole   kind = iota // BIGINT
	exact               // DECIMAL
	float               // DOUBLE
	words               // VARCHAR
	boolean             // BOOLEAN
	moment              // DATETIME(6)
	day                 // DATE
	small               // BIGINT near 0
	ratio               // DECIMAL that was rounded, and of which nothing more is computed
)

// form is a way to make an expression of others.
type form struct {
	sql  string // with %s for each argument
	args []kind
	is   kind
}

// forms are what the differential tests write. They hold what is meant to be the
// same in MySQL; the list of what is not is docs/sql.md, "Different from MySQL":
//
//   - what MySQL refuses as out of range (BIGINT beyond 64 bits, DECIMAL beyond its
//     digits) is NULL here: statements that MariaDB refuses are left out;
//   - text is not read as a number by its first digits;
//   - DOUBLE as text, whose spelling differs in the last digits and in exponents;
//   - FLOOR and CEIL of a DOUBLE are DOUBLEs, as MySQL's manual says, and integers in
//     MariaDB; REPLACE(s, 'a', NULL) is NULL also where there is no 'a' in s;
//   - a DECIMAL that does not fit is NULL, not the greatest one that does; a quotient
//     is rounded to its scale before anything else is computed of it; there is no
//     -0.00, which MariaDB holds to be less than 0; a NULL in arithmetic does not make a DOUBLE of it;
//   - UNIX_TIMESTAMP and CONVERT_TZ know times before 1970 and after 2037; LOCATE of
//     an empty text is its position up to behind the end, as in MySQL; UNHEX and
//     FROM_BASE64 give text, not bytes;
//   - STDDEV and VARIANCE are DOUBLEs, as in MySQL;
//   - BOOLEAN is a type, so it is not added or multiplied;
//   - times are not numbers.
var forms = []form{
	{"(%s + %s)", []kind{whole, whole}, whole}, {"(%s - %s)", []kind{whole, whole}, whole}, {"(%s * %s)", []kind{whole, whole}, whole},
	{"(%s / %s)", []kind{whole, whole}, ratio}, {"(%s DIV %s)", []kind{whole, whole}, whole}, {"(%s %% %s)", []kind{whole, whole}, whole},
	{"(%s + %s)", []kind{exact, exact}, exact}, {"(%s - %s)", []kind{exact, whole}, exact}, {"(%s * %s)", []kind{exact, whole}, exact},
	{"(%s %% %s + 0)", []kind{exact, exact}, exact},
	{"(%s + %s)", []kind{float, float}, float}, {"(%s - %s)", []kind{float, exact}, float}, {"(%s * %s)", []kind{float, whole}, float},
	{"(%s / %s)", []kind{float, whole}, float}, {"(- %s)", []kind{whole}, whole}, {"(- %s)", []kind{exact}, exact},
	{"ABS(%s)", []kind{whole}, whole}, {"ABS(%s)", []kind{exact}, exact}, {"ABS(%s)", []kind{float}, float},
	{"(ROUND(%s) + 0)", []kind{exact}, exact}, {"(ROUND(%s, 1) + 0)", []kind{exact}, exact}, {"ROUND(%s, -2)", []kind{whole}, whole},
	{"FLOOR(%s)", []kind{exact}, whole}, {"(CEIL(%s) + 0)", []kind{exact}, whole},
	{"MOD(%s, 7)", []kind{whole}, whole}, {"SQRT(%s)", []kind{float}, float}, {"POW(%s, 2)", []kind{float}, float},

	{"(%s = %s)", []kind{whole, whole}, boolean}, {"(%s < %s)", []kind{whole, exact}, boolean}, {"(%s >= %s)", []kind{exact, exact}, boolean},
	{"(%s <> %s)", []kind{words, words}, boolean}, {"(%s < %s)", []kind{words, words}, boolean}, {"(%s <=> %s)", []kind{words, words}, boolean},
	{"(%s <=> %s)", []kind{whole, whole}, boolean}, {"(%s <= %s)", []kind{moment, moment}, boolean}, {"(%s > %s)", []kind{day, day}, boolean},
	{"(%s < %s)", []kind{day, moment}, boolean}, {"(%s > %s)", []kind{float, whole}, boolean},
	{"(%s AND %s)", []kind{boolean, boolean}, boolean}, {"(%s OR %s)", []kind{boolean, boolean}, boolean}, {"(%s XOR %s)", []kind{boolean, boolean}, boolean},
	{"(NOT %s)", []kind{boolean}, boolean}, {"(%s IS NULL)", []kind{whole}, boolean}, {"(%s IS NOT NULL)", []kind{words}, boolean},
	{"(%s IS TRUE)", []kind{boolean}, boolean}, {"(%s IS NOT FALSE)", []kind{boolean}, boolean},
	{"(%s BETWEEN %s AND %s)", []kind{whole, whole, whole}, boolean}, {"(%s NOT BETWEEN %s AND %s)", []kind{exact, whole, exact}, boolean},
	{"(%s IN (%s, %s, 3))", []kind{whole, whole, whole}, boolean}, {"(%s NOT IN (%s, 'b'))", []kind{words, words}, boolean},
	{"(%s LIKE '%%a%%')", []kind{words}, boolean}, {"(%s NOT LIKE '_b%%')", []kind{words}, boolean}, {"(%s LIKE %s)", []kind{words, words}, boolean},

	{"CASE WHEN %s THEN %s ELSE %s END", []kind{boolean, whole, whole}, whole}, {"CASE %s WHEN %s THEN %s END", []kind{whole, whole, words}, words},
	{"IF(%s, %s, %s)", []kind{boolean, exact, whole}, exact}, {"IFNULL(%s, %s)", []kind{whole, whole}, whole}, {"COALESCE(%s, %s, 'z')", []kind{words, words}, words},
	{"NULLIF(%s, %s)", []kind{whole, whole}, whole}, {"GREATEST(%s, %s)", []kind{whole, exact}, exact}, {"LEAST(%s, %s)", []kind{words, words}, words},
	{"LEAST(%s, %s)", []kind{day, day}, day}, {"COALESCE(%s, %s)", []kind{moment, moment}, moment},

	{"CONCAT(%s, %s)", []kind{words, words}, words}, {"CONCAT(%s, '-', %s)", []kind{whole, whole}, words}, {"UPPER(%s)", []kind{words}, words}, {"LOWER(%s)", []kind{words}, words},
	{"SUBSTRING(%s, %s)", []kind{words, whole}, words}, {"SUBSTRING(%s, 2, 3)", []kind{words}, words}, {"SUBSTRING(%s, -3, 2)", []kind{words}, words},
	{"LEFT(%s, 2)", []kind{words}, words}, {"RIGHT(%s, 2)", []kind{words}, words}, {"TRIM(%s)", []kind{words}, words},
	{"REPLACE(%s, 'a', 'xy')", []kind{words}, words}, {"SUBSTRING_INDEX(%s, ' ', 1)", []kind{words}, words}, {"SUBSTRING_INDEX(%s, 'a', -1)", []kind{words}, words},
	{"LENGTH(%s)", []kind{words}, whole}, {"CHAR_LENGTH(%s)", []kind{words}, whole},

	{"YEAR(%s)", []kind{moment}, whole}, {"MONTH(%s)", []kind{day}, whole}, {"DAY(%s)", []kind{moment}, whole}, {"HOUR(%s)", []kind{moment}, whole},
	{"MINUTE(%s)", []kind{moment}, whole}, {"SECOND(%s)", []kind{moment}, whole}, {"DATE(%s)", []kind{moment}, day},
	{"DATE_ADD(%s, INTERVAL 90 MINUTE)", []kind{moment}, moment}, {"(%s - INTERVAL 1 MONTH)", []kind{moment}, moment}, {"(%s + INTERVAL 5 DAY)", []kind{day}, day},
	{"DATE_SUB(%s, INTERVAL 3 YEAR)", []kind{day}, day}, {"DATE_FORMAT(%s, '%%Y/%%m/%%d %%H:%%i:%%s.%%f %%j %%a %%b %%W %%M %%y %%e %%k %%l %%p %%r %%T %%u %%v %%x')", []kind{moment}, words},

	{"CAST(%s AS CHAR)", []kind{whole}, words}, {"CAST(%s AS SIGNED)", []kind{exact}, whole},
	{"CAST(%s AS DECIMAL(30,2))", []kind{exact}, exact}, {"CAST(%s AS DECIMAL(30,3))", []kind{whole}, exact}, {"CAST(%s AS DOUBLE)", []kind{whole}, float},
	{"CAST(%s AS DATE)", []kind{moment}, day}, {"CAST(%s AS DATETIME(6))", []kind{day}, moment}, {"CAST(%s AS CHAR)", []kind{day}, words},

	{"SIGN(%s)", []kind{exact}, whole}, {"TRUNCATE(%s, 1)", []kind{exact}, exact}, {"TRUNCATE(%s, -1)", []kind{whole}, whole},
	{"EXP(%s / 100)", []kind{exact}, float}, {"LN(ABS(%s) + 2)", []kind{float}, float}, {"LOG(%s)", []kind{whole}, float}, {"LOG(%s, ABS(%s) + 2)", []kind{whole, exact}, float},
	{"LOG2(%s)", []kind{whole}, float}, {"LOG10(%s)", []kind{whole}, float}, {"SIN(%s)", []kind{exact}, float}, {"COS(%s)", []kind{exact}, float},
	{"TAN(%s)", []kind{exact}, float}, {"ASIN(%s / 100)", []kind{whole}, float}, {"ACOS(%s / 100)", []kind{whole}, float}, {"ATAN(%s)", []kind{exact}, float},
	{"ATAN2(%s, %s)", []kind{exact, whole}, float}, {"COT(%s + 0.5)", []kind{whole}, float}, {"DEGREES(%s)", []kind{exact}, float}, {"RADIANS(%s)", []kind{exact}, float},
	{"CONV(ABS(%s), 10, 16)", []kind{whole}, words}, {"CONV(%s, 36, 10)", []kind{words}, words}, {"CRC32(%s)", []kind{words}, whole},
	{"BIN(%s)", []kind{whole}, words}, {"OCT(%s)", []kind{whole}, words}, {"HEX(%s)", []kind{whole}, words}, {"HEX(%s)", []kind{words}, words},
	{"BIT_COUNT(%s)", []kind{whole}, whole}, {"FORMAT(%s, 2)", []kind{exact}, words}, {"FORMAT(%s, 0)", []kind{whole}, words},
	{"(ABS(%s) & 255)", []kind{whole}, whole}, {"(ABS(%s) | ABS(%s))", []kind{whole, whole}, whole}, {"(ABS(%s) ^ 7)", []kind{whole}, whole},
	{"(ABS(%s) << 3)", []kind{whole}, whole}, {"(ABS(%s) >> 2)", []kind{whole}, whole}, {"INTERVAL(%s, 0, 5, 100)", []kind{whole}, whole},

	{"CONCAT_WS(%s, s, u)", []kind{words}, words}, {"CONCAT_WS('-', %s, %s, %s)", []kind{words, words, whole}, words},
	{"LPAD(%s, 7, 'xy')", []kind{words}, words}, {"RPAD(%s, %s, '*')", []kind{words, small}, words}, {"LTRIM(%s)", []kind{words}, words}, {"RTRIM(%s)", []kind{words}, words},
	{"TRIM(LEADING 'a' FROM %s)", []kind{words}, words}, {"TRIM(TRAILING 'c' FROM %s)", []kind{words}, words}, {"TRIM(BOTH %s FROM %s)", []kind{words, words}, words},
	{"REVERSE(%s)", []kind{words}, words}, {"REPEAT(%s, %s)", []kind{words, small}, words}, {"CONCAT('<', SPACE(%s), '>')", []kind{small}, words},
	{"LOCATE('a', %s)", []kind{words}, whole}, {"LOCATE('a', %s, %s)", []kind{words, small}, whole}, {"INSTR(%s, %s)", []kind{words, words}, whole},
	{"POSITION('b' IN %s)", []kind{words}, whole}, {"FIELD(%s, 'a', %s, 'abc')", []kind{words, words}, whole}, {"FIND_IN_SET(%s, 'a,abc,,b')", []kind{words}, whole},
	{"ELT(%s, 'one', %s, 'three')", []kind{small, words}, words}, {"MAKE_SET(ABS(%s), 'a', u, 'c')", []kind{whole}, words},
	{"EXPORT_SET(ABS(%s), 'Y', 'N', ',', 6)", []kind{whole}, words}, {"TO_BASE64(%s)", []kind{words}, words}, {"HEX(FROM_BASE64(TO_BASE64(%s)))", []kind{words}, words},
	{"ASCII(%s)", []kind{words}, whole}, {"ORD(%s)", []kind{words}, whole}, {"STRCMP(%s, %s)", []kind{words, words}, whole},
	{"INSERT(%s, 2, 1, 'QQ')", []kind{words}, words}, {"INSERT(%s, %s, 2, %s)", []kind{words, small, words}, words}, {"QUOTE(CONCAT_WS('', %s))", []kind{words}, words},
	{"BIT_LENGTH(%s)", []kind{words}, whole}, {"MD5(%s)", []kind{words}, words}, {"SHA1(%s)", []kind{words}, words}, {"SHA2(%s, 256)", []kind{words}, words},
	{"SHA2(%s, 512)", []kind{words}, words}, {"(%s REGEXP '^[a-b].*c$')", []kind{words}, boolean}, {"REGEXP_REPLACE(%s, '[ab]+', '<>')", []kind{words}, words},
	{"REGEXP_INSTR(%s, 'b')", []kind{words}, whole}, {"INET_ATON(CONCAT(ABS(%s) %% 256, '.1.2.', ABS(%s) %% 256))", []kind{whole, whole}, whole},
	{"INET_NTOA(ABS(%s))", []kind{whole}, words}, {"ISNULL(%s)", []kind{words}, boolean}, {"NVL(%s, %s)", []kind{whole, whole}, whole},
	{"HEX(UNHEX(HEX(%s)))", []kind{words}, words}, {"MID(%s, %s, 2)", []kind{words, small}, words},

	{"DATEDIFF(%s, %s)", []kind{moment, day}, whole}, {"TIMESTAMPDIFF(MONTH, %s, %s)", []kind{moment, moment}, whole}, {"TIMESTAMPDIFF(SECOND, %s, %s)", []kind{moment, moment}, whole},
	{"TIMESTAMPDIFF(DAY, %s, %s)", []kind{day, moment}, whole}, {"TIMESTAMPDIFF(YEAR, %s, %s)", []kind{day, day}, whole}, {"TIMESTAMPDIFF(WEEK, %s, %s)", []kind{moment, moment}, whole},
	{"TIMESTAMPDIFF(MICROSECOND, %s, %s)", []kind{moment, moment}, whole}, {"TIMESTAMPADD(QUARTER, %s, %s)", []kind{small, moment}, moment}, {"TIMESTAMPADD(MINUTE, %s, %s)", []kind{small, moment}, moment},
	{"DAYOFWEEK(%s)", []kind{day}, whole}, {"DAYOFYEAR(%s)", []kind{moment}, whole}, {"WEEKDAY(%s)", []kind{day}, whole}, {"WEEKOFYEAR(%s)", []kind{day}, whole},
	{"WEEK(%s)", []kind{day}, whole}, {"WEEK(%s, 1)", []kind{day}, whole}, {"WEEK(%s, 2)", []kind{day}, whole}, {"WEEK(%s, 4)", []kind{day}, whole}, {"WEEK(%s, 5)", []kind{day}, whole},
	{"WEEK(%s, 6)", []kind{day}, whole}, {"WEEK(%s, 7)", []kind{day}, whole}, {"YEARWEEK(%s)", []kind{day}, whole}, {"YEARWEEK(%s, 3)", []kind{day}, whole}, {"QUARTER(%s)", []kind{day}, whole},
	{"DAYNAME(%s)", []kind{day}, words}, {"MONTHNAME(%s)", []kind{moment}, words}, {"LAST_DAY(%s)", []kind{moment}, day}, {"MICROSECOND(%s)", []kind{moment}, whole},
	{"MAKEDATE(2020 + %s, 60)", []kind{small}, day}, {"TO_DAYS(%s)", []kind{day}, whole}, {"FROM_DAYS(730000 + %s)", []kind{small}, day}, {"TO_SECONDS(%s)", []kind{moment}, whole},
	{"PERIOD_ADD(202001, %s)", []kind{small}, whole}, {"PERIOD_DIFF(202407, 201900 + 1 + MOD(ABS(%s), 12))", []kind{whole}, whole},
	{"CONVERT_TZ(%s, '+02:00', '-05:30')", []kind{moment}, moment}, {"EXTRACT(HOUR FROM %s)", []kind{moment}, whole}, {"EXTRACT(YEAR_MONTH FROM %s)", []kind{moment}, whole},
	{"EXTRACT(DAY_SECOND FROM %s)", []kind{moment}, whole}, {"EXTRACT(QUARTER FROM %s)", []kind{day}, whole}, {"DATE_ADD(%s, INTERVAL %s DAY)", []kind{moment, small}, moment},
	{"DATE_SUB(%s, INTERVAL %s MONTH)", []kind{day, small}, day}, {"DATE_ADD(%s, INTERVAL '1:30' MINUTE_SECOND)", []kind{moment}, moment},
	{"DATE_ADD(%s, INTERVAL '1-2' YEAR_MONTH)", []kind{day}, day}, {"STR_TO_DATE(DATE_FORMAT(%s, '%%d.%%m.%%Y %%H:%%i:%%s'), '%%d.%%m.%%Y %%H:%%i:%%s')", []kind{moment}, moment},
	{"UNIX_TIMESTAMP(%s)", []kind{moment}, exact}, {"FROM_UNIXTIME(1000000000 + MOD(ABS(%s), 400000000))", []kind{whole}, moment}, {"DATE_FORMAT(%s, '%%U %%V %%X %%c %%D %%h %%I %%S %%w %%%%')", []kind{moment}, words},
	{"DATE_ADD(%s, INTERVAL 1.5 SECOND)", []kind{moment}, moment},
}

// leaves are columns and literals.
var leaves = map[kind][]string{
	whole:   {"i", "j", "i", "j", "0", "1", "-7", "12345"},
	exact:   {"d", "e", "d", "e", "1.5", "-0.25", "100.00"},
	float:   {"f", "f", "2.5e0", "-1e-3"},
	words:   {"s", "u", "s", "u", "'abc'", "'a b a'", "''", "'Zoë'"},
	boolean: {"(i > 0)", "(s = u)", "(d IS NULL)", "TRUE", "FALSE"},
	moment:  {"t", "t", "TIMESTAMP '2024-02-29 23:59:59.5'", "CAST(y AS DATETIME(6))"},
	small:   {"MOD(j, 9)", "3", "MOD(i, 5)"},
	day:     {"y", "y", "DATE '2023-12-31'"},
}

// random writes an expression of a kind.
func (k kind) random(r *rand.Rand, depth int) string {
	var fit []form
	for _, f := range forms {
		if f.is == k {
			fit = append(fit, f)
		}
	}
	if depth == 0 || len(fit) == 0 || r.IntN(5) == 0 {
		return pick(r, leaves[k])
	}
	f := fit[r.IntN(len(fit))]
	return f.of(r, depth)
}

// of writes the form with random arguments.
func (f form) of(r *rand.Rand, depth int) string {
	args := make([]any, len(f.args))
	for i, a := range f.args {
		args[i] = a.random(r, depth-1)
	}
	return fmt.Sprintf(f.sql, args...)
}

// twinColumns are the columns of the table that both engines have.
var twinColumns = []struct {
	name, typ string
	value     func(r *rand.Rand, id int) any // nil is NULL
}{
	{"id", "BIGINT", func(_ *rand.Rand, id int) any { return id }},
	{"k", "VARCHAR(10)", func(r *rand.Rand, _ int) any { return string(rune('a' + r.IntN(4))) }},
	{"i", "BIGINT", func(r *rand.Rand, _ int) any {
		return oneOf(r, r.IntN(20)-10, r.IntN(20)-10, r.IntN(100000), 0, 1<<20)
	}},
	{"j", "BIGINT", func(r *rand.Rand, _ int) any { return oneOf(r, r.IntN(7)-3, r.IntN(1000)) }},
	{"d", "DECIMAL(12,3)", func(r *rand.Rand, _ int) any {
		return fmt.Sprintf("%.3f", oneOf(r, r.Float64()*10-5, r.Float64()*1e6, 0.0, 2.5, -0.5))
	}},
	{"e", "DECIMAL(6,1)", func(r *rand.Rand, _ int) any { return fmt.Sprintf("%.1f", r.Float64()*100-50) }},
	{"f", "DOUBLE", func(r *rand.Rand, _ int) any { return oneOf(r, r.NormFloat64(), r.NormFloat64()*1e9, 0.0, -1.5) }},
	{"s", "VARCHAR(40)", func(r *rand.Rand, _ int) any {
		return oneOf(r, "abc", "a b c", "", " x ", "Zoë", "b%a_", "naïve ß", "AbC", "aaa", "日本語", `back\slash`)
	}},
	{"u", "VARCHAR(40)", func(r *rand.Rand, _ int) any { return oneOf(r, "abc", "b", "a", "%a%", "x_y", "ÄÖ", "12", "z z") }},
	{"t", "DATETIME(6)", func(r *rand.Rand, _ int) any {
		return time.Unix(6e8+int64(r.IntN(9e8)), int64(r.IntN(1e6))*1000).UTC().Format("2006-01-02 15:04:05.000000")
	}},
	{"y", "DATE", func(r *rand.Rand, _ int) any { return time.Unix(6e8+int64(r.IntN(9e8)), 0).UTC().Format("2006-01-02") }},
}

func oneOf[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// twins are the two engines with the same rows.
type twins struct {
	maria *sinktest.DB
	setup string // what stands in front of a query of weir
}

// newTwins starts a MariaDB and fills it and a file.
func newTwins(t *testing.T, seed uint64) *twins {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	var declared, objects, tuples []string
	for _, c := range twinColumns {
		declared = append(declared, c.name+" "+c.typ)
	}
	for id := range 120 {
		object, tuple := map[string]any{}, []string{}
		for _, c := range twinColumns {
			v := c.value(r, id)
			if c.name != "id" && r.IntN(12) == 0 {
				v = nil
			}
			object[c.name] = v
			tuple = append(tuple, mariaLiteral(v))
		}
		line, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		objects, tuples = append(objects, string(line)), append(tuples, "("+strings.Join(tuple, ", ")+")")
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(objects, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	table := strings.Join(declared, ", ")
	tw := &twins{maria: sinktest.MariaDB(t), setup: fmt.Sprintf("CREATE STREAM r (%s) WITH (connector = 'file', path = '%s'); ", table, path)}
	if _, err := tw.maria.Run("USE w; CREATE TABLE r (" + table + "); INSERT INTO r VALUES " + strings.Join(tuples, ", ")); err != nil {
		t.Fatal(err)
	}
	return tw
}

func mariaLiteral(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(v) + "'"
	}
	return fmt.Sprint(v)
}

// entry is one column of a select list, and what it is compared as.
type entry struct {
	sql string
	is  kind
}

// asked counts what was compared.
type asked struct{ compared, refused, values int }

// compare runs `SELECT head, entries… tail` in both engines. What MariaDB refuses
// to compute is left out, and counted; what weir refuses is an error.
func (tw *twins) compare(t *testing.T, n *asked, head, tail string, entries []entry) {
	t.Helper()
	rows, err := tw.maria.Run("USE w; SELECT " + head + list(entries, "") + tail)
	if err != nil {
		if len(entries) == 1 {
			if !strings.Contains(err.Error(), "out of range") {
				t.Fatalf("%s: %v", entries[0].sql, err)
			}
			n.refused++
			return
		}
		for _, e := range entries {
			tw.compare(t, n, head, tail, []entry{e})
		}
		return
	}
	out, errs, code := weir(t, "", "query", tw.setup+"SELECT "+head+list(entries, " AS ")+tail)
	if code != 0 {
		if len(entries) > 1 { // say which
			for _, e := range entries {
				tw.compare(t, n, head, tail, []entry{e})
			}
			return
		}
		t.Errorf("weir refuses what MariaDB computes: SELECT %s%s%s\n%s", head, list(entries, ""), tail, errs)
		return
	}
	got := rowsOf(t, out)
	if len(got) != len(rows) {
		t.Fatalf("%d rows instead of %d: SELECT %s%s%s", len(got), len(rows), head, list(entries, ""), tail)
	}
	first, wrong := len(strings.Split(head, ","))-1, map[int]string{} // by entry
	for i, row := range rows {
		for c, e := range entries {
			n.values++
			want := row[first+c]
			if have := got[i]["c"+strconv.Itoa(c)]; !e.is.same(want, have) {
				wrong[c] = fmt.Sprintf("%s\nrow %s: MariaDB has %s, weir %v", e.sql, row[0], want, have)
			}
		}
	}
	for _, text := range wrong {
		t.Error(text)
	}
	n.compared += len(entries)
}

// list writes the entries; as is what stands in front of the name c0, c1, …
func list(entries []entry, as string) string {
	var out []string
	for i, e := range entries {
		if as != "" {
			out = append(out, e.sql+as+"c"+strconv.Itoa(i))
		} else {
			out = append(out, e.sql)
		}
	}
	return strings.Join(out, ", ")
}

// same tells whether a value of MariaDB's batch output and one of weir's JSON are equal.
func (k kind) same(want string, have any) bool {
	if have == nil || want == "NULL" {
		return have == nil && want == "NULL"
	}
	text := fmt.Sprint(have)
	switch k {
	case boolean:
		return want == "1" && text == "true" || want == "0" && text == "false"
	case whole, small, exact, ratio:
		a, ok := new(big.Rat).SetString(want)
		b, ok2 := new(big.Rat).SetString(text)
		return ok && ok2 && a.Cmp(b) == 0
	case float:
		a, err := strconv.ParseFloat(want, 64)
		b, err2 := strconv.ParseFloat(text, 64)
		return err == nil && err2 == nil && math.Abs(a-b) <= 1e-12*max(math.Abs(a), math.Abs(b))+1e-300
	case moment:
		return strings.TrimRight(strings.TrimRight(want, "0"), ".") == strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\0`, "\x00").Replace(want) == text
}

// TestExpressionsLikeMariaDB compares random expressions over random rows.
func TestExpressionsLikeMariaDB(t *testing.T) {
	tw := newTwins(t, *differentialFirst)
	var n asked
	for round := range *differentialRounds {
		r := rand.New(rand.NewPCG(*differentialFirst+uint64(round), 8))
		var entries []entry
		for range 12 {
			f := forms[r.IntN(len(forms))]
			entries = append(entries, entry{f.of(r, 1+r.IntN(3)), f.is})
		}
		tw.compare(t, &n, "id, ", " FROM r ORDER BY id", entries)
	}
	t.Logf("%d expressions, %d values equal MariaDB's; %d that MariaDB refused were left out", n.compared, n.values, n.refused)
}

// aggregateForms are aggregates over expressions.
var aggregateForms = []form{
	{"COUNT(%s)", []kind{whole}, whole}, {"COUNT(%s)", []kind{words}, whole}, {"SUM(%s)", []kind{whole}, exact}, {"SUM(%s)", []kind{exact}, exact},
	{"SUM(%s)", []kind{float}, float}, {"AVG(%s)", []kind{exact}, exact}, {"AVG(%s)", []kind{float}, float},
	{"MIN(%s)", []kind{whole}, whole}, {"MAX(%s)", []kind{exact}, exact}, {"MIN(%s)", []kind{words}, words}, {"MAX(%s)", []kind{moment}, moment},
	{"MIN(%s)", []kind{day}, day}, {"MAX(%s)", []kind{float}, float},
	{"COUNT(DISTINCT %s)", []kind{words}, whole}, {"COUNT(DISTINCT %s, %s)", []kind{words, whole}, whole}, {"SUM(DISTINCT %s)", []kind{whole}, exact},
	{"AVG(DISTINCT %s)", []kind{exact}, ratio}, {"STDDEV(%s + 0e0)", []kind{exact}, float}, {"STDDEV_SAMP(%s + 0e0)", []kind{exact}, float}, {"VAR_POP(%s)", []kind{float}, float},
	{"VAR_SAMP(%s + 0e0)", []kind{exact}, float}, {"VARIANCE(%s + 0e0)", []kind{exact}, float}, {"BIT_AND(ABS(%s))", []kind{whole}, whole}, {"BIT_OR(ABS(%s))", []kind{whole}, whole},
	{"BIT_XOR(ABS(%s))", []kind{whole}, whole}, {"GROUP_CONCAT(%s ORDER BY id)", []kind{words}, words}, {"GROUP_CONCAT(DISTINCT k, '-' ORDER BY k SEPARATOR '; ')", nil, words},
	{"GROUP_CONCAT(%s ORDER BY id DESC SEPARATOR '|')", []kind{whole}, words}, {"SUM(%s)", []kind{boolean}, whole}, {"COUNT(IF(%s, 1, NULL))", []kind{boolean}, whole},
	{"(SUM(%s) / COUNT(*))", []kind{whole}, ratio}, {"(MAX(%s) - MIN(i))", []kind{whole}, whole},
}

// TestAggregatesLikeMariaDB compares aggregates of random expressions, by groups.
func TestAggregatesLikeMariaDB(t *testing.T) {
	tw := newTwins(t, *differentialFirst+1)
	var n asked
	for round := range *differentialRounds {
		r := rand.New(rand.NewPCG(*differentialFirst+uint64(round), 9))
		var entries []entry
		for range 8 {
			f := aggregateForms[r.IntN(len(aggregateForms))]
			entries = append(entries, entry{f.of(r, 1+r.IntN(2)), f.is})
		}
		key := pick(r, []string{"k", "j % 3", "(i > 0)", "YEAR(y) % 2"})
		where := pick(r, []string{"", " WHERE " + boolean.random(r, 2)})
		having := pick(r, []string{"", " HAVING COUNT(*) > 3", " HAVING MAX(j) > 2"})
		tw.compare(t, &n, key+", ", " FROM r"+where+" GROUP BY "+key+having+" ORDER BY "+key, entries)
	}
	t.Logf("%d aggregates, %d values equal MariaDB's; %d that MariaDB refused were left out", n.compared, n.values, n.refused)
}

package planner

import (
	"sort"
	"strings"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/types"
)

// Function is one function of the dialect, for help and completion.
type Function struct {
	Name  string // in upper case
	Usage string // how to call it
	Doc   string // what it returns, one sentence
}

// Functions returns every scalar function, by name.
func Functions() []Function {
	var out []Function
	for name, f := range functions() {
		out = append(out, Function{Name: name, Usage: name + f.usage, Doc: f.doc})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Canonical returns the names by which plans call scalar functions. Operators
// such as "+" are not among them.
func Canonical() []string {
	seen := map[string]bool{}
	var out []string
	for _, f := range functions() {
		if f.fn != "" && !seen[f.fn] {
			seen[f.fn] = true
			out = append(out, f.fn)
		}
	}
	sort.Strings(out)
	return out
}

// function is an entry of the registry. Either params and result say what the
// function takes, or bind works it out from the arguments.
type function struct {
	fn       string       // canonical name for the evaluator
	usage    string       // the arguments as documented
	doc      string       // one line
	min, max int          // arguments; max < 0: any number
	params   []types.Kind // kind of each argument; the last one repeats
	result   types.Type
	bind     func(x *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error)
}

// functions returns the registry. It is made anew for each statement, so that
// nobody can change what another one sees.
func functions() map[string]function {
	m := map[string]function{}
	numericFunctions(m)
	textFunctions(m)
	choiceFunctions(m)
	timeFunctions(m)
	jsonFunctions(m)
	for _, a := range []struct{ alias, name string }{
		{"CEILING", "CEIL"}, {"POW", "POWER"}, {"UCASE", "UPPER"}, {"LCASE", "LOWER"}, {"OCTET_LENGTH", "LENGTH"},
		{"CHARACTER_LENGTH", "CHAR_LENGTH"}, {"SUBSTR", "SUBSTRING"}, {"MID", "SUBSTRING"}, {"DAYOFMONTH", "DAY"},
		{"ADDDATE", "DATE_ADD"}, {"SUBDATE", "DATE_SUB"}, {"CURRENT_TIMESTAMP", "NOW"}, {"LOCALTIMESTAMP", "NOW"},
		{"LOCALTIME", "NOW"}, {"CURDATE", "CURRENT_DATE"},
	} {
		f := m[a.name]
		f.doc = "The same as " + a.name + "."
		m[a.alias] = f
	}
	return m
}

func numericFunctions(m map[string]function) {
	m["ABS"] = function{fn: "abs", usage: "(x)", doc: "The absolute value of a number.", min: 1, max: 1, bind: sameNumber}
	m["ROUND"] = function{fn: "round", usage: "(x[, digits])", doc: "A number rounded to that many fractional digits, half away from zero.", min: 1, max: 2, bind: round}
	m["FLOOR"] = function{fn: "floor", usage: "(x)", doc: "The greatest whole number that is not greater.", min: 1, max: 1, bind: wholeNumber}
	m["CEIL"] = function{fn: "ceil", usage: "(x)", doc: "The least whole number that is not less.", min: 1, max: 1, bind: wholeNumber}
	m["MOD"] = function{fn: "%", usage: "(a, b)", doc: "The remainder of a / b, with the sign of a.", min: 2, max: 2, bind: modulo}
	m["POWER"] = function{fn: "power", usage: "(x, y)", doc: "x to the power of y, a DOUBLE.", min: 2, max: 2, params: []types.Kind{types.Double}, result: types.DoubleType}
	m["SQRT"] = function{fn: "sqrt", usage: "(x)", doc: "The square root, a DOUBLE; NULL below 0.", min: 1, max: 1, params: []types.Kind{types.Double}, result: types.DoubleType}
}

func textFunctions(m map[string]function) {
	s, n := types.Varchar, types.Bigint
	str := func(fn, usage, doc string, low, high int, params ...types.Kind) function {
		return function{fn: fn, usage: usage, doc: doc, min: low, max: high, params: params, result: types.VarcharType}
	}
	m["CONCAT"] = str("concat", "(a, …)", "The arguments one after the other; NULL if one is NULL.", 1, -1, s)
	m["UPPER"] = str("upper", "(s)", "Text in upper case.", 1, 1, s)
	m["LOWER"] = str("lower", "(s)", "Text in lower case.", 1, 1, s)
	m["SUBSTRING"] = str("substring", "(s, position[, length])", "A part of a text; positions count characters from 1, negative ones from the end.", 2, 3, s, n)
	m["TRIM"] = str("trim", "(s)", "Text without spaces at both ends.", 1, 1, s)
	m["REPLACE"] = str("replace", "(s, from, to)", "Text with each occurrence of a part replaced.", 3, 3, s)
	m["SUBSTRING_INDEX"] = str("substring_index", "(s, delimiter, n)", "What stands in front of the n-th delimiter; behind the n-th from the end if n is negative.", 3, 3, s, s, n)
	m["LEFT"] = str("left", "(s, n)", "The first n characters.", 2, 2, s, n)
	m["RIGHT"] = str("right", "(s, n)", "The last n characters.", 2, 2, s, n)
	count := func(fn, doc string) function {
		return function{fn: fn, usage: "(s)", doc: doc, min: 1, max: 1, params: []types.Kind{s}, result: types.BigintType}
	}
	m["LENGTH"] = count("length", "How many bytes a text has in UTF-8.")
	m["CHAR_LENGTH"] = count("char_length", "How many characters a text has.")
}

func choiceFunctions(m map[string]function) {
	m["COALESCE"] = function{fn: "coalesce", usage: "(a, …)", doc: "The first argument that is not NULL.", min: 1, max: -1, bind: oneOf}
	m["IFNULL"] = function{fn: "coalesce", usage: "(a, b)", doc: "a, or b where a is NULL.", min: 2, max: 2, bind: oneOf}
	m["NULLIF"] = function{fn: "nullif", usage: "(a, b)", doc: "a, or NULL where a = b.", min: 2, max: 2, bind: nullIf}
	m["IF"] = function{fn: "if", usage: "(condition, a, b)", doc: "a where the condition is true, else b.", min: 3, max: 3, bind: ifElse}
	m["GREATEST"] = function{fn: "greatest", usage: "(a, b, …)", doc: "The greatest argument; NULL if one is NULL.", min: 2, max: -1, bind: extreme}
	m["LEAST"] = function{fn: "least", usage: "(a, b, …)", doc: "The least argument; NULL if one is NULL.", min: 2, max: -1, bind: extreme}
}

func timeFunctions(m map[string]function) {
	part := func(fn, doc string) function {
		return function{fn: fn, usage: "(t)", doc: doc, min: 1, max: 1, params: []types.Kind{types.Datetime}, result: types.BigintType}
	}
	m["YEAR"] = part("year", "The year of a time.")
	m["MONTH"] = part("month", "The month of a time, 1 to 12.")
	m["DAY"] = part("day", "The day of the month, 1 to 31.")
	m["HOUR"] = part("hour", "The hour of a time, 0 to 23.")
	m["MINUTE"] = part("minute", "The minute of a time, 0 to 59.")
	m["SECOND"] = part("second", "The second of a time, 0 to 59.")
	m["UNIX_TIMESTAMP"] = part("unix_timestamp", "Whole seconds since 1970-01-01 00:00:00 UTC.")
	m["FROM_UNIXTIME"] = function{fn: "from_unixtime", usage: "(seconds)", doc: "The time that many seconds after 1970-01-01 00:00:00 UTC; of a DECIMAL or DOUBLE with the fraction.", min: 1, max: 1, bind: fromUnixtime}
	m["STR_TO_DATE"] = function{fn: "str_to_date", usage: "(s, 'format')", doc: "The time that a text holds, read with MySQL's % letters; NULL where it does not fit.", min: 2, max: 2, bind: strToDate}
	m["DATE"] = function{fn: "date", usage: "(t)", doc: "The day of a time.", min: 1, max: 1, params: []types.Kind{types.Datetime}, result: types.DateType}
	m["DATE_FORMAT"] = function{fn: "date_format", usage: "(t, 'format')", doc: "A time as text, with MySQL's % letters.", min: 2, max: 2, bind: dateFormat}
	m["DATE_ADD"] = function{fn: "date_add", usage: "(t, INTERVAL n UNIT)", doc: "A time moved forward.", min: 2, max: 2, bind: dateAddCall}
	m["DATE_SUB"] = function{fn: "date_sub", usage: "(t, INTERVAL n UNIT)", doc: "A time moved back.", min: 2, max: 2, bind: dateAddCall}
	m["NOW"] = function{fn: "now", usage: "()", doc: "When the row arrived; in a bounded query, when the statement began.", min: 0, max: 1, bind: now}
	m["CURRENT_DATE"] = function{fn: "current_date", usage: "()", doc: "The day of NOW().", min: 0, max: 0, bind: currentDate}
}

// absent tells whether MySQL has a function that weir does not.
func absent(name string) bool {
	const names = " GROUP_CONCAT STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP BIT_AND BIT_OR BIT_XOR JSON_ARRAYAGG JSON_OBJECTAGG ANY_VALUE " +
		"RAND UUID LOG LN LOG2 LOG10 EXP SIN COS TAN ASIN ACOS ATAN ATAN2 COT DEGREES RADIANS PI SIGN TRUNCATE CONV CRC32 " +
		"CONCAT_WS LPAD RPAD LTRIM RTRIM REVERSE REPEAT LOCATE INSTR POSITION FIELD FIND_IN_SET FORMAT HEX UNHEX MD5 SHA1 SHA2 REGEXP_LIKE REGEXP_REPLACE REGEXP_SUBSTR STRCMP ASCII ORD SPACE " +
		"DATEDIFF TIMESTAMPDIFF TIMESTAMPADD DAYOFWEEK DAYOFYEAR WEEK WEEKDAY WEEKOFYEAR YEARWEEK QUARTER DAYNAME MONTHNAME LAST_DAY MICROSECOND TIME TIMEDIFF EXTRACT CONVERT_TZ MAKEDATE TO_DAYS FROM_DAYS UTC_TIMESTAMP UTC_DATE SYSDATE CURTIME CURRENT_TIME " +
		"JSON_OBJECT JSON_ARRAY JSON_KEYS JSON_CONTAINS JSON_CONTAINS_PATH JSON_SEARCH JSON_SET JSON_INSERT JSON_REPLACE JSON_REMOVE JSON_QUOTE JSON_PRETTY JSON_DEPTH JSON_OVERLAPS JSON_MERGE_PATCH ISNULL INTERVAL ROW_NUMBER RANK DENSE_RANK LAG LEAD FIRST_VALUE LAST_VALUE NTILE "
	return strings.Contains(names, " "+name+" ")
}

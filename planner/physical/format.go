package physical

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/sql/types"
)

// Format returns an expression as SQL-like text, for EXPLAIN and for the names
// of computed columns. It is meant for people: what it prints is not parsed.
func Format(e Expr) string { return format(e, 0) }

// precedence of the operators that print infix; a higher one binds closer.
func precedence(fn string) int {
	switch fn {
	case "or":
		return 1
	case "xor":
		return 2
	case "and":
		return 3
	case "=", "<>", "<", "<=", ">", ">=", "<=>":
		return 5
	case "+", "-":
		return 6
	case "*", "/", "div", "%":
		return 7
	}
	return 0
}

func format(e Expr, around int) string {
	switch e := e.(type) {
	case *Column:
		return FormatName(e.Name)
	case *Literal:
		return e.format()
	case *Call:
		return e.format(around)
	}
	return fmt.Sprint(e)
}

func (c *Call) format(around int) string {
	arg := func(i int) string { return format(c.Args[i], 9) }
	wrap := func(level int, text string) string {
		if level <= around {
			return "(" + text + ")"
		}
		return text
	}
	if p := precedence(c.Fn); p > 0 && len(c.Args) == 2 {
		op := c.Fn
		if op[0] >= 'a' {
			op = strings.ToUpper(op)
		}
		return wrap(p, format(c.Args[0], p-1)+" "+op+" "+format(c.Args[1], p))
	}
	switch c.Fn {
	case "neg":
		return "-" + arg(0)
	case "not":
		return wrap(4, "NOT "+format(c.Args[0], 4))
	case "is_null", "is_true", "is_false":
		return wrap(5, arg(0)+" IS "+strings.ToUpper(c.Fn[3:]))
	case "like":
		return wrap(5, arg(0)+" LIKE "+arg(1))
	case "in":
		return wrap(5, arg(0)+" IN ("+formatList(c.Args[1:])+")")
	case "try_cast":
		return "TRY_CAST(" + format(c.Args[0], 0) + " AS " + c.T.String() + ")"
	case "cast":
		return "CAST(" + format(c.Args[0], 0) + " AS " + c.T.String() + ")"
	case "case":
		return c.formatCase()
	case "date_add":
		return c.formatDateAdd(around)
	}
	return strings.ToUpper(c.Fn) + "(" + formatList(c.Args) + ")"
}

func formatList(list []Expr) string {
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = format(e, 0)
	}
	return strings.Join(parts, ", ")
}

func (c *Call) formatCase() string {
	var b strings.Builder
	b.WriteString("CASE")
	for i := 0; i+1 < len(c.Args); i += 2 {
		b.WriteString(" WHEN " + format(c.Args[i], 0) + " THEN " + format(c.Args[i+1], 0))
	}
	b.WriteString(" ELSE " + format(c.Args[len(c.Args)-1], 0) + " END")
	return b.String()
}

func (c *Call) formatDateAdd(around int) string {
	op, span := " + ", Span{}
	if l, ok := c.Args[1].(*Literal); ok {
		span, _ = l.Value.(Span)
	}
	if span.Months < 0 || span.Months == 0 && span.Micros < 0 {
		op, span = " - ", Span{-span.Months, -span.Micros}
	}
	text := format(c.Args[0], 5) + op + span.String()
	if around >= 6 {
		return "(" + text + ")"
	}
	return text
}

// String returns the span as an INTERVAL.
func (s Span) String() string {
	switch {
	case s.Micros == 0 && s.Months != 0:
		return fmt.Sprintf("INTERVAL %d MONTH", s.Months)
	case s.Months != 0:
		return fmt.Sprintf("INTERVAL %d MONTH + %s", s.Months, Span{Micros: s.Micros})
	}
	units := []struct {
		micros int64
		name   string
	}{{86_400_000_000, "DAY"}, {3_600_000_000, "HOUR"}, {60_000_000, "MINUTE"}, {1_000_000, "SECOND"}}
	for _, u := range units {
		if s.Micros != 0 && s.Micros%u.micros == 0 {
			return fmt.Sprintf("INTERVAL %d %s", s.Micros/u.micros, u.name)
		}
	}
	if s.Micros == 0 {
		return "INTERVAL 0 SECOND"
	}
	seconds := strconv.FormatFloat(time.Duration(s.Micros*1000).Seconds(), 'f', -1, 64)
	return "INTERVAL " + seconds + " SECOND"
}

func (l *Literal) format() string {
	switch v := l.Value.(type) {
	case nil:
		return "NULL"
	case bool:
		return strings.ToUpper(strconv.FormatBool(v))
	case int64:
		switch l.T.Kind {
		case types.Date:
			return "'" + string(types.AppendDate(nil, int32(v))) + "'"
		case types.Time:
			return "'" + string(types.AppendTime(nil, v, l.T.Precision)) + "'"
		case types.Datetime:
			return "'" + string(types.AppendDatetime(nil, v, l.T.Precision)) + "'"
		}
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, "eIN") {
			text += "e0"
		}
		return text
	case string:
		if l.T.Kind == types.Varbinary {
			return fmt.Sprintf("X'%X'", v)
		}
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case decimal128.Num:
		return v.ToString(int32(l.T.Scale))
	case Span:
		return v.String()
	}
	return fmt.Sprint(l.Value)
}

// FormatName returns a column's name, in back-quotes where it is no plain word.
func FormatName(name string) string {
	plain := name != ""
	for i := 0; i < len(name); i++ {
		c := name[i]
		word := c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' && i > 0
		plain = plain && word
	}
	if plain {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

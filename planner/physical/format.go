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
func Format(e Expr) string {
	var f formatter
	f.expr(e, 0)
	return f.String()
}

// formatter writes expressions, the long ones in one pass.
type formatter struct{ strings.Builder }

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

// expr writes e, in parentheses where what stands around it binds closer.
func (f *formatter) expr(e Expr, around int) {
	switch e := e.(type) {
	case *Column:
		f.WriteString(FormatName(e.Name))
	case *Literal:
		f.WriteString(e.format())
	case *Call:
		f.call(e, around)
	default:
		f.WriteString(fmt.Sprint(e))
	}
}

func (f *formatter) call(c *Call, around int) {
	if p := precedence(c.Fn); p > 0 && len(c.Args) == 2 {
		op := c.Fn
		if op[0] >= 'a' {
			op = strings.ToUpper(op)
		}
		f.wrap(p, around, func() { f.infix(c.Args[0], p-1, " "+op+" ", c.Args[1], p) })
		return
	}
	switch c.Fn {
	case "neg":
		f.WriteByte('-')
		f.expr(c.Args[0], 9)
	case "not":
		f.wrap(4, around, func() {
			f.WriteString("NOT ")
			f.expr(c.Args[0], 4)
		})
	case "is_null", "is_true", "is_false":
		f.wrap(5, around, func() {
			f.expr(c.Args[0], 9)
			f.WriteString(" IS " + strings.ToUpper(c.Fn[3:]))
		})
	case "like":
		f.wrap(5, around, func() { f.infix(c.Args[0], 9, " LIKE ", c.Args[1], 9) })
	case "in":
		f.wrap(5, around, func() {
			f.expr(c.Args[0], 9)
			f.list(" IN (", c.Args[1:])
		})
	case "cast", "try_cast":
		f.WriteString(strings.ToUpper(c.Fn) + "(")
		f.expr(c.Args[0], 0)
		f.WriteString(" AS " + c.T.String() + ")")
	case "case":
		f.cases(c)
	case "date_add":
		f.dateAdd(c, around)
	default:
		f.list(strings.ToUpper(c.Fn)+"(", c.Args)
	}
}

// wrap calls write, in parentheses if what stands around binds as close or closer.
func (f *formatter) wrap(level, around int, write func()) {
	if level > around {
		write()
		return
	}
	f.WriteByte('(')
	write()
	f.WriteByte(')')
}

func (f *formatter) infix(l Expr, left int, op string, r Expr, right int) {
	f.expr(l, left)
	f.WriteString(op)
	f.expr(r, right)
}

func (f *formatter) list(open string, list []Expr) {
	f.WriteString(open)
	for i, e := range list {
		if i > 0 {
			f.WriteString(", ")
		}
		f.expr(e, 0)
	}
	f.WriteByte(')')
}

func (f *formatter) cases(c *Call) {
	f.WriteString("CASE")
	last := len(c.Args) - 1
	for i := 0; i < last; i += 2 {
		f.WriteString(" WHEN ")
		f.infix(c.Args[i], 0, " THEN ", c.Args[i+1], 0)
	}
	f.WriteString(" ELSE ")
	f.expr(c.Args[last], 0)
	f.WriteString(" END")
}

func (f *formatter) dateAdd(c *Call, around int) {
	op, span := " + ", Span{}
	if l, ok := c.Args[1].(*Literal); ok {
		span, _ = l.Value.(Span)
	}
	if span.Months < 0 || span.Months == 0 && span.Micros < 0 {
		op, span = " - ", Span{-span.Months, -span.Micros}
	}
	f.wrap(6, around, func() {
		f.expr(c.Args[0], 5)
		f.WriteString(op + span.String())
	})
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

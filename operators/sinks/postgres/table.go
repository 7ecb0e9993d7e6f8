package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/operators/stream"
	"weir/sql/types"
)

// statements are what the sink says to the server. Names in them are quoted.
type statements struct {
	table, marks string
	columns, key []string
	readMark     string
	copyTable    string
	copyIn       string
	copyOut      string
	upsert       string
	id           string
}

const (
	inTable  = "pg_temp.weir_in"  // rows that enter or change
	outTable = "pg_temp.weir_out" // keys of rows that leave
)

func newStatements(cfg Config) (statements, error) {
	schema, table, two := strings.Cut(cfg.Table, ".")
	if !two {
		schema, table = "", cfg.Table
	}
	if table == "" || two && schema == "" || strings.Contains(cfg.Table, "\x00") {
		return statements{}, fmt.Errorf("%q is no name of a table: write table, or schema.table", cfg.Table)
	}
	t := statements{table: quote(table), marks: "weir_sinks", id: "'" + cfg.ID + "'"}
	if two {
		t.table, t.marks = quote(schema)+"."+t.table, quote(schema)+".weir_sinks"
	}
	for _, f := range cfg.Schema {
		if strings.Contains(f.Name, "\x00") || len(f.Name) > 63 {
			return statements{}, fmt.Errorf("PostgreSQL cannot have a column %q: give it a shorter name", f.Name)
		}
		t.columns = append(t.columns, quote(f.Name))
	}
	for _, k := range cfg.Key {
		t.key = append(t.key, t.columns[k])
	}
	if strings.ContainsAny(cfg.ID, "'\\") {
		return statements{}, errors.New("an id holds no quotes")
	}
	t.readMark = "SELECT commit FROM " + t.marks + " WHERE sink = " + t.id
	all := strings.Join(t.columns, ", ")
	t.copyTable = "COPY " + t.table + " (" + all + ") FROM STDIN"
	t.copyIn = "COPY " + inTable + " (" + all + ") FROM STDIN"
	t.copyOut = "COPY " + outTable + " (" + strings.Join(t.key, ", ") + ") FROM STDIN"
	if cfg.Key != nil {
		t.upsert = t.insert() + "; DELETE FROM " + inTable
	}
	return t, nil
}

// insert puts the rows of inTable in the place of those with the same key.
func (t *statements) insert() string {
	all := strings.Join(t.columns, ", ")
	text := "INSERT INTO " + t.table + " (" + all + ") SELECT " + all + " FROM " + inTable + " ON CONFLICT (" + strings.Join(t.key, ", ") + ") DO "
	var set []string
	for _, c := range t.columns {
		if !slices.Contains(t.key, c) {
			set = append(set, c+" = EXCLUDED."+c)
		}
	}
	if len(set) == 0 {
		return text + "NOTHING"
	}
	return text + "UPDATE SET " + strings.Join(set, ", ")
}

// remove takes the rows with the keys of outTable out. A key that holds NULL is
// looked for by itself: `=` finds the others by the index.
func (t *statements) remove(nulls bool) string {
	var equal, same, null []string
	for _, k := range t.key {
		equal = append(equal, "t."+k+" = o."+k)
		same = append(same, "t."+k+" IS NOT DISTINCT FROM o."+k)
		null = append(null, "o."+k+" IS NULL")
	}
	text := "DELETE FROM " + t.table + " t USING " + outTable + " o WHERE " + strings.Join(equal, " AND ")
	if nulls {
		text += "; DELETE FROM " + t.table + " t USING " + outTable + " o WHERE (" + strings.Join(null, " OR ") + ") AND " + strings.Join(same, " AND ")
	}
	return text + "; DELETE FROM " + outTable
}

// mark moves the mark from where the sink left it.
func (t *statements) mark(marked bool, from, to stream.Commit) string {
	if !marked {
		return fmt.Sprintf("INSERT INTO %s (sink, commit) VALUES (%s, %d)", t.marks, t.id, to)
	}
	return fmt.Sprintf("UPDATE %s SET commit = %d WHERE sink = %s AND commit = %d", t.marks, to, t.id, from)
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal quotes a text that holds no backslash trouble: the server's
// standard_conforming_strings has been on since version 9.1.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// prepare makes the tables or looks whether they fit.
func (s *Sink) prepare(ctx context.Context) error {
	have, err := s.columnsOf(ctx, s.text.marks)
	if err != nil {
		return err
	}
	if have == nil {
		if err := s.exec(ctx, "CREATE TABLE IF NOT EXISTS "+s.text.marks+" (sink text PRIMARY KEY, commit bigint NOT NULL)"); err != nil {
			return fmt.Errorf("make table weir_sinks: %w", err)
		}
	}
	if have, err = s.columnsOf(ctx, s.text.table); err != nil {
		return err
	}
	switch {
	case have == nil && !s.cfg.Create:
		return fmt.Errorf("there is no table %s, and create = 'false'", s.cfg.Table)
	case have == nil:
		if err := s.exec(ctx, s.createTable()); err != nil {
			return fmt.Errorf("make table %s: %w", s.cfg.Table, err)
		}
	default:
		if err := s.fits(have); err != nil {
			return err
		}
	}
	if s.cfg.Key == nil {
		return nil
	}
	temporary := func(name string, columns []string) string {
		return "CREATE TEMP TABLE " + name + " ON COMMIT DELETE ROWS AS SELECT " + strings.Join(columns, ", ") + " FROM " + s.text.table + " WITH NO DATA"
	}
	if err := s.exec(ctx, temporary("weir_in", s.text.columns)+"; "+temporary("weir_out", s.text.key)); err != nil {
		return fmt.Errorf("make temporary tables: %w", err)
	}
	// Planning the statement finds out whether the key is unique there.
	if err := s.exec(ctx, "EXPLAIN "+s.text.insert()); err != nil {
		var code codeError
		if errors.As(err, &code) && code == "42P10" {
			return fmt.Errorf("table %s has no unique index on the view's key: CREATE UNIQUE INDEX ON %s (%s) NULLS NOT DISTINCT", s.cfg.Table, s.text.table, strings.Join(s.text.key, ", "))
		}
		return fmt.Errorf("check table %s: %w", s.cfg.Table, err)
	}
	return nil
}

// columnsOf returns the types of a table's columns by name; nil without a table.
func (s *Sink) columnsOf(ctx context.Context, table string) (map[string]string, error) {
	found, err := s.query(ctx, "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = to_regclass("+literal(table)+") AND attnum > 0 AND NOT attisdropped")
	if err != nil {
		return nil, fmt.Errorf("look at table %s: %w", table, err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(found))
	for _, row := range found {
		out[row[0]] = row[1]
	}
	return out, nil
}

func (s *Sink) createTable() string {
	var b strings.Builder
	b.WriteString("CREATE TABLE IF NOT EXISTS " + s.text.table + " (")
	for i, f := range s.cfg.Schema {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.text.columns[i] + " " + pgTypes(f.Type)[0])
		if f.Type.Kind == types.Decimal {
			fmt.Fprintf(&b, "(%d,%d)", f.Type.Precision, f.Type.Scale)
		}
	}
	if s.cfg.Key != nil {
		unique := ", UNIQUE NULLS NOT DISTINCT ("
		if s.version() < 15 {
			unique = ", PRIMARY KEY ("
		}
		b.WriteString(unique + strings.Join(s.text.key, ", ") + ")")
	}
	return b.String() + ")"
}

// version returns the server's major version.
func (s *Sink) version() int {
	major, _, _ := strings.Cut(s.conn.ParameterStatus("server_version"), ".")
	n, _ := strconv.Atoi(strings.TrimFunc(major, func(r rune) bool { return r < '0' || r > '9' })) // 0: an old one
	return n
}

// pgTypes returns the types of a column that take values of t; the first is that
// of a table that the sink makes.
func pgTypes(t types.Type) []string {
	switch t.Kind {
	case types.Boolean:
		return []string{"boolean"}
	case types.Bigint:
		if t.Width == 8 || t.Width == 16 && !t.Unsigned {
			return []string{"smallint", "integer", "bigint", "numeric"}
		}
		if t.Width > 0 && t.Width < 32 || t.Width == 32 && !t.Unsigned {
			return []string{"integer", "bigint", "numeric"}
		}
		return []string{"bigint", "numeric"}
	case types.Ubigint:
		return []string{"numeric"}
	case types.Decimal:
		return []string{"numeric"}
	case types.Double:
		if t.Width == 32 {
			return []string{"real", "double precision"}
		}
		return []string{"double precision"}
	case types.Varbinary:
		return []string{"bytea"}
	case types.Time:
		return []string{"interval"} // a time there ends at 24:00:00
	case types.Date:
		return []string{"date"}
	case types.Datetime:
		return []string{"timestamp with time zone", "timestamp without time zone"}
	}
	return []string{"text", "character varying"}
}

// fits compares a table that is there with the view.
func (s *Sink) fits(have map[string]string) error {
	for _, f := range s.cfg.Schema {
		is, ok := have[f.Name]
		want := pgTypes(f.Type)
		switch {
		case !ok:
			return fmt.Errorf("table %s has no column %s: ALTER TABLE %s ADD COLUMN %s %s", s.cfg.Table, quote(f.Name), s.text.table, quote(f.Name), want[0])
		case !slices.Contains(want, is):
			return fmt.Errorf("column %s of table %s is %s; the view's %s needs %s", quote(f.Name), s.cfg.Table, is, f.Type, strings.Join(want, " or "))
		}
	}
	return nil
}

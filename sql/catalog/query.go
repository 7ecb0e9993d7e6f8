package catalog

import (
	"slices"
	"strconv"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// Queries returns the queries of INSERT INTO … SELECT, sorted by name.
func (c *Catalog) Queries() []*View {
	return slices.DeleteFunc(c.Views(), func(v *View) bool { return v.Into == "" })
}

// FreeQuery returns a name for a query that has none: insert_1, or the first that
// nothing has.
func (c *Catalog) FreeQuery() string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for n := 1; ; n++ {
		if name := "insert_" + strconv.Itoa(n); c.kind(name) == ast.AnyObject {
			return name
		}
	}
}

// checkInto refuses a query whose rows would come back to it. at is where the
// statement names the stream that it writes to. The lock is held.
func (c *Catalog) checkInto(v *View, at diag.Span) error {
	if c.streams[v.Into] == nil {
		return diag.New(diag.UnknownObject, at, "there is no stream `%s`", v.Into)
	}
	read := c.streamsOf(v, nil)
	// From the stream that it writes to, along the other queries.
	from := map[string]string{v.Into: ""}
	next := []string{v.Into}
	for len(next) > 0 {
		s := next[0]
		next = next[1:]
		if slices.Contains(read, s) {
			path := s
			for p := from[s]; p != ""; p = from[p] {
				path = p + " -> " + path
			}
			return diag.New(diag.WrongObject, at, "rows would go round in a circle: %s -> %s", s, path).
				WithHint("write into another stream")
		}
		for _, q := range c.sorted() {
			if _, seen := from[q.Into]; q.Name != v.Name && !seen && slices.Contains(c.streamsOf(q, nil), s) {
				from[q.Into] = s
				next = append(next, q.Into)
			}
		}
	}
	return nil
}

// sorted returns the queries by name.
func (c *Catalog) sorted() []*View {
	var out []*View
	for _, v := range c.views {
		if v.Into != "" {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b *View) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// streamsOf appends the streams that a view reads, itself or through others.
func (c *Catalog) streamsOf(v *View, out []string) []string {
	for _, from := range sources(v) {
		switch inner := c.views[from.Text]; {
		case c.streams[from.Text] != nil && !slices.Contains(out, from.Text):
			out = append(out, from.Text)
		case inner != nil:
			out = c.streamsOf(inner, out)
		}
	}
	return out
}

// unknownQuery is the error for a query that there is not.
func (c *Catalog) unknownQuery(name ast.Name) *diag.Error {
	err := diag.New(diag.UnknownObject, name.At, "there is no query `%s`", name.Text)
	var names []string
	for _, q := range c.sorted() {
		names = append(names, q.Name)
	}
	if near := diag.Suggest(name.Text, names); near != "" {
		return err.WithHint("did you mean `%s`?", near)
	}
	return err.WithHint("SHOW PUMPS lists what there is; DROP … IF EXISTS is silent")
}

package catalog

import (
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// InsertColumns returns the columns that an INSERT writes, by their places in
// Columns: those that it names, or all that are sent. The error is a *diag.Error.
func (s *Stream) InsertColumns(names []ast.Name) ([]int, error) {
	var out []int
	if names == nil {
		for i := range s.Columns {
			if !s.IsGenerated(i) {
				out = append(out, i)
			}
		}
		return out, nil
	}
	taken := make(map[int]string, len(names))
	for _, n := range names {
		i, err := s.column(n)
		if err != nil {
			return nil, err
		}
		if s.IsGenerated(i) {
			return nil, diag.New(diag.BadOption, n.At, "`%s` is a generated column: its value is computed and cannot be inserted", s.Columns[i].Name).
				WithHint("leave it out")
		}
		if first, twice := taken[i]; twice {
			return nil, diag.New(diag.BadOption, n.At, "the column `%s` stands here twice", s.Columns[i].Name).
				WithHint("`%s` stands further left, and names of columns do not differ by case", first)
		}
		taken[i] = n.Text
		out = append(out, i)
	}
	return out, nil
}

// InsertNames lists columns for an error: those at the given places.
func (s *Stream) InsertNames(at []int) string {
	const most = 10
	var names []string
	for i, c := range at {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, s.Columns[c].Name)
	}
	return strings.Join(names, ", ")
}

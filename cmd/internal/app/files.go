package app

import (
	"cmp"
	"errors"
	"io/fs"
	"path"

	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// mayRead tells whether a statement may read a file. `weir query` reads what its
// user may read; a server what lies below --files.
func (db *database) mayRead(name string) error {
	switch {
	case db.files != nil:
		return nil
	case db.root == nil:
		return diag.New(diag.Unsupported, diag.Span{}, "this server reads no files").
			WithHint("start it with --files DIR, or send the rows with POST /v1/streams/NAME/records, or use `weir query` on your own machine")
	case name == stdinPath:
		return diag.New(diag.Unsupported, diag.Span{}, "a server has no stdin").
			WithHint("send the rows with POST /v1/streams/NAME/records")
	case !fs.ValidPath(name):
		return badPath(name)
	}
	return nil
}

func badPath(name string) error {
	return diag.New(diag.External, diag.Span{}, "'%s' is no path below the server's --files", name).
		WithHint("write it from there on, with / between the parts and without . and ..: FROM 'dir/rows.jsonl'")
}

// servedFileError says why a file below --files cannot be read. It tells nothing
// of what lies outside, not even that it exists.
func servedFileError(fsys fs.FS, name string, err error) error {
	if errors.Is(err, fs.ErrInvalid) {
		return badPath(name)
	}
	info, statErr := fs.Stat(fsys, name)
	switch {
	case errors.Is(statErr, fs.ErrNotExist):
		e := diag.New(diag.External, diag.Span{}, "there is no file '%s' below the server's --files", name)
		if near := servedSimilar(fsys, name); near != "" {
			return e.WithHint("did you mean '%s'?", near)
		}
		return e
	case statErr != nil:
		return diag.New(diag.External, diag.Span{}, "cannot read '%s' below the server's --files", name).
			WithHint("links that lead out of it are not followed, and the server has to be allowed to read it")
	case !info.Mode().IsRegular():
		return diag.New(diag.External, diag.Span{}, "'%s' is no regular file", name).WithHint("FROM takes one file")
	}
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return diag.New(diag.External, diag.Span{}, "cannot read '%s': %s", name, err)
}

// servedSimilar is the file of the same directory whose name is closest, if any is close.
func servedSimilar(fsys fs.FS, name string) string {
	dir, base := path.Split(name)
	d, err := fsys.Open(path.Clean("./" + dir))
	if err != nil {
		return ""
	}
	defer func() { _ = d.Close() }() // it was only read
	list, ok := d.(fs.ReadDirFile)
	if !ok {
		return ""
	}
	const most = 1000
	entries, _ := list.ReadDir(most) // what could be read is enough for a hint
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if near := diag.Suggest(base, names); near != "" {
		return dir + near
	}
	return ""
}

// declareFile finds out the columns of a stream over a file if it declares none,
// and returns the statement to keep. It names the columns: a restart must not
// depend on the file, nor on being allowed to read it.
func (db *database) declareFile(s *ast.CreateStream, def *catalog.Stream, note func(string, ...any)) (string, error) {
	if err := db.mayRead(def.Path); err != nil {
		e := diag.From(err)
		if e.Span.IsZero() {
			e.Span = s.Name.At
		}
		return "", e
	}
	if len(def.Columns) > 0 {
		return s.Text, nil
	}
	info, err := db.inspect(def.Path, def.Format, note)
	if err != nil {
		return "", fileError(db.root, def.Path, err)
	}
	if err := def.SetColumns(info.columns); err != nil {
		return "", err
	}
	if db.log == nil {
		return s.Text, nil
	}
	for _, f := range info.columns {
		s.Columns = append(s.Columns, ast.ColumnDef{Name: ast.Name{Text: f.Name}, Type: f.Type})
	}
	return sql.Print(s), nil
}

// noViewOverFile refuses what a restart could not make again from the log: a view
// that keeps what it read of a file, or whose columns are those that a file had.
func (db *database) noViewOverFile(s *ast.CreateView, p *physical.Plan, rel *relations) error {
	if db.log == nil {
		return nil
	}
	scans := physical.Scans(p.Root)
	for i, scan := range scans {
		if scan.Kind != physical.SourceFile {
			continue
		}
		var at diag.Span
		if s.Query.From != nil {
			at = s.Query.From.Name.At
		}
		switch {
		case s.Materialized:
			return diag.New(diag.Unsupported, at, "a %s over the file '%s'", cmp.Or(rel.making, "materialized view"), scan.Relation).
				WithHint("its rows are made again from the log: send those of the file to a stream with POST /v1/streams/NAME/records, or weir put NAME FILE")
		case rel.of(scans, i).stream == nil:
			return diag.New(diag.Unsupported, at, "a view over the file '%s'", scan.Relation).
				WithHint("declare it first: CREATE STREAM name WITH (connector = 'file', path = '%s')", scan.Relation)
		}
	}
	return nil
}

package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"weir/ingest/file"
	"weir/operators/stream"
	"weir/planner"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// fileInfo is a file or stdin that a statement names, as its first rows show it.
type fileInfo struct {
	columns stream.Schema
	format  string
	// reader holds stdin, whose first rows were read already to infer columns.
	reader io.Reader
}

// relations resolves the names of one statement, and remembers what it found: what
// the statement's scans read, in the order in which they were bound, which is that
// of physical.Scans. By the time that a scan is opened the name may mean something
// else.
type relations struct {
	db    *database
	notes func(format string, args ...any)
	found []relation
	// follow is set for a query that goes on: it follows a materialized view, by
	// computing what that computes. Else it reads what the view holds.
	follow bool
	// making is the kind of object that the statement makes, "" for a view.
	making string
}

// relation is what a scan reads.
type relation struct {
	stream *catalog.Stream
	view   *catalog.View
	info   *fileInfo
}

// of returns what the scan of a number reads. A SELECT without FROM reads nothing
// that has a name.
func (r *relations) of(scans []*physical.Scan, number int) relation {
	at := 0
	for i, s := range scans {
		switch {
		case s.Kind == physical.SourceOne:
		case i == number:
			return r.found[at]
		default:
			at++
		}
	}
	return relation{}
}

// bound takes what the scans of a stored plan read from the catalog.
func (r *relations) bound(p *physical.Plan) {
	r.found = nil
	for _, s := range physical.Scans(p.Root) {
		def, _ := r.db.catalog.Stream(s.Relation)
		r.found = append(r.found, relation{stream: def})
	}
}

// Relation finds what FROM names.
func (r *relations) Relation(t *ast.Table) (*planner.Relation, error) {
	if t.File {
		return r.file(t)
	}
	name := t.Name.Text
	if s, ok := r.db.catalog.Stream(name); ok {
		r.found = append(r.found, relation{stream: s})
		return streamRelation(s), nil
	}
	if v, ok := r.db.catalog.View(name); ok && v.Into != "" {
		return nil, diag.New(diag.WrongObject, t.Name.At, "`%s` is a query, and its rows are in the stream `%s`", name, v.Into).
			WithHint("SELECT … FROM %s", v.Into)
	} else if ok {
		if !v.Materialized {
			return &planner.Relation{Name: name, Inline: v.Query}, nil
		}
		if r.follow {
			return &planner.Relation{Name: name, Inline: v.Query, Materialized: true}, nil
		}
		r.found = append(r.found, relation{view: v})
		return &planner.Relation{Kind: physical.SourceView, Name: name, Columns: v.Schema, Key: v.Key, Bounded: true}, nil
	}
	if of, what := catalog.LostOf(name); what != "" {
		return r.lost(t, of, what)
	}
	return nil, r.unknown(t.Name)
}

// unknown says that there is no such relation, and what could be meant instead.
func (r *relations) unknown(name ast.Name) error {
	e := r.db.catalog.Unknown(name)
	names := slices.DeleteFunc(r.db.catalog.Names(), func(n string) bool {
		v, ok := r.db.catalog.View(n)
		return strings.Contains(n, "$") || ok && v.Into != ""
	})
	if _, ok := r.db.catalog.Sink(name.Text); ok {
		return diag.New(diag.WrongObject, name.At, "`%s` is a sink, which nothing can be read from", name.Text).
			WithHint("SHOW SINKS and DESCRIBE %s tell about it; read the view that it delivers", name.Text)
	}
	switch {
	case e.Hint != "":
		return e
	case r.db.files == nil && len(names) == 0: // a server reads no files
		return e.WithHint("there are no streams yet: CREATE STREAM %s (…) makes one", name.Text)
	case strings.Contains(name.Text, "."):
		return e.WithHint("a file is written in quotes: FROM '%s'", name.Text)
	case len(names) == 0:
		return e.WithHint("there are no streams yet: CREATE STREAM %s (…), or read a file: FROM 'file.jsonl'", name.Text)
	}
	return e.WithHint("there are: %s", listNames(names))
}

// listNames joins names for a hint, the first twenty of them.
func listNames(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(", … (%d in all)", len(names))
	}
	return strings.Join(names, ", ")
}

func (r *relations) file(t *ast.Table) (*planner.Relation, error) {
	info, err := r.db.inspect(t.Name.Text, "", r.notes)
	if err != nil {
		return nil, atTable(fileError(r.db.root, t.Name.Text, err), t)
	}
	r.found = append(r.found, relation{info: info})
	return &planner.Relation{
		Kind: physical.SourceFile, Name: t.Name.Text, Columns: info.columns, Bounded: true,
	}, nil
}

// atTable points an error at the table that it is about.
func atTable(err error, t *ast.Table) error {
	e := diag.From(err)
	if e.Code == diag.Internal {
		e = diag.New(diag.External, t.Name.At, "%s", err)
	}
	if e.Span.IsZero() {
		e.Span = t.Name.At
	}
	return e
}

// atFrom points an error of opening what a query reads at its FROM.
func atFrom(err error, q *ast.Select) error {
	var e *diag.Error
	if q.From != nil && errors.As(err, &e) {
		return atTable(e, q.From)
	}
	return err
}

func streamRelation(s *catalog.Stream) *planner.Relation {
	kind := physical.SourceStream
	if s.Connector == "file" {
		kind = physical.SourceFile
	}
	key := s.PartitionKey
	if s.Format == "raw" {
		key = "partition_key"
	}
	return &planner.Relation{
		Kind: kind, Name: s.Name, Columns: s.Columns, Generated: s.Generated, Watermark: s.Watermark,
		Bounded: kind == physical.SourceFile, PartitionKey: key,
		IdleTimeout: s.IdleTimeout, IdleAdvance: s.IdleAdvance, FutureTolerance: s.FutureTolerance,
	}
}

// inspect reads the first rows of a file, or of stdin: a server each time, since
// files change; `weir query` once.
func (db *database) inspect(path, format string, note func(string, ...any)) (*fileInfo, error) {
	if err := db.mayRead(path); err != nil {
		return nil, err
	}
	if db.root != nil {
		info, notes, err := inferFile(db.root, path, format, nil)
		for _, n := range notes {
			note("%s", n)
		}
		return info, err
	}
	key := path
	if path != stdinPath {
		key = filepath.Clean(path)
	}
	if info, ok := db.files[key]; ok {
		return info, nil
	}
	info, notes, err := inferFile(nil, path, format, db.stdin)
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		note("%s", n)
	}
	db.files[key] = info
	return info, nil
}

// stdinPath is how FROM names standard input.
const stdinPath = "stdin"

// inferFile looks into a file, or stdin, for its columns. An empty format is guessed.
func inferFile(fsys fs.FS, path, format string, stdin io.Reader) (*fileInfo, []string, error) {
	info := &fileInfo{}
	var notes []string
	var err error
	if path == stdinPath {
		info.columns, info.format, notes, info.reader, err = file.InferReader(stdin, format)
	} else {
		info.columns, info.format, notes, err = file.Infer(fsys, path)
	}
	return info, notes, err
}

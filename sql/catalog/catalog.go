package catalog

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/operators/stream"
	"weir/sql/ast"
	"weir/sql/diag"
)

// ObjectsMax is how many streams, views and sinks a catalog holds.
const ObjectsMax = 10_000

// View is a named query; a materialized one has a query running.
type View struct {
	ID           uint32 // given by the catalog, never reused
	Name         string
	Materialized bool
	Query        *ast.Select
	Schema       stream.Schema
	Key          []int // columns of Schema that identify a row; nil: a bag
	Text         string
	// Retention is how long rows stay behind the watermark; 0: for ever.
	Retention time.Duration
	Sink      string // the sink that it was made for; "": it stands for itself
	// Into is the stream that the rows go to, and IntoColumns which of its columns
	// get those of Schema: INSERT INTO … SELECT, a query without rows of its own.
	Into        string
	IntoColumns []int
	IntoAt      diag.Span // where the statement names it
	Begins      []Begin   // of what it reads, each time that it is named
}

// Begin is where a query begins in a stream: behind a commit, and whether the end of
// the stream lies before it.
type Begin struct {
	After stream.Commit
	Ended bool
}

// Catalog is what exists by name. It is safe for concurrent use.
type Catalog struct {
	mu      sync.RWMutex
	next    uint32
	streams map[string]*Stream
	views   map[string]*View
	sinks   map[string]*Sink
}

// New returns an empty catalog.
func New() *Catalog {
	return &Catalog{next: 1, streams: map[string]*Stream{}, views: map[string]*View{}, sinks: map[string]*Sink{}}
}

// Undo returns what brings back what exists now, for a change that cannot be kept.
// Numbers that are given meanwhile stay given.
func (c *Catalog) Undo() func() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	streams, views, sinks := maps.Clone(c.streams), maps.Clone(c.views), maps.Clone(c.sinks)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.streams, c.views, c.sinks = streams, views, sinks
	}
}

// AddStream adds a stream and gives it a number, unless it brings the one that
// it had before a restart. at is where the statement names it. If ifNotExists is
// set, a stream of that name is no error; created is false then. The error is a
// *diag.Error.
func (c *Catalog) AddStream(s *Stream, ifNotExists bool, at diag.Span) (created bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.streams[s.Name]; ok && ifNotExists {
		return false, nil
	}
	if kind := c.kind(s.Name); kind != ast.AnyObject {
		if old := c.streams[s.Name]; old != nil && old.Format == "raw" && s.Format != "raw" && s.Raw == "" && s.Connector == "" {
			return false, taken(s.Name, kind, at).WithHint("it is a raw stream; CREATE STREAM other_name (…) WITH (raw = '%s', format = 'json') reads its records by columns", s.Name)
		}
		return false, taken(s.Name, kind, at)
	}
	if s.Raw != "" {
		if err := c.checkOverRaw(s, s.rawAt); err != nil {
			return false, err
		}
	}
	if err := c.number(&s.ID, at); err != nil {
		return false, err
	}
	c.streams[s.Name] = s
	return true, nil
}

// checkOverRaw refuses a stream over one that is not there, or not raw.
func (c *Catalog) checkOverRaw(s *Stream, at diag.Span) error {
	raw := c.streams[s.Raw]
	switch {
	case raw == nil && c.kind(s.Raw) == ast.AnyObject:
		e := c.unknown(ast.Name{Node: ast.Node{At: at}, Text: s.Raw})
		e.Message = "there is no raw stream `" + s.Raw + "`"
		if e.Hint == "" {
			return e.WithHint("CREATE STREAM `%s` WITH (format = 'raw') makes one, and CreateStream of a Kinesis client", s.Raw)
		}
		return e
	case raw == nil || raw.Format != "raw":
		return diag.New(diag.WrongObject, at, "`%s` is no raw stream", s.Raw).
			WithHint("`raw` names a stream with format = 'raw'; a stream with columns is read by its own name, also where clients of Kinesis put its records")
	}
	s.rawID = raw.ID
	return nil
}

// AddView adds a view and gives it a number, unless it brings the one that it
// had before a restart. orReplace puts it in the place of a view of that name,
// which nobody else may read; ifNotExists keeps that one, and created is false.
// What the view reads must exist. The error is a *diag.Error.
func (c *Catalog) AddView(v *View, orReplace, ifNotExists bool, at diag.Span) (created bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := checkName(ast.Name{Node: ast.Node{At: at}, Text: v.Name}); err != nil {
		return false, err
	}
	if _, ok := c.views[v.Name]; ok && ifNotExists {
		return false, nil
	}
	kind := c.kind(v.Name)
	replaces := orReplace && c.views[v.Name] != nil && (kind == ast.QueryObject) == (v.Into != "")
	if kind != ast.AnyObject && !replaces {
		return false, taken(v.Name, kind, at)
	}
	if err := c.checkReads(v); err != nil {
		return false, err
	}
	if v.Into != "" {
		if err := c.checkInto(v, v.IntoAt); err != nil {
			return false, err
		}
	}
	if replaces {
		if d := c.dependent(v.Name); d.name != "" {
			return false, d.refuse(v.Name, at)
		}
	}
	if err := c.number(&v.ID, at); err != nil {
		return false, err
	}
	c.views[v.Name] = v
	return true, nil
}

// checkReads refuses a view over something that is not there, or over itself.
func (c *Catalog) checkReads(v *View) error {
	for _, from := range sources(v) {
		if from.Text == v.Name {
			return diag.New(diag.WrongObject, from.At, "the view `%s` cannot read itself", v.Name)
		}
		if c.kind(from.Text) == ast.AnyObject {
			return c.unknown(*from)
		}
	}
	return nil
}

// number gives an object the next number, or takes note of the one it has.
func (c *Catalog) number(id *uint32, at diag.Span) error {
	if len(c.streams)+len(c.views)+len(c.sinks) >= ObjectsMax {
		return diag.New(diag.TooLarge, at, "there are %d streams, views and sinks, which is the most there can be", ObjectsMax)
	}
	if *id == 0 {
		*id = c.next
	}
	for _, s := range c.streams {
		if s.ID == *id {
			return diag.New(diag.Internal, at, "the number %d is in use by `%s`", *id, s.Name)
		}
	}
	for _, v := range c.views {
		if v.ID == *id {
			return diag.New(diag.Internal, at, "the number %d is in use by `%s`", *id, v.Name)
		}
	}
	for _, s := range c.sinks {
		if s.ID == *id {
			return diag.New(diag.Internal, at, "the number %d is in use by `%s`", *id, s.Name)
		}
	}
	c.next = max(c.next, *id+1)
	return nil
}

// Last returns the greatest number that was ever given. Whoever stores the
// catalog stores it too, for the object that had it may be gone.
func (c *Catalog) Last() uint32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.next - 1
}

// Reserve makes every number up to last count as given.
func (c *Catalog) Reserve(last uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = max(c.next, last+1)
}

// kind returns what a name names, AnyObject if nothing.
func (c *Catalog) kind(name string) ast.ObjectKind {
	if _, ok := c.streams[name]; ok {
		return ast.StreamObject
	}
	if _, ok := c.sinks[name]; ok {
		return ast.SinkObject
	}
	switch v := c.views[name]; {
	case v == nil:
		return ast.AnyObject
	case v.Into != "":
		return ast.QueryObject
	case v.Materialized:
		return ast.MaterializedView
	}
	return ast.ViewObject
}

// dependent is who needs an object: "the view `x` reads" it.
type dependent struct{ what, name, does string }

// dependent returns who needs an object: the first view or query, by name, else the
// first stream, else the first sink; one without a name if nobody does.
func (c *Catalog) dependent(name string) (d dependent) {
	var first string
	for _, v := range c.views {
		read := reads(v, name)
		if !read && v.Into != name || v.Name == name || first != "" && v.Name >= first {
			continue
		}
		first, d = v.Name, dependent{"view", v.Name, "reads"}
		switch {
		case v.Sink != "":
			d.what, d.name = "sink", v.Sink
		case v.Into != "" && !read:
			d.what, d.does = "query", "writes to"
		case v.Into != "":
			d.what = "query"
		}
	}
	if first != "" {
		return d
	}
	for _, s := range c.streams {
		if s.Raw == name && (d.name == "" || s.Name < d.name) {
			d = dependent{"stream", s.Name, "reads"}
		}
	}
	if d.name != "" {
		return d
	}
	for _, s := range c.sinks {
		if s.View == name && (d.name == "" || s.Name < d.name) {
			d = dependent{"sink", s.Name, "reads"}
		}
	}
	return d
}

// refuse says that an object cannot go because of d.
func (d dependent) refuse(name string, at diag.Span) error {
	return diag.New(diag.DependedOn, at, "the %s `%s` %s `%s`", d.what, d.name, d.does, name).
		WithHint("DROP %s %s first", strings.ToUpper(d.what), d.name)
}

// Drop removes an object, unless a view reads it. VIEW drops a materialized view
// too, AnyObject everything. If ifExists is set, a name that names nothing is no
// error; dropped is false then. The error is a *diag.Error.
func (c *Catalog) Drop(kind ast.ObjectKind, name ast.Name, ifExists bool) (dropped bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have := c.kind(name.Text)
	if have == ast.AnyObject {
		if ifExists {
			return false, nil
		}
		if kind == ast.SinkObject {
			return false, c.unknownSink(name)
		}
		if kind == ast.QueryObject {
			return false, c.unknownQuery(name)
		}
		err := c.unknown(name)
		if err.Hint == "" {
			err = err.WithHint("SHOW STREAMS, SHOW VIEWS and SHOW SINKS list what there is; DROP … IF EXISTS is silent")
		}
		return false, err
	}
	fits := kind == ast.AnyObject || kind == have || kind == ast.ViewObject && have == ast.MaterializedView
	if !fits {
		return false, diag.New(diag.WrongObject, name.At, "`%s` is a %s, not a %s", name.Text, have, kind).
			WithHint("write DROP %s %s", have, name.Text)
	}
	if have == ast.SinkObject {
		err := c.dropSink(c.sinks[name.Text], name)
		return err == nil, err
	}
	if d := c.dependent(name.Text); d.name != "" {
		return false, d.refuse(name.Text, name.At)
	}
	delete(c.streams, name.Text)
	delete(c.views, name.Text)
	return true, nil
}

// Stream returns a stream by name.
func (c *Catalog) Stream(name string) (*Stream, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.streams[name]
	return s, ok
}

// StreamByID returns a stream by its number.
func (c *Catalog) StreamByID(id uint32) (*Stream, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, s := range c.streams {
		if s.ID == id {
			return s, true
		}
	}
	return nil, false
}

// View returns a view by name.
func (c *Catalog) View(name string) (*View, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.views[name]
	return v, ok
}

// Streams returns the streams, sorted by name.
func (c *Catalog) Streams() []*Stream {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]*Stream, 0, len(c.streams))
	for _, s := range c.streams {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *Stream) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Views returns the views, sorted by name.
func (c *Catalog) Views() []*View {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]*View, 0, len(c.views))
	for _, v := range c.views {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *View) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Names returns every name, sorted.
func (c *Catalog) Names() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.names()
}

func (c *Catalog) names() []string {
	out := make([]string, 0, len(c.streams)+len(c.views))
	for n := range c.streams {
		out = append(out, n)
	}
	for n := range c.views {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// Unknown returns the error for a name that names nothing, with what was
// probably meant.
func (c *Catalog) Unknown(name ast.Name) *diag.Error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.unknown(name)
}

func (c *Catalog) unknown(name ast.Name) *diag.Error {
	err := diag.New(diag.UnknownObject, name.At, "there is no stream or view `%s`", name.Text)
	names := slices.DeleteFunc(c.names(), func(n string) bool { return c.kind(n) == ast.QueryObject })
	if near := diag.Suggest(name.Text, names); near != "" {
		return err.WithHint("did you mean `%s`?", near)
	}
	return err
}

func taken(name string, kind ast.ObjectKind, at diag.Span) *diag.Error {
	return diag.New(diag.ObjectExists, at, "there is a %s `%s` already", strings.ToLower(string(kind)), name).
		WithHint("take another name, or DROP %s %s first; CREATE … IF NOT EXISTS leaves it as it is", kind, name)
}

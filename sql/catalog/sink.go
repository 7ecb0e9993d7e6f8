package catalog

import (
	"slices"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// Sink is what CREATE SINK made, checked.
type Sink struct {
	ID        uint32 // given by the catalog, never reused
	Name      string
	View      string // the materialized view that it delivers
	Own       bool   // the view was made for the sink, and goes with it
	Connector string
	Create    string // the statement, without secrets

	values map[string]string
	given  map[string]bool
}

// SinkSetting is one option of a sink as it may be shown.
type SinkSetting struct {
	Name, Value string
	Given       bool // by the statement; else it is the default
}

// NewSink checks a CREATE SINK and returns the sink that it describes. The error
// is a *diag.Error, and holds no secret.
func NewSink(def *ast.CreateSink) (*Sink, error) {
	s := &Sink{Name: def.Name.Text, values: map[string]string{}, given: map[string]bool{}}
	if err := checkName(def.Name); err != nil {
		return nil, err
	}
	if def.From != nil {
		s.View = def.From.Text
	} else {
		s.View, s.Own = def.Name.Text+"$rows", true
	}
	if err := s.connector(def); err != nil {
		return nil, err
	}
	options := SinkOptions(s.Connector)
	for _, opt := range def.With {
		if err := s.set(options, opt); err != nil {
			return nil, err
		}
	}
	for _, o := range options {
		if o.Required && !s.given[o.Name] {
			return nil, diag.New(diag.BadOption, def.Name.At, "a sink with connector = '%s' needs the option `%s`", s.Connector, o.Name).
				WithHint("add %s = '…' to WITH (…): %s", o.Name, o.What)
		}
		if !s.given[o.Name] {
			s.values[o.Name] = o.Default
		}
	}
	if err := s.onePassword(def); err != nil {
		return nil, err
	}
	return s, nil
}

// connector reads the option that says which others there are.
func (s *Sink) connector(def *ast.CreateSink) error {
	for _, opt := range def.With {
		if !strings.EqualFold(opt.Name.Text, "connector") {
			continue
		}
		s.Connector = strings.ToLower(opt.Value.Text)
		if slices.Contains(Connectors(), s.Connector) {
			return nil
		}
		e := diag.New(diag.BadOption, opt.Value.At, "there is no connector %q", opt.Value.Text)
		if near := diag.Suggest(s.Connector, Connectors()); near != "" {
			return e.WithHint("did you mean '%s'? The connectors are %s", near, strings.Join(Connectors(), ", "))
		}
		return e.WithHint("the connectors are %s", strings.Join(Connectors(), ", "))
	}
	return diag.New(diag.BadOption, def.Name.At, "a sink needs the option `connector`").
		WithHint("say where it writes: WITH (connector = 'file', path = 'out'); the connectors are %s", strings.Join(Connectors(), ", "))
}

func (s *Sink) set(options []SinkOption, opt ast.Option) error {
	name := strings.ToLower(opt.Name.Text)
	if s.given[name] {
		return diag.New(diag.BadOption, opt.Name.At, "the option `%s` is there twice", name).WithHint("keep one of them")
	}
	s.given[name] = true
	if name == "connector" {
		return nil
	}
	i := slices.IndexFunc(options, func(o SinkOption) bool { return o.Name == name })
	if i < 0 {
		return s.unknownOption(options, opt)
	}
	if name == "url" {
		if err := noHiddenSecret(opt); err != nil {
			return err
		}
	}
	if options[i].check != nil {
		if err := options[i].check(opt); err != nil {
			return err
		}
	}
	s.values[name] = opt.Value.Text
	return nil
}

func (s *Sink) unknownOption(options []SinkOption, opt ast.Option) error {
	names := []string{"connector"}
	for _, o := range options {
		names = append(names, o.Name)
	}
	e := diag.New(diag.BadOption, opt.Name.At, "a sink with connector = '%s' has no option `%s`", s.Connector, opt.Name.Text)
	if near := diag.Suggest(opt.Name.Text, names); near != "" {
		return e.WithHint("did you mean %s? The options are %s", near, strings.Join(names, ", "))
	}
	return e.WithHint("the options are %s", strings.Join(names, ", "))
}

// onePassword refuses more than one place for the password.
func (s *Sink) onePassword(def *ast.CreateSink) error {
	first := ""
	for _, opt := range def.With {
		name := strings.ToLower(opt.Name.Text)
		if name != "password" && name != "password_env" && name != "password_file" {
			continue
		}
		if first != "" {
			return diag.New(diag.BadOption, opt.Name.At, "the password is there twice, as `%s` and as `%s`", first, name).WithHint("keep one of them")
		}
		first = name
	}
	return nil
}

// SetID gives the sink the name by which its destination knows it again.
func (s *Sink) SetID(id string) { s.values["id"] = id }

// Settings returns every option as it may be shown.
func (s *Sink) Settings() []SinkSetting {
	out := []SinkSetting{{"connector", s.Connector, true}}
	for _, o := range SinkOptions(s.Connector) {
		out = append(out, SinkSetting{o.Name, showValue(o, s.values[o.Name]), s.given[o.Name]})
	}
	return out
}

// AddSink adds a sink and gives it a number, unless it brings the one that it
// had. own is the view that was made for it, nil if it reads another: that one
// gets the number in front. The view that it reads must exist and be
// materialized. If ifNotExists is set, a sink of that name is no error; created
// is false then. The error is a *diag.Error.
func (c *Catalog) AddSink(s *Sink, own *View, ifNotExists bool, name, view ast.Name) (created bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.sinks[s.Name]; ok && ifNotExists {
		return false, nil
	}
	if kind := c.kind(s.Name); kind != ast.AnyObject {
		return false, taken(s.Name, kind, name.At)
	}
	if own != nil {
		if err := c.checkReads(own); err != nil {
			return false, err
		}
		if err := c.number(&own.ID, name.At); err != nil {
			return false, err
		}
		c.views[own.Name] = own
	} else if err := c.checkDelivers(s, view); err != nil {
		return false, err
	}
	if err := c.number(&s.ID, name.At); err != nil {
		if own != nil {
			delete(c.views, own.Name)
		}
		return false, err
	}
	c.sinks[s.Name] = s
	return true, nil
}

// CheckSink returns the error with which AddSink would refuse what a sink reads.
func (c *Catalog) CheckSink(s *Sink, view ast.Name) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.checkDelivers(s, view)
}

// checkDelivers refuses what a sink cannot deliver.
func (c *Catalog) checkDelivers(s *Sink, at ast.Name) error {
	v, ok := c.views[at.Text]
	switch {
	case ok && v.Sink != "":
		return diag.New(diag.WrongObject, at.At, "`%s` belongs to the sink `%s`", at.Text, v.Sink).
			WithHint("make the view yourself with CREATE MATERIALIZED VIEW, and both sinks FROM it")
	case ok && v.Into != "":
		return diag.New(diag.WrongObject, at.At, "`%s` is a query, and its rows are in the stream `%s`", at.Text, v.Into).
			WithHint("CREATE SINK %s AS SELECT * FROM %s", s.Name, v.Into)
	case ok && v.Materialized:
		return nil
	case ok:
		return diag.New(diag.WrongObject, at.At, "the view `%s` is computed where it is read: it has no changes to deliver", at.Text).
			WithHint("CREATE SINK %s AS SELECT * FROM %s, or make it a MATERIALIZED VIEW", s.Name, at.Text)
	case c.kind(at.Text) == ast.StreamObject:
		return diag.New(diag.WrongObject, at.At, "`%s` is a stream; a sink delivers a materialized view", at.Text).
			WithHint("CREATE SINK %s AS SELECT * FROM %s", s.Name, at.Text)
	case c.kind(at.Text) == ast.SinkObject:
		return diag.New(diag.WrongObject, at.At, "`%s` is a sink; a sink delivers a materialized view", at.Text)
	}
	e := diag.New(diag.UnknownObject, at.At, "there is no materialized view `%s`", at.Text)
	var names []string
	for _, v := range c.views {
		if v.Materialized && v.Sink == "" && v.Into == "" {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	if near := diag.Suggest(at.Text, names); near != "" {
		return e.WithHint("did you mean `%s`?", near)
	}
	return e.WithHint("make it first: CREATE MATERIALIZED VIEW %s AS SELECT …; or CREATE SINK %s AS SELECT …", at.Text, s.Name)
}

// Sink returns a sink by name.
func (c *Catalog) Sink(name string) (*Sink, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.sinks[name]
	return s, ok
}

// Sinks returns the sinks, sorted by name.
func (c *Catalog) Sinks() []*Sink {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]*Sink, 0, len(c.sinks))
	for _, s := range c.sinks {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *Sink) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// unknownSink is the error for a sink that there is not.
func (c *Catalog) unknownSink(name ast.Name) *diag.Error {
	err := diag.New(diag.UnknownObject, name.At, "there is no sink `%s`", name.Text)
	var names []string
	for n := range c.sinks {
		names = append(names, n)
	}
	slices.Sort(names)
	if near := diag.Suggest(name.Text, names); near != "" {
		return err.WithHint("did you mean `%s`?", near)
	}
	return err.WithHint("SHOW SINKS lists what there is; DROP … IF EXISTS is silent")
}

// dropSink removes a sink and the view that was made for it. The lock is held.
func (c *Catalog) dropSink(s *Sink, at ast.Name) error {
	if s.Own {
		delete(c.sinks, s.Name) // it is no reader of its own view
		if d := c.dependent(s.View); d.name != "" {
			c.sinks[s.Name] = s
			return d.refuse(s.View, at.At)
		}
		delete(c.views, s.View)
	}
	delete(c.sinks, s.Name)
	return nil
}

package catalog

import (
	"strings"
	"time"

	"weir/operators/stream"
	"weir/sql/ast"
	"weir/sql/diag"
)

// Altered returns a stream with options that ALTER STREAM sets, without changing
// anything. def is the statement that made the stream; it gets the options too. The
// error is a *diag.Error.
func (c *Catalog) Altered(s *Stream, def *ast.CreateStream, set []ast.Option) (*Stream, error) {
	given := map[string]string{}
	for _, o := range set {
		name := strings.ToLower(o.Name.Text)
		if first, twice := given[name]; twice {
			return nil, diag.New(diag.BadOption, o.Name.At, "the option `%s` is there twice", name).WithHint("it was %q before", first)
		}
		given[name] = o.Value.Text
		if err := c.mayAlter(s, name, o); err != nil {
			return nil, err
		}
		def.With = withOption(def.With, name, o)
	}
	out, err := NewStream(def)
	if err != nil {
		return nil, err
	}
	out.ID, out.rawID, out.Created, out.Since = s.ID, s.rawID, s.Created, s.Since
	return out, nil
}

// withOption puts an option in the place of the one of its name, or behind the others.
func withOption(with []ast.Option, name string, o ast.Option) []ast.Option {
	for i := range with {
		if strings.EqualFold(with[i].Name.Text, name) {
			with[i] = o
			return with
		}
	}
	return append(with, o)
}

// mayAlter refuses options that what is there already depends on.
func (c *Catalog) mayAlter(s *Stream, name string, o ast.Option) error {
	no := func(why, hint string) error {
		return diag.New(diag.BadOption, o.Name.At, "`%s` of a stream cannot be changed: %s", name, why).WithHint("%s", hint)
	}
	const again = "make a new stream with it"
	switch name {
	case "retention":
	case "idle_timeout", "idle_advance", "future_tolerance":
		c.mu.RLock()
		d := c.dependent(s.Name)
		c.mu.RUnlock()
		if d.name != "" {
			return no("the "+d.what+" `"+d.name+"` "+d.does+" `"+s.Name+"`, and which rows are late has been decided with the value that it has",
				"DROP "+strings.ToUpper(d.what)+" "+d.name+" first, and make it again behind ALTER STREAM")
		}
	case "shards":
		return no("it says how many shards the stream began with", "the shards of a running stream are split and merged by UpdateShardCount, SplitShard and MergeShards of Kinesis")
	case "partition_key":
		return no("its records lie in the shards that the key has chosen", again)
	case "format", "time_unit":
		return no("the records that are in the log already are read with it", again)
	case "connector", "path", "raw":
		return no("it says where the records are", again)
	default:
		// NewStream knows what to say of a name that is no option.
		return nil
	}
	return nil
}

// Lengthen gives a stream a retention that replaces an older one from a moment on:
// what was gone then does not come back.
func (s *Stream) Lengthen(old time.Duration, at stream.Time) {
	if old > 0 && (s.Retention == 0 || s.Retention > old) {
		s.Since = max(s.Since, at.Add(-old))
	}
}

// Replace puts a stream in the place of the one with its number.
func (c *Catalog) Replace(s *Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.streams[s.Name]; old != nil && old.ID == s.ID {
		c.streams[s.Name] = s
	}
}

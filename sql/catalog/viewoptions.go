package catalog

import (
	"strings"
	"time"

	"weir/sql/ast"
	"weir/sql/diag"
)

// NoTTL refuses a time after which groups would be forgotten: docs/adr/0019.
func NoTTL(o ast.Option) error {
	return diag.New(diag.Unsupported, o.Name.At, "groups are not forgotten by time, so `ttl` is not supported").
		WithHint("a window in GROUP BY bounds what is kept, and says which rows a number counts; `retention` of a materialized view bounds what is shown")
}

// ViewRetention reads WITH (…) behind the name of a view: for how long its rows
// stay behind the watermark; 0, where it says nothing, is for ever. timed tells
// whether the view shows a time by which they grow old. The error is a *diag.Error.
func ViewRetention(def *ast.CreateView, timed bool) (time.Duration, error) {
	retention := time.Duration(0)
	var given *ast.Option
	for i := range def.With {
		opt := def.With[i]
		name := strings.ToLower(opt.Name.Text)
		if name != "retention" {
			if name == "ttl" {
				return 0, NoTTL(opt)
			}
			e := diag.New(diag.BadOption, opt.Name.At, "a view has no option `%s`", opt.Name.Text)
			if near := diag.Suggest(name, []string{"retention"}); near != "" {
				return 0, e.WithHint("did you mean %s?", near)
			}
			return 0, e.WithHint("a materialized view takes: retention")
		}
		switch {
		case given != nil:
			return 0, diag.New(diag.BadOption, opt.Name.At, "the option `%s` is there twice", name).
				WithHint("it was %q before", given.Value.Text)
		case !def.Materialized:
			return 0, diag.New(diag.BadOption, opt.Name.At, "a view that is not materialized keeps no rows").
				WithHint("leave out retention, or write CREATE MATERIALIZED VIEW")
		}
		given = &opt
		if err := duration(opt, &retention, 0); err != nil {
			return 0, err
		}
		if retention > 0 && !timed {
			return 0, diag.New(diag.BadOption, opt.Name.At, "the view shows no time by which its rows could grow old").
				WithHint("put window_start, window_end or the stream's event time into the select list, or leave out retention")
		}
	}
	return retention, nil
}

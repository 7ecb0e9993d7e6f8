package catalog_test

import (
	"errors"
	"testing"
	"time"

	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

func TestViewRetention(t *testing.T) {
	for _, c := range []struct {
		view  string
		timed bool
		want  time.Duration
		at    string // what the error points at; "": none
	}{
		{"MATERIALIZED VIEW v", true, 0, ""},
		{"MATERIALIZED VIEW v WITH (retention = '30d')", true, 30 * 24 * time.Hour, ""},
		{"MATERIALIZED VIEW v WITH (Retention = '0')", false, 0, ""},
		{"MATERIALIZED VIEW v WITH (retention = '30d')", false, 0, "retention"},
		{"MATERIALIZED VIEW v WITH (retention = 'long')", true, 0, "'long'"},
		{"MATERIALIZED VIEW v WITH (retantion = '1d')", true, 0, "retantion"},
		{"MATERIALIZED VIEW v WITH (retention = '1d', RETENTION = '2d')", true, 0, "RETENTION"},
		{"MATERIALIZED VIEW v WITH (ttl = '1d')", true, 0, "ttl"},
		{"VIEW v WITH (retention = '1d')", true, 0, "retention"},
		{"VIEW v", true, 0, ""},
	} {
		text := "CREATE " + c.view + " AS SELECT 1 AS x"
		s, err := sql.ParseOne(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := catalog.ViewRetention(s.(*ast.CreateView), c.timed)
		var d *diag.Error
		if errors.As(err, &d) != (c.at != "") || d != nil && text[d.Span.Start:d.Span.End] != c.at {
			t.Errorf("%s: %v", text, err)
		}
		if got != c.want && err == nil {
			t.Errorf("%s: %v, want %v", text, got, c.want)
		}
	}
}

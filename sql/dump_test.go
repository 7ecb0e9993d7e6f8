package sql

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"weir/sql/ast"
	"weir/sql/diag"
)

// visit calls f for every node of a tree with the span of the node around it.
func visit(v reflect.Value, parent diag.Span, depth int, f func(v reflect.Value, at, parent diag.Span, depth int)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			visit(v.Elem(), parent, depth, f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), parent, depth, f)
		}
	case reflect.Struct:
		if n := v.FieldByName("Node"); n.IsValid() {
			at := n.Interface().(ast.Node).At
			if name, ok := v.Interface().(ast.Name); ok && name == (ast.Name{}) {
				return // of a derived table
			}
			f(v, at, parent, depth)
			parent, depth = at, depth+1
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Node" {
				visit(v.Field(i), parent, depth, f)
			}
		}
	}
}

// dump prints a tree with the text that each node covers.
func dump(b *strings.Builder, text string, s ast.Statement, indent string) {
	visit(reflect.ValueOf(s), diag.Span{}, 0, func(v reflect.Value, at, _ diag.Span, depth int) {
		fmt.Fprintf(b, "%s%s%s %q\n", indent, strings.Repeat("  ", depth), v.Type().Name(), text[at.Start:at.End])
	})
}

// checkSpans checks that every node covers some text, inside of the node around it.
func checkSpans(t testing.TB, text string, stmts []ast.Statement) {
	t.Helper()
	for _, s := range stmts {
		whole := diag.Span{Start: 0, End: len(text)}
		visit(reflect.ValueOf(s), whole, 0, func(v reflect.Value, at, parent diag.Span, _ int) {
			switch {
			case at.Start < parent.Start || at.End > parent.End || at.Start >= at.End:
				t.Fatalf("%s: %s at %v, inside of %v", text, v.Type().Name(), at, parent)
			case strings.TrimSpace(text[at.Start:at.End]) != text[at.Start:at.End]:
				t.Fatalf("%s: %s covers spaces: %q", text, v.Type().Name(), text[at.Start:at.End])
			}
		})
	}
}

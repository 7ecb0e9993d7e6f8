package sql

import (
	"fmt"
	"reflect"

	"weir/sql/ast"
)

// difference compares two trees, but not where things stand in the text.
func difference(a, b ast.Statement) string {
	return differs(reflect.ValueOf(a), reflect.ValueOf(b), "")
}

func differs(a, b reflect.Value, path string) string {
	a, b = asColumn(a), asColumn(b)
	if a.Kind() != b.Kind() || a.IsValid() && a.Type() != b.Type() {
		return fmt.Sprintf("%s: %v, %v", path, a, b)
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() != b.IsNil() {
				return fmt.Sprintf("%s: %v, %v", path, a, b)
			}
			return ""
		}
		return differs(a.Elem(), b.Elem(), path)
	case reflect.Slice:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d, %d entries", path, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if d := differs(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i)); d != "" {
				return d
			}
		}
	case reflect.Struct:
		for i := range a.NumField() {
			name := a.Type().Field(i).Name
			if ignoredField(a.Type(), name) {
				continue
			}
			x, y := a.Field(i), b.Field(i)
			if a.Type() == reflect.TypeFor[ast.Interval]() && name == "Value" || a.Type() == reflect.TypeFor[ast.Window]() && name == "Time" {
				x, y = bare(x), bare(y)
			}
			if d := differs(x, y, path+"."+name); d != "" {
				return d
			}
		}
	default:
		if x, y := a.Interface(), b.Interface(); x != y {
			return fmt.Sprintf("%s: %v, %v", path, x, y)
		}
	}
	return ""
}

// asColumn makes the column window_start of WINDOW_START(), which is printed so.
func asColumn(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Interface {
		if b, ok := v.Interface().(*ast.WindowBound); ok && b.Of == nil {
			return reflect.ValueOf([]ast.Expr{&ast.Column{Name: ast.Name{Text: b.Bound}}}).Index(0)
		}
	}
	return v
}

// bare takes the parentheses away in which a value of an interval and the time of a window may be printed.
func bare(v reflect.Value) reflect.Value {
	if p, ok := v.Interface().(*ast.Paren); ok {
		return reflect.ValueOf(p).Elem().FieldByName("X")
	}
	return v
}

// ignoredField tells whether a field says how or where something was typed.
func ignoredField(t reflect.Type, name string) bool {
	switch t {
	case reflect.TypeFor[ast.Item](), reflect.TypeFor[ast.CreateStream](), reflect.TypeFor[ast.CreateView](), reflect.TypeFor[ast.CreateSink](), reflect.TypeFor[ast.Insert]():
		return name == "Text" || name == "Node"
	case reflect.TypeFor[ast.Literal]():
		return name == "Quote" || name == "Node"
	case reflect.TypeFor[ast.Window](): // without names the lengths come in their order
		return name == "Named" || name == "Node"
	case reflect.TypeFor[ast.Explain]():
		return name == "Rewrites" || name == "Node"
	}
	return name == "Node"
}

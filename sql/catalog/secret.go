package catalog

import (
	"net/url"
	"slices"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// masked stands where a secret is.
const masked = "***"

// isHTTP tells whether a text is where an HTTP server is, and nothing more.
func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}

// noHiddenSecret refuses a secret at a place where it could not be told from
// what may be shown.
func noHiddenSecret(opt ast.Option) error {
	v := opt.Value.Text
	hidden := strings.Contains(strings.ToLower(v), "pass")
	if u, err := url.Parse(v); err == nil && u.Scheme != "" {
		hidden = strings.Contains(strings.ToLower(u.RawQuery), "pass")
	}
	if !hidden {
		return nil
	}
	return diag.New(diag.BadOption, opt.Value.At, "the password stands inside of `%s`", strings.ToLower(opt.Name.Text)).
		WithHint("give it by itself: password_env = '%sPASSWORD'", SecretEnvPrefix)
}

// showValue returns a value without its secrets.
func showValue(o SinkOption, v string) string {
	switch {
	case o.Secret && v != "":
		return masked
	case o.Name != "url":
		return v
	}
	scheme, rest, ok := strings.Cut(v, "://")
	if !ok {
		return v // key=value, which holds no password
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 && strings.LastIndexByte(rest, '@') < i {
		authority, path = rest[:i], rest[i:]
	}
	who, host, ok := cutLast(authority, "@")
	if !ok {
		return v
	}
	name, _, secret := strings.Cut(who, ":")
	switch {
	case secret && scheme != "http" && scheme != "https":
		who = name + ":" + masked
	case scheme == "http" || scheme == "https":
		who = masked // a token may stand in the place of the name
	}
	return scheme + "://" + who + "@" + host + path
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// wrongValue is badValue without the value.
func wrongValue(opt ast.Option, want string) error {
	at := opt.Value.At
	if at.IsZero() {
		at = opt.At
	}
	return diag.New(diag.BadOption, at, "`%s` has to be %s", strings.ToLower(opt.Name.Text), want)
}

// Masked returns a copy of a CREATE SINK in which no secret is left.
func Masked(def *ast.CreateSink) *ast.CreateSink {
	shown := *def
	shown.With = slices.Clone(def.With)
	shown.Text = ""
	for i, opt := range shown.With {
		name := strings.ToLower(opt.Name.Text)
		o := SinkOption{Name: name, Secret: name == "password"}
		shown.With[i].Value.Text = showValue(o, opt.Value.Text)
	}
	return &shown
}

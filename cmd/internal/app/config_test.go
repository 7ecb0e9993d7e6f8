package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func testFlags() (*pflag.FlagSet, func() map[string]any) {
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	listen := f.String("listen", "default", "")
	file := f.String("token-file", "", "")
	insecure := f.Bool("insecure", false, "")
	hosts := f.StringArray("allow-host", nil, "")
	f.String("config", "", "")
	return f, func() map[string]any {
		return map[string]any{"listen": *listen, "token-file": *file, "insecure": *insecure, "allow-host": *hosts}
	}
}

func TestConfigOrder(t *testing.T) {
	flags, values := testFlags()
	if err := flags.Parse([]string{"--listen", "flag"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"WEIR_LISTEN": "env", "WEIR_TOKEN_FILE": "env"}
	if err := setFromEnvironment(flags, func(k string) (string, bool) { v, ok := env[k]; return v, ok }); err != nil {
		t.Fatal(err)
	}
	const text = "# a server\nlisten: file\ntoken-file: file\ninsecure: true\nallow-host:\n  - a\n  - b:80\n"
	if err := setFromYAML(flags, []byte(text)); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"listen": "flag", "token-file": "env", "insecure": true, "allow-host": []string{"a", "b:80"}}
	if diff := cmp.Diff(want, values()); diff != "" {
		t.Error(diff)
	}
}

// TestConfigMistakes: each error names the line and has a caret under it.
func TestConfigMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"listen: a\nlisten_to: b\n":        "unknown key `listen_to`",
		"token_file: x\n":                  "did you mean `token-file`?",
		"insecure: perhaps\n":              "`insecure`: ",
		"listen:\n  - a\n  - b\n":          "takes one value",
		"listen: {a: b}\n":                 "plain value",
		"listen:\n":                        "a value is missing",
		"allow-host:\n  - [a]\n":           "a list holds plain values",
		"listen: a\nlisten: b\n":           "listen",
		"- listen\n":                       "list of `flag: value`",
		"config: other.yaml\n":             "unknown key `config`",
		"listen: \"a\n":                    "",
		"insecure: true\n---\nlisten: b\n": "",
	} {
		flags, _ := testFlags()
		err := setFromYAML(flags, []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || want != "" && !strings.Contains(err.Error(), "^") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		flags, _ := testFlags()
		if err := setFromYAML(flags, []byte(empty)); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
	flags, _ := testFlags()
	err := setFromEnvironment(flags, func(k string) (string, bool) { return "perhaps", k == "WEIR_INSECURE" })
	if err == nil || !strings.Contains(err.Error(), "WEIR_INSECURE") {
		t.Errorf("%v", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("listen: a\nallow-host: [a, b]\ninsecure: true\n")
	f.Add("a: &x {b: *x}")
	f.Fuzz(func(_ *testing.T, text string) {
		flags, _ := testFlags()
		_ = setFromYAML(flags, []byte(text))
	})
}

// TestServeConfig: what the command does with a config file.
func TestServeConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(file, []byte("lisen: 127.0.0.1:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := weir(t, "", "serve", "--config", file)
	if code != 1 || !strings.Contains(errs, "did you mean `listen`?") || !strings.Contains(errs, "^") {
		t.Errorf("exit %d: %s", code, errs)
	}
	t.Setenv("WEIR_LISTEN", "0.0.0.0:0")
	_, errs, code = weir(t, "", "serve", "--data", t.TempDir())
	if code != 1 || !strings.Contains(errs, "--token-file") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestTokenFile(t *testing.T) {
	dir := t.TempDir()
	write := func(text string, mode os.FileMode) string {
		path := filepath.Join(dir, "tokens")
		os.Remove(path)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const good = "ann:0123456789abcdef\n"
	for _, mode := range []os.FileMode{0o600, 0o400, 0o640} {
		if _, err := readTokens(write(good, mode)); err != nil {
			t.Errorf("%o: %v", mode, err)
		}
	}
	for _, mode := range []os.FileMode{0o644, 0o604, 0o660, 0o602} {
		if _, err := readTokens(write(good, mode)); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%o: %v", mode, err)
		}
	}
	for _, path := range []string{write("ann:short\n", 0o600), dir, filepath.Join(dir, "none")} {
		_, errs, code := weir(t, "", "serve", "--listen", "0.0.0.0:0", "--data", filepath.Join(dir, "data"), "--token-file", path)
		if code != 1 || !strings.Contains(errs, "token-file") || strings.Contains(errs, "short\n") {
			t.Errorf("%s: exit %d: %s", path, code, errs)
		}
	}
}

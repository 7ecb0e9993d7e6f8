// Command webbuild builds the dashboard's page with esbuild's Go API.
//
// It reads dashboard/web/src and the packages that npm ci put into
// dashboard/web/node_modules, and writes dashboard/web/dist: index.html, a
// scripts and a style sheet with their hash in the name, the licences of what is
// bundled, and .srchash, which tells a test what the build was made from. The
// result is the same to the byte wherever it is built. It is a module of its
// own, so that nobody who only uses weir downloads esbuild.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	web := flag.String("web", "../../dashboard/web", "the folder that holds src and node_modules")
	out := flag.String("out", "", "where to write; empty: dist in -web")
	flag.Parse()
	if *out == "" {
		*out = filepath.Join(*web, "dist")
	}
	if err := run(*web, *out); err != nil {
		fmt.Fprintln(os.Stderr, "webbuild:", err)
		os.Exit(1)
	}
}

func run(web, out string) error {
	abs, err := filepath.Abs(web)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(abs, "node_modules", "preact")); err != nil {
		return fmt.Errorf("run npm ci in %s first: %w", web, err)
	}
	built, err := bundle(abs)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	page, err := os.ReadFile(filepath.Join(abs, "src", "index.html"))
	if err != nil {
		return err
	}
	for _, f := range built {
		name := "assets/" + filepath.Base(f.Path)
		files[name] = f.Contents
		if strings.HasPrefix(filepath.Base(name), "app-") {
			entry := "app" + filepath.Ext(name) // what the page calls it
			page = bytes.ReplaceAll(page, []byte(`"/assets/`+entry+`"`), []byte(`"/`+name+`"`))
		}
	}
	files["index.html"] = page
	if files["licenses.txt"], err = licences(abs); err != nil {
		return err
	}
	sum, err := sourceHash(abs)
	if err != nil {
		return err
	}
	files[".srchash"] = []byte(sum + "\n")
	return write(out, files)
}

// bundle runs esbuild and returns the scripts and the style sheet.
func bundle(web string) ([]api.OutputFile, error) {
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:     web,
		EntryPoints:       []string{"src/app.tsx"},
		Outdir:            "dist/assets",
		EntryNames:        "[name]-[hash]",
		ChunkNames:        "[name]-[hash]",
		Bundle:            true,
		Splitting:         true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		Platform:          api.PlatformBrowser,
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		MinifyWhitespace:  true,
		MinifySyntax:      true,
		MinifyIdentifiers: true,
		LegalComments:     api.LegalCommentsNone, // licenses.txt has them
		Charset:           api.CharsetUTF8,
		LogLevel:          api.LogLevelWarning,
	})
	if len(result.Errors) > 0 {
		return nil, errors.New(result.Errors[0].Text)
	}
	return result.OutputFiles, nil
}

// bundled are the packages of which the page contains something.
var bundled = []string{
	"preact", "@preact/signals", "@preact/signals-core",
	"@codemirror/autocomplete", "@codemirror/commands", "@codemirror/lang-sql", "@codemirror/language",
	"@codemirror/state", "@codemirror/view", "@lezer/common", "@lezer/highlight", "@lezer/lr",
	"@marijn/find-cluster-break", "crelt", "style-mod", "w3c-keyname",
}

// licences joins the licence texts of the packages that the page contains.
func licences(web string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("The page contains these packages.\n")
	for _, name := range bundled {
		text, err := os.ReadFile(filepath.Join(web, "node_modules", name, "LICENSE"))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "\n==== %s ====\n\n%s\n", name, bytes.TrimSpace(text))
	}
	return b.Bytes(), nil
}

// sourceHash is the SHA-256 over every source file and the lock file: for each,
// in the order of their names, name, NUL, content, NUL. The dashboard's test
// computes the same.
func sourceHash(web string) (string, error) {
	names := []string{"package-lock.json", "package.json"}
	err := filepath.WalkDir(filepath.Join(web, "src"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(web, path)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		return "", err
	}
	sort.Strings(names)
	h := sha256.New()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(web, name))
		if err != nil {
			return "", err
		}
		h.Write([]byte(name + "\x00"))
		h.Write(data)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// write replaces the folder out by files.
func write(out string, files map[string][]byte) error {
	if base := filepath.Base(out); base == "." || strings.HasPrefix(base, "..") || base == string(filepath.Separator) {
		return fmt.Errorf("%s is no folder to replace", out)
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

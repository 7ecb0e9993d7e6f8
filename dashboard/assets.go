package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"weir/dashboard/api"
)

//go:embed all:web/dist
var dist embed.FS

// contentSecurityPolicy lets the page load and call nothing but this server, and
// nobody frame it. Text never becomes markup or script.
// The editor makes its style sheet while it runs, which the nonce allows it.
const contentSecurityPolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'nonce-" + nonceMark + "'; img-src 'self' data:; " +
	"connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; " +
	"require-trusted-types-for 'script'"

// nonceMark stands in the page and in its policy where each answer has its own nonce.
const nonceMark = "@NONCE@"

// asset is one file of the build.
type asset struct {
	body, gzipped []byte
	contentType   string
	etag          string
	forever       bool // its name carries its hash
	fresh         bool // it has a nonce, so every answer is another
}

// assets serves the build.
type assets struct {
	files map[string]asset // by path
}

func newAssets() (http.Handler, error) {
	a := &assets{files: map[string]asset{}}
	root, err := fs.Sub(dist, "web/dist")
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, ".") {
			return err
		}
		f, err := loadAsset(root, name)
		a.files["/"+name] = f
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the page's build: %w", err)
	}
	index, ok := a.files["/index.html"]
	if !ok {
		return nil, fmt.Errorf("the page's build has no index.html")
	}
	a.files["/"] = index
	known := api.Methods(a, http.MethodGet, http.MethodHead)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A path that does not exist is no path that takes another method.
		if _, ok := a.files[r.URL.Path]; !ok {
			api.NotFound(w, r)
			return
		}
		known.ServeHTTP(w, r)
	}), nil
}

func loadAsset(root fs.FS, name string) (asset, error) {
	body, err := fs.ReadFile(root, name)
	if err != nil {
		return asset{}, err
	}
	sum := sha256.Sum256(body)
	a := asset{
		body: body, contentType: contentType(name),
		etag: `"` + hex.EncodeToString(sum[:12]) + `"`, forever: strings.HasPrefix(name, "assets/"),
		fresh: bytes.Contains(body, []byte(nonceMark)),
	}
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return asset{}, err
	}
	if _, err := w.Write(body); err != nil {
		return asset{}, err
	}
	if err := w.Close(); err != nil {
		return asset{}, err
	}
	if zipped.Len() < len(body) {
		a.gzipped = zipped.Bytes()
	}
	return a, nil
}

// contentType does not ask the machine's own tables first, which may say anything.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// ServeHTTP serves one file of the build.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := a.files[r.URL.Path]
	h := w.Header()
	nonce := rand.Text()
	h.Set("Content-Security-Policy", strings.ReplaceAll(contentSecurityPolicy, nonceMark, nonce))
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Type", f.contentType)
	if f.fresh {
		// No two answers are the same, so there is nothing to compare or to keep.
		h.Set("Cache-Control", "no-cache")
		a.write(w, r, bytes.ReplaceAll(f.body, []byte(nonceMark), []byte(nonce)))
		return
	}
	h.Set("ETag", f.etag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == f.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if f.gzipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.gzipped
	}
	a.write(w, r, body)
}

func (a *assets) write(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the client may be gone
	}
}

package dashboard

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"
)

// firstScreenMax is the page's weight in bytes as gzip sends it: everything that
// is there before somebody enters the box.
const firstScreenMax = 40_000

func get(t *testing.T, url string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	tr := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestAssets(t *testing.T) {
	_, url := serve(t, nil)
	resp, page := get(t, url+"/", nil)
	if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("/: %s %v", resp.Status, resp.Header)
	}
	csp := resp.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'self'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %s: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is unsafe: %s", csp)
	}
	if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("no nosniff")
	}
	nonce := regexp.MustCompile(`nonce="([A-Z2-7]{20,})"`).FindStringSubmatch(page)
	if nonce == nil || !strings.Contains(csp, "style-src 'self' 'nonce-"+nonce[1]+"'") || strings.Contains(csp+page, "@NONCE@") {
		t.Errorf("page and policy do not share a nonce: %v, %s", nonce, csp)
	}
	if again, body := get(t, url+"/", nil); again.Header.Get("ETag") != "" || body == page {
		t.Error("two answers share a nonce")
	}
	files := regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(files) != 2 {
		t.Fatalf("the page names %d files", len(files))
	}
	for _, f := range files {
		resp, plain := get(t, url+f[1], nil)
		if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %s %v", f[1], resp.Status, resp.Header)
		}
		if again, _ := get(t, url+f[1], http.Header{"If-None-Match": {resp.Header.Get("ETag")}}); again.StatusCode != 304 {
			t.Errorf("the same file again: %s", again.Status)
		}
		zipped, body := get(t, url+f[1], http.Header{"Accept-Encoding": {"gzip"}})
		r, err := gzip.NewReader(strings.NewReader(body))
		if err != nil || zipped.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: %v, %v", f[1], err, zipped.Header)
		}
		if unzipped, err := io.ReadAll(r); err != nil || string(unzipped) != plain {
			t.Errorf("%s differs when compressed: %v", f[1], err)
		}
	}
	for _, path := range []string{"/nothing", "/.srchash", "/assets/", "/web/dist/index.html"} {
		resp, body := get(t, url+path, nil)
		var e struct{ Error struct{ Code string } }
		if err := json.Unmarshal([]byte(body), &e); err != nil || resp.StatusCode != 404 || e.Error.Code != "NOT_FOUND" {
			t.Errorf("%s: %s %q", path, resp.Status, body)
		}
		// No method would help here.
		res, err := http.Post(url+path, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if _ = res.Body.Close(); res.StatusCode != 404 {
			t.Errorf("POST %s: %s", path, res.Status)
		}
	}
}

// TestNothingFromOutside: no file of the build names another server to load from.
func TestNothingFromOutside(t *testing.T) {
	address := regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+`)
	allowed := map[string]bool{"http://www.w3.org": true} // the name space of SVG, which nobody fetches
	err := fs.WalkDir(dist, "web/dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".txt") {
			return err
		}
		data, err := fs.ReadFile(dist, name)
		for _, a := range address.FindAllString(string(data), -1) {
			if !allowed[a] {
				t.Errorf("%s names %s", name, a)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWeight(t *testing.T) {
	first := 0
	err := fs.WalkDir(dist, "web/dist", func(name string, d fs.DirEntry, err error) error {
		base := filepath.Base(name)
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".txt") || strings.HasPrefix(base, ".") {
			return err
		}
		data, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		_, _ = w.Write(data)
		_ = w.Close()
		t.Logf("%6d bytes gzipped  %s", b.Len(), base)
		if strings.HasPrefix(base, "codemirror-") {
			return nil // comes when somebody enters the box
		}
		first += b.Len()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first screen, with its charts: %d bytes", first)
	if first > firstScreenMax {
		t.Errorf("%d are allowed", firstScreenMax)
	}
}

// TestBuildIsFresh: the committed build was made from the committed source. What
// webbuild hashed is hashed again here, and where the packages are at hand the
// whole build is made again and compared byte by byte.
func TestBuildIsFresh(t *testing.T) {
	want, err := os.ReadFile("web/dist/.srchash")
	if err != nil {
		t.Fatal(err)
	}
	if got := sourceHash(t, "web"); got != strings.TrimSpace(string(want)) {
		t.Fatal("web/dist is older than web/src: run go generate ./dashboard and commit the result")
	}
	if testing.Short() {
		t.Skip("SKIPPED in short mode: the page is not built again")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	installPackages(t, ctx)
	out := filepath.Join(t.TempDir(), "dist")
	web, err := filepath.Abs("web")
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(ctx, "go", "run", ".", "-web", web, "-out", out)
	build.Dir = filepath.Join("..", "tools", "webbuild")
	if msg, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the page: %v\n%s", err, msg)
	}
	compareTrees(t, "web/dist", out)
	check := exec.CommandContext(ctx, filepath.Join(web, "node_modules", ".bin", "tsc"), "--noEmit", "-p", web)
	if msg, err := check.CombinedOutput(); err != nil {
		t.Errorf("type-check the page: %v\n%s", err, msg)
	}
}

// installPackages sees to node_modules, or skips the test.
func installPackages(t *testing.T, ctx context.Context) {
	t.Helper()
	if _, err := os.Stat("web/node_modules/.package-lock.json"); err == nil {
		return
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("SKIPPED: neither node_modules nor npm here, so the page is not built again; its sources' hash agrees")
	}
	install := exec.CommandContext(ctx, npm, "ci")
	install.Dir = "web"
	if msg, err := install.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: npm ci does not work here, so the page is not built again; its sources' hash agrees: %v\n%s", err, msg)
	}
}

// sourceHash is written down in tools/webbuild: name, NUL, content, NUL of each
// file in the order of their names.
func sourceHash(t *testing.T, web string) string {
	t.Helper()
	names := []string{"package-lock.json", "package.json"}
	for name := range tree(t, filepath.Join(web, "src")) {
		names = append(names, "src/"+name)
	}
	sort.Strings(names)
	h := sha256.New()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(web, name))
		if err != nil {
			t.Fatal(err)
		}
		h.Write([]byte(name + "\x00"))
		h.Write(data)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

func compareTrees(t *testing.T, committed, built string) {
	t.Helper()
	a, b := tree(t, committed), tree(t, built)
	for name := range a {
		if b[name] == nil {
			t.Errorf("%s is committed, but the build makes no such file", name)
		}
	}
	for name := range b {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s: the committed file is not what the build makes", name)
		}
	}
}

// tree returns the files under a folder, by their slash path in it.
func tree(t *testing.T, root string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = os.ReadFile(filepath.Join(root, name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

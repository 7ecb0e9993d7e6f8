package app

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// accessKey is what a client of Kinesis signs with.
type accessKey struct {
	id, secret, name string
}

const (
	keyFileName = "kinesis-keys" // in the data directory, unless somebody says otherwise
	keyFileMax  = 1 << 20
	// keyFileEvery is how often a server looks whether the file has changed.
	keyFileEvery = time.Second
)

var (
	keyID     = regexp.MustCompile(`^[A-Za-z0-9_]{4,128}$`)
	keySecret = regexp.MustCompile(`^[[:graph:]]{8,128}$`)
	keyName   = regexp.MustCompile(`^[A-Za-z0-9_.@-]{0,64}$`)
)

// keyFile is a file of access keys, one a line: the key, its secret and, where there
// is one, a name. It is read again when it has changed; a file that cannot be used
// changes nothing.
type keyFile struct {
	path   string
	logger *slog.Logger

	mu     sync.Mutex
	keys   map[string]accessKey
	looked time.Time
	was    os.FileInfo // nil: there was none
}

// openKeyFile reads a file of keys. One that is not there has none.
func openKeyFile(path string, logger *slog.Logger) (*keyFile, error) {
	f := &keyFile{path: path, logger: logger}
	keys, info, err := readKeys(path)
	if err != nil {
		return nil, err
	}
	f.set(keys, info)
	return f, nil
}

func (f *keyFile) set(keys []accessKey, info os.FileInfo) {
	f.keys, f.was, f.looked = make(map[string]accessKey, len(keys)), info, time.Now()
	for _, k := range keys {
		f.keys[k.id] = k
	}
}

// Secret returns the secret of an access key.
func (f *keyFile) Secret(id string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	k, ok := f.keys[id]
	return k.secret, ok
}

// None tells whether there is no key.
func (f *keyFile) None() bool { return f.count() == 0 }

func (f *keyFile) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	return len(f.keys)
}

// look reads the file again if it has changed.
func (f *keyFile) look() {
	if time.Since(f.looked) < keyFileEvery {
		return
	}
	f.looked = time.Now()
	info, err := os.Stat(f.path)
	if err != nil {
		info = nil
	}
	if (info == nil) == (f.was == nil) && (info == nil || info.ModTime().Equal(f.was.ModTime()) && info.Size() == f.was.Size() && os.SameFile(info, f.was)) {
		return
	}
	keys, info, err := readKeys(f.path)
	if err == nil && info == nil {
		// Whoever removes the last key says so in the file; a file that is gone lets nobody in.
		err = fmt.Errorf("%s is gone", f.path)
	}
	if err != nil {
		f.was = info
		f.logger.Error("access keys stay as they were", "error", err)
		return
	}
	f.set(keys, info)
	f.logger.Info("access keys were read again", "keys", len(keys))
}

// readKeys reads a file of keys. info is nil where there is none.
func readKeys(path string) ([]accessKey, os.FileInfo, error) {
	text, info, err := readSecrets("access keys", path)
	if err != nil || info == nil {
		return nil, info, err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, info, fmt.Errorf("access keys %s: %w", path, err)
	}
	return keys, info, nil
}

// readSecrets reads a file that nobody but its owner may read. info is nil where there
// is none.
func readSecrets(what, path string) (text string, info os.FileInfo, err error) {
	info, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return "", nil, nil // what is wrong with the directory, if something is, others say
	}
	if err != nil {
		return "", nil, fmt.Errorf("read %s: %w", what, err)
	}
	if !info.Mode().IsRegular() || info.Size() > keyFileMax {
		return "", info, fmt.Errorf("%s %s: this is no file of at most %d bytes", what, path, keyFileMax)
	}
	// What Windows says about modes is made up.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return "", info, fmt.Errorf("%s %s: it has mode %04o, so others can read it; run: chmod 600 %s", what, path, mode, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", info, fmt.Errorf("read %s: %w", what, err)
	}
	return string(b), info, nil
}

// parseKeys reads lines of keys. No error shows a secret.
func parseKeys(text string) ([]accessKey, error) {
	var out []accessKey
	seen := map[string]bool{}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 || len(fields) > 3 {
			return nil, fmt.Errorf("line %d is not: access key, secret and, if you like, a name", n)
		}
		k := accessKey{id: fields[0], secret: fields[1]}
		if len(fields) == 3 {
			k.name = fields[2]
		}
		switch {
		case !keyID.MatchString(k.id):
			return nil, fmt.Errorf("line %d: an access key is 4 to 128 letters, digits and _", n)
		case !keySecret.MatchString(k.secret):
			return nil, fmt.Errorf("line %d: a secret is 8 to 128 characters without blanks", n)
		case !keyName.MatchString(k.name):
			return nil, fmt.Errorf("line %d: a name is up to 64 letters, digits and . _ - @", n)
		case seen[k.id]:
			return nil, fmt.Errorf("line %d: the access key %s is there twice", n, k.id)
		}
		seen[k.id] = true
		out = append(out, k)
	}
	return out, nil
}

// newAccessKey makes a key that looks like one of AWS's.
func newAccessKey(name string) accessKey {
	var b [40]byte
	_, _ = rand.Read(b[:]) // never fails
	return accessKey{
		id:     "AKIA" + base32.StdEncoding.EncodeToString(b[:10]),
		secret: base64.StdEncoding.EncodeToString(b[10:]),
		name:   name,
	}
}

// writeKeys replaces a file of keys as a whole.
func writeKeys(path string, keys []accessKey) error {
	var b strings.Builder
	b.WriteString("# access key, secret, name: who may sign requests of Kinesis clients\n")
	for _, k := range keys {
		b.WriteString(strings.TrimRight(k.id+" "+k.secret+" "+k.name, " ") + "\n")
	}
	f, err := os.CreateTemp(filepath.Dir(path), keyFileName+"-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write access keys: %w", err)
	}
	_, err = f.WriteString(b.String())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write access keys: %w", errors.Join(err, os.Remove(f.Name())))
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write access keys: %w", err)
	}
	return nil
}

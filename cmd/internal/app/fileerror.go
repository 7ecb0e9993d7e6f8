package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"weir/sql/diag"
)

// fileError says why a file of fsys, or of the process if that is nil, cannot be
// read, and what to do about it. The caret shows which file is meant.
func fileError(fsys fs.FS, path string, err error) error {
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		return err
	}
	if fsys != nil {
		return servedFileError(fsys, path, err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		e := diag.New(diag.External, diag.Span{}, "there is no file '%s'", path)
		if near := similarFile(path); near != "" {
			return e.WithHint("did you mean '%s'?", near)
		}
		if at, err := filepath.Abs(path); err == nil && at != path {
			return e.WithHint("weir looked for %s", at)
		}
		return e
	}
	if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
		return diag.New(diag.External, diag.Span{}, "'%s' is a directory", path).WithHint("FROM takes one file")
	}
	return diag.New(diag.External, diag.Span{}, "cannot read '%s': %s", path, err)
}

// similarFile is the file of the same directory whose name is closest, if any is close.
func similarFile(path string) string {
	dir, base := filepath.Split(path)
	d, err := os.Open(filepath.Join(dir, "."))
	if err != nil {
		return ""
	}
	defer d.Close()
	const most = 1000
	names, _ := d.Readdirnames(most) // what could be read is enough for a hint
	if near := diag.Suggest(base, names); near != "" {
		return dir + near
	}
	return ""
}

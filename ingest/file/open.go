package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// open opens a file of fsys, or of the process if fsys is nil. Of fsys only
// regular files are opened: a pipe or a device could block for ever.
func open(fsys fs.FS, path string) (fs.File, error) {
	if fsys == nil {
		return os.Open(path)
	}
	// Asked before, since opening a pipe blocks; asked again, since a path may
	// change its meaning in between.
	info, err := fs.Stat(fsys, path)
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, err
	}
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	info, err = f.Stat()
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func regular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%s is no regular file", path)
}

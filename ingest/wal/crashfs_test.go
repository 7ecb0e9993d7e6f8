package wal

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
)

// crashFS is a file system that dies after a number of operations and whose
// power cut keeps of what was not synced what it likes, sector by sector.
type crashFS struct {
	mu      sync.Mutex
	left    int // operations until it dies; negative: it does not
	dead    bool
	durable map[string][]byte
	names   []naming // since the directory was synced
}

// naming is a change of a directory that a power cut may undo: a file that was
// removed, or one that got another's name.
type naming struct {
	from, to string // from is "" where to was removed
	old      []byte // what to was before, if it was
	existed  bool
}

var errDead = errors.New("the disk is gone")

func newCrashFS(left int) *crashFS { return &crashFS{left: left, durable: map[string][]byte{}} }

// alive counts an operation that changes something.
func (c *crashFS) alive() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		c.dead = true
	}
	if c.dead {
		return errDead
	}
	c.left--
	return nil
}

func (c *crashFS) OpenFile(name string, flag int) (File, error) {
	f, err := osFS{}.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.durable[name]; !known {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c.durable[name] = b
	}
	return &crashFile{File: f, fs: c, name: name}, nil
}

func (c *crashFS) Rename(from, to string) error {
	if err := c.alive(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old, err := os.ReadFile(to)
	c.names = append(c.names, naming{from, to, old, err == nil})
	c.durable[to] = c.durable[from]
	delete(c.durable, from)
	return os.Rename(from, to)
}

func (c *crashFS) Remove(name string) error {
	if err := c.alive(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	c.names = append(c.names, naming{"", name, old, true})
	delete(c.durable, name)
	return os.Remove(name)
}

func (c *crashFS) SyncDir(string) error {
	if err := c.alive(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names = nil
	return nil
}

// undo takes back some of the changes of names that were not synced, the newest
// first, as a journal does: an older one stays where a newer one does.
func (c *crashFS) undo(r *rand.Rand) error {
	for i := len(c.names) - 1; i >= 0 && r.IntN(2) == 0; i-- {
		n := c.names[i]
		if n.from != "" {
			if err := os.Rename(n.to, n.from); err != nil {
				return err
			}
		}
		if n.existed {
			if err := os.WriteFile(n.to, n.old, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

type crashFile struct {
	File
	fs   *crashFS
	name string
}

func (f *crashFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fs.alive(); err != nil {
		// What the dying write leaves behind is up to powerCut.
		_, _ = f.File.WriteAt(b, off)
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f *crashFile) Truncate(n int64) error {
	if err := f.fs.alive(); err != nil {
		return err
	}
	return f.File.Truncate(n)
}

func (f *crashFile) Datasync() error {
	if err := f.fs.alive(); err != nil {
		return err
	}
	n, err := f.Size()
	if err != nil {
		return err
	}
	b := make([]byte, n)
	if _, err := f.File.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	name := f.name
	if _, ok := f.fs.durable[name]; !ok { // it was renamed since
		name = name[:len(name)-len(".tmp")]
	}
	f.fs.durable[name] = b
	return nil
}

// powerCut leaves the files as a disk may: what was synced is there, of the rest
// some sectors are. Nobody has a file open.
func (c *crashFS) powerCut(r *rand.Rand) error {
	const sector = 512
	for name, old := range c.durable {
		now, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		size := len(old)
		if d := len(now) - len(old); d > 0 {
			size += r.IntN(d + 1)
		} else if d < 0 && r.IntN(2) == 0 {
			size = len(now)
		}
		out := make([]byte, size)
		copy(out, old)
		for at := 0; at < size; at += sector {
			if at < len(now) && r.IntN(2) == 0 {
				copy(out[at:min(at+sector, size)], now[at:])
			}
		}
		if err := os.WriteFile(name, out, 0o644); err != nil {
			return err
		}
	}
	return c.undo(r)
}

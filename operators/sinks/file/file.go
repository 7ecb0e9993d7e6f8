package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/sinks"
	"weir/operators/stream"
	"weir/operators/stream/render"
)

// Format is how rows are written.
type Format string

// The formats.
const (
	JSON Format = "json" // one object a line
	CSV  Format = "csv"  // with a header in every file
)

// Config is what a Sink needs.
type Config struct {
	Root    *os.Root // not owned
	Dir     string   // below Root; made if missing
	ID      string   // whose directory it is
	Format  Format
	Changes bool // write rows that leave, too, and a column _op in front
	Schema  stream.Schema
	Alloc   memory.Allocator
}

const (
	temporary = ".part.tmp" // readers of a directory pass over what begins with a dot
	owner     = ".weir-sink"
	bufBytes  = 256 << 10
)

// Sink writes to one directory. It implements sinks.Sink.
type Sink struct {
	cfg     Config
	part    *os.File // nil: there is no row yet
	buf     *bufio.Writer
	written int64 // bytes
	rows    render.Writer
	from    stream.Commit
}

// New returns a sink; Open looks at the directory.
func New(cfg Config) (*Sink, error) {
	if cfg.Root == nil {
		return nil, errors.New("a file sink needs a directory to write below")
	}
	if !fs.ValidPath(cfg.Dir) {
		return nil, fmt.Errorf("%q is no path: without . and .. write it from --files on, with / between the parts", cfg.Dir)
	}
	for _, f := range cfg.Schema {
		if cfg.Changes && f.Name == opColumn {
			return nil, fmt.Errorf("the view has a column %s, which says what became of a row: give it another name", opColumn)
		}
	}
	return &Sink{cfg: cfg}, nil
}

// Open takes the directory and finds the last part.
func (s *Sink) Open(context.Context) (cursor stream.Commit, ok bool, err error) {
	if err := s.cfg.Root.MkdirAll(s.cfg.Dir, 0o777); err != nil {
		return 0, false, fmt.Errorf("make directory of sink: %w", err)
	}
	parts, err := s.parts()
	if err != nil {
		return 0, false, err
	}
	if err := s.own(len(parts) > 0); err != nil {
		return 0, false, err
	}
	if err := s.cfg.Root.Remove(s.path(temporary)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, false, fmt.Errorf("throw away unfinished part: %w", err)
	}
	// A part may have got its name in a process that ended before that was durable.
	if err := s.syncDir(); err != nil {
		return 0, false, err
	}
	for _, p := range parts {
		cursor, ok = max(cursor, p.to), true
	}
	return cursor, ok, nil
}

// own takes the directory, or checks that it was taken by this very sink.
func (s *Sink) own(hasParts bool) error {
	id, err := s.cfg.Root.ReadFile(s.path(owner))
	switch {
	case errors.Is(err, fs.ErrNotExist) && hasParts:
		return sinks.Permanent(fmt.Errorf("directory %s holds parts, but no %s that says whose they are: take another directory", s.cfg.Dir, owner))
	case errors.Is(err, fs.ErrNotExist):
		return s.take()
	case err != nil:
		return fmt.Errorf("read whose directory it is: %w", err)
	case string(id) != s.cfg.ID+"\n" && len(id) > 0:
		return sinks.Permanent(fmt.Errorf("directory %s belongs to another sink: take another directory, or remove this one if its rows are not needed", s.cfg.Dir))
	case len(id) == 0 && hasParts:
		return sinks.Permanent(fmt.Errorf("%s of directory %s is empty: take another directory", owner, s.cfg.Dir))
	case len(id) == 0: // taken by a process that ended before it had written
		return s.take()
	}
	return nil
}

func (s *Sink) take() error {
	f, err := s.cfg.Root.Create(s.path(owner))
	if err != nil {
		return fmt.Errorf("take directory of sink: %w", err)
	}
	_, err = f.WriteString(s.cfg.ID + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// Begin does nothing: a part is made with its first row.
func (s *Sink) Begin(_ context.Context, mode sinks.Mode) error {
	if mode == sinks.Resync {
		return sinks.Permanent(errors.New("files cannot begin anew"))
	}
	return nil
}

// Write appends rows to the part that is not finished.
func (s *Sink) Write(_ context.Context, commit stream.Commit, b stream.Batch) error {
	if b.NumRows() == 0 {
		return nil
	}
	if s.part == nil {
		if err := s.create(commit); err != nil {
			return err
		}
	}
	rec, err := s.record(b)
	if err != nil {
		return err
	}
	defer rec.Release()
	return s.rows.Write(rec)
}

func (s *Sink) create(from stream.Commit) (err error) {
	if s.part, err = s.cfg.Root.Create(s.path(temporary)); err != nil {
		return fmt.Errorf("make part: %w", err)
	}
	s.from, s.written = from, 0
	s.buf = bufio.NewWriterSize(s.part, bufBytes)
	to := counter{s.buf, &s.written}
	if s.cfg.Format == CSV {
		s.rows = render.NewCSV(to, s.schema(), ',', "")
	} else {
		s.rows = render.NewNDJSON(to, s.schema())
	}
	return nil
}

// counter counts what is written.
type counter struct {
	w *bufio.Writer
	n *int64
}

func (c counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	*c.n += int64(n)
	return n, err
}

// Bytes returns the size of the part that is not finished.
func (s *Sink) Bytes() int64 { return s.written }

// Commit finishes the part: everything is on the disk before it gets its name,
// and the name before Commit returns.
func (s *Sink) Commit(_ context.Context, to stream.Commit) (sinks.Outcome, error) {
	if s.part == nil {
		return sinks.Outcome{}, nil
	}
	name := s.path(part{s.from, to}.name(s.cfg.Format))
	if _, err := s.cfg.Root.Lstat(name); err == nil {
		return sinks.Outcome{}, sinks.Permanent(fmt.Errorf("part %s is there already", name))
	}
	err := errors.Join(s.rows.Close(), s.buf.Flush())
	if err == nil {
		err = s.part.Sync()
	}
	err = errors.Join(err, s.part.Close())
	s.part, s.written = nil, 0
	if err == nil {
		err = s.cfg.Root.Rename(s.path(temporary), name)
	}
	if err == nil {
		err = s.syncDir()
	}
	if err != nil {
		return sinks.Outcome{}, fmt.Errorf("finish part: %w", err)
	}
	return sinks.Outcome{}, nil
}

// syncDir makes the names in the directory durable.
func (s *Sink) syncDir() error {
	d, err := s.cfg.Root.Open(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("open directory of sink: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close throws the part away that is not finished.
func (s *Sink) Close() error {
	if s.part == nil {
		return nil
	}
	err := s.part.Close()
	s.part, s.written = nil, 0
	return errors.Join(err, s.cfg.Root.Remove(s.path(temporary)))
}

func (s *Sink) path(name string) string { return path.Join(s.cfg.Dir, name) }

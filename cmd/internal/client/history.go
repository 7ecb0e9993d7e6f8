package client

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the history file.
const (
	historyLinesMax = 1000
	historyBytesMax = 4 << 20
)

// HistoryFile returns where the shell keeps what was typed: below the user's
// state directory, as the XDG Base Directory specification has it.
func HistoryFile() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the directory for the history: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "weir", "history"), nil
}

// history is what was typed, one line an entry, in a file that only its owner
// reads. Shells that run at once append to the same file.
type history struct {
	entries []string // as read, the oldest first
	file    *os.File // nil: nothing is kept
	err     error    // the first one of writing
}

// openHistory reads the file and shortens it if it is long.
func openHistory(path string) (*history, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	text, whole, err := readTail(path)
	if err != nil {
		return nil, err
	}
	h := &history{}
	lines := 0
	for line := range strings.Lines(text) {
		lines++
		if line = strings.TrimRight(line, "\r\n"); usable(line) {
			h.entries = append(h.entries, line)
		}
	}
	if lines > 2*historyLinesMax || !whole {
		h.entries = h.entries[max(0, len(h.entries)-historyLinesMax):]
		if err := rewrite(path, h.entries); err != nil {
			return nil, err
		}
	}
	h.file, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	// A file that others made readable is made private again.
	if err := h.file.Chmod(0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open history: %w", err), h.file.Close())
	}
	return h, nil
}

// readTail reads the end of a file, from a line's beginning on, and tells whether
// that is all of it; "" if there is none.
func readTail(path string) (text string, whole bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", true, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("open history: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return "", false, fmt.Errorf("open history: %w", err)
	}
	from := max(0, info.Size()-historyBytesMax)
	tail := make([]byte, info.Size()-from)
	n, err := f.ReadAt(tail, from)
	if err != nil && n < len(tail) {
		return "", false, fmt.Errorf("read history: %w", err)
	}
	if from > 0 {
		tail = tail[bytes.IndexByte(tail, '\n')+1:]
	}
	return string(tail), from == 0, nil
}

// rewrite replaces the file by the entries.
func rewrite(path string, entries []string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "history-*") // 0600
	if err != nil {
		return fmt.Errorf("shorten history: %w", err)
	}
	_, err = f.WriteString(strings.Join(entries, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("shorten history: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// usable tells whether a line can be an entry: text, without what steers a terminal.
func usable(line string) bool {
	return line != "" && utf8.ValidString(line) && !strings.ContainsFunc(line, unicode.IsControl)
}

// add writes an entry through, so that a killed shell loses nothing.
func (h *history) add(line string) {
	if h.file == nil || h.err != nil || !usable(line) {
		return
	}
	_, h.err = h.file.WriteString(line + "\n")
}

// close returns the first error of writing.
func (h *history) close() error {
	if h.file == nil {
		return nil
	}
	return errors.Join(h.err, h.file.Close())
}

// entry writes a statement on one line, if that does not change it: not inside
// strings, and not where a comment goes to the end of its line.
func entry(statement string) string {
	statement = strings.TrimSpace(statement)
	if !strings.Contains(statement, "\n") {
		return statement
	}
	var s Splitter
	var one strings.Builder
	for line := range strings.Lines(statement) {
		s.Add(strings.TrimRight(line, "\r\n"))
		if s.in != 0 && s.in != '*' || s.prev == 'D' {
			return statement
		}
		s.Add("\n")
		if one.Len() > 0 {
			one.WriteByte(' ')
		}
		one.WriteString(strings.TrimSpace(line))
	}
	return one.String()
}

package client

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/peterh/liner"
)

// errInterrupted is what an Editor returns where Ctrl-C ended a line.
var errInterrupted = errors.New("interrupted")

// Editor reads lines from a person.
type Editor interface {
	// Prompt returns a line without its end, io.EOF at the end of the input.
	Prompt(ctx context.Context, prompt string) (string, error)
	// Remember adds to what the arrow keys bring back.
	Remember(statement string)
	// Close gives the terminal back.
	Close() error
}

// terminal is the Editor of a real terminal.
type terminal struct {
	state   *liner.State
	history *history
}

// Completer returns what a line's last word may become: the text before the word
// and the candidates.
type Completer func(ctx context.Context, line string) (head string, words []string)

// newTerminal takes the process's terminal.
func newTerminal(ctx context.Context, h *history, complete Completer) *terminal {
	t := &terminal{state: liner.NewLiner(), history: h}
	t.state.SetCtrlCAborts(true)
	t.state.SetMultiLineMode(true)
	t.state.SetBeep(false)
	t.state.SetTabCompletionStyle(liner.TabPrints)
	t.state.SetWordCompleter(func(line string, pos int) (string, []string, string) {
		runes := []rune(line)
		head, words := complete(ctx, string(runes[:pos]))
		return head, words, string(runes[pos:])
	})
	for _, entry := range h.entries {
		t.state.AppendHistory(entry)
	}
	return t
}

// Prompt reads a line. Reading a terminal cannot be cancelled, so the goroutine
// that waits for it outlives a cancelled ctx; the process ends then.
func (t *terminal) Prompt(ctx context.Context, prompt string) (string, error) {
	type read struct {
		line string
		err  error
	}
	got := make(chan read, 1)
	go func() {
		line, err := t.state.Prompt(prompt)
		got <- read{line, err}
	}()
	select {
	case r := <-got:
		switch {
		case errors.Is(r.err, liner.ErrPromptAborted):
			return "", errInterrupted
		case errors.Is(r.err, io.EOF):
			return "", io.EOF
		}
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (t *terminal) Remember(statement string) {
	for line := range strings.Lines(statement) {
		line = strings.TrimRight(line, "\r\n")
		t.state.AppendHistory(line)
		t.history.add(line)
	}
}

func (t *terminal) Close() error { return errors.Join(t.state.Close(), t.history.close()) }

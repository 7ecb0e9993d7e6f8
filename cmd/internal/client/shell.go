package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"weir/sql/diag"
)

// SessionConfig says where statements go and where their answers are shown.
type SessionConfig struct {
	Client  *Client
	Out     io.Writer
	Err     io.Writer
	Format  string // one of Formats
	Color   bool   // errors may be coloured
	Verbose bool   // how many rows, and how long it took, stands behind each answer
}

// Session runs statements one after the other.
type Session struct {
	cfg SessionConfig
}

// NewSession returns a session.
func NewSession(cfg SessionConfig) (*Session, error) {
	if _, err := NewPrinter(cfg.Out, cfg.Format); err != nil {
		return nil, err
	}
	return &Session{cfg: cfg}, nil
}

// SQLError is a mistake in a text, together with the text.
type SQLError struct {
	Err  *diag.Error // its span points into Text
	Text string
}

// Error returns the message without the text.
func (e *SQLError) Error() string { return e.Err.Error() }

// Unwrap returns the error that the server sent.
func (e *SQLError) Unwrap() error { return e.Err }

// RunAll runs the statements of an input until one fails, each as soon as it is
// complete. Errors show the statement that failed, with the line of the input.
func (s *Session) RunAll(ctx context.Context, in io.Reader) error {
	var split Splitter
	line := 1
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		piece, err := r.ReadSlice('\n') // a long line comes in parts
		split.Add(string(piece))
		for _, st := range split.Take() {
			if err := s.run(ctx, st, line); err != nil {
				return err
			}
			line += strings.Count(st.Text, "\n")
		}
		switch {
		case split.TooLong():
			return fmt.Errorf("a statement has at most %d bytes; this one begins with %.60q", statementBytesMax, strings.TrimSpace(split.Rest().Text))
		case errors.Is(err, io.EOF):
			return s.run(ctx, split.Rest(), line)
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("read statements: %w", err)
		}
	}
}

// run runs one statement, whose text begins in the given line, and shows its answer.
func (s *Session) run(ctx context.Context, st Statement, line int) error {
	if st.Bare {
		return nil
	}
	began := time.Now()
	text := strings.TrimLeft(st.Text, " \t\r\n")
	line += strings.Count(st.Text[:len(st.Text)-len(text)], "\n")
	a, err := s.cfg.Client.Run(ctx, text)
	if err != nil {
		return locate(err, text, line)
	}
	defer a.Close()
	out := s.cfg.Out
	var buffered *bufio.Writer
	if !a.live {
		buffered = bufio.NewWriterSize(s.cfg.Out, 1<<16)
		out = buffered
	}
	p, err := NewPrinter(out, s.cfg.Format)
	if err != nil {
		return err
	}
	rows, err := p.Print(ctx, a)
	if buffered != nil {
		err = errors.Join(err, writeError(buffered.Flush()))
	}
	switch {
	case ctx.Err() != nil && a.live:
		err = errInterrupted
		fallthrough
	case err == nil:
		s.summary(a, rows, time.Since(began), err != nil)
		for _, n := range a.notes {
			fmt.Fprintf(s.cfg.Err, "note: %s\n", n)
		}
		if next := nextStep(text); rows == 0 && next != "" && s.cfg.Format == "table" {
			fmt.Fprintln(s.cfg.Err, next)
		}
	}
	return locate(err, text, line)
}

// summary says how many rows there were, and how long they took.
func (s *Session) summary(a *Answer, rows int64, took time.Duration, stopped bool) {
	none := len(a.columns) == 0 && !a.live
	switch {
	case !s.cfg.Verbose && (none || s.cfg.Format != "table"):
	case !s.cfg.Verbose:
		fmt.Fprintf(s.cfg.Out, "%s\n", count(rows, "row"))
	case none:
		fmt.Fprintf(s.cfg.Err, "OK, %s\n", took.Round(roundTo(took)))
	case stopped:
		fmt.Fprintf(s.cfg.Err, "%s, stopped after %s\n", count(rows, "row"), took.Round(roundTo(took)))
	default:
		fmt.Fprintf(s.cfg.Err, "%s in %s\n", count(rows, "row"), took.Round(roundTo(took)))
	}
}

// nextStep says what to do where SHOW has nothing to show, to a person.
func nextStep(text string) string {
	words := strings.Fields(strings.ToUpper(strings.TrimRight(text, "; \t\r\n")))
	if len(words) < 2 || words[0] != "SHOW" || slices.Contains(words, "LIKE") {
		return ""
	}
	switch words[1] {
	case "STREAMS", "TABLES":
		return "There are no streams yet. CREATE STREAM bids (item VARCHAR(32), price BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts); makes one, and weir put bids rows.jsonl fills it."
	case "VIEWS":
		return "There are no views yet. CREATE MATERIALIZED VIEW v AS SELECT …; keeps the result of a query up to date."
	case "MATERIALIZED":
		return "There are no materialized views yet. CREATE MATERIALIZED VIEW v AS SELECT …; makes one."
	case "QUERIES":
		return "No query runs. CREATE MATERIALIZED VIEW v AS SELECT …; starts one that stays."
	case "SINKS":
		return "There are no sinks yet. CREATE SINK k FROM view WITH (connector = 'file', …); brings the changes of a view elsewhere."
	}
	return ""
}

// roundTo leaves three digits or so.
func roundTo(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Millisecond:
		return 10 * time.Microsecond
	case d < time.Second:
		return time.Millisecond
	}
	return 10 * time.Millisecond
}

// locate joins an error with the text that it points into, which begins in the given
// line of what was read.
func locate(err error, text string, line int) error {
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	var e *diag.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	if above := line - 1; above > 0 && !e.Span.IsZero() {
		moved := *e
		moved.Span.Start, moved.Span.End = e.Span.Start+above, e.Span.End+above
		e, text = &moved, strings.Repeat("\n", above)+text
	}
	return &SQLError{Err: e, Text: text}
}

// Shell is a session with a person.
type Shell struct {
	session   *Session
	edit      Editor
	complete  *completer
	interrupt <-chan os.Signal
	split     Splitter
}

// ShellConfig says who types.
type ShellConfig struct {
	Session *Session
	// Interrupt brings Ctrl-C while a statement runs.
	Interrupt <-chan os.Signal
	// History is the file of what was typed; "" keeps nothing.
	History string
	// Editor reads lines; nil takes the process's terminal.
	Editor Editor
}

// NewShell returns a shell, which the caller closes. Without a history it works, too.
func NewShell(ctx context.Context, cfg ShellConfig) *Shell {
	s := &Shell{
		session: cfg.Session, edit: cfg.Editor, interrupt: cfg.Interrupt,
		complete: &completer{client: cfg.Session.cfg.Client},
	}
	if s.edit != nil {
		return s
	}
	h := &history{}
	if cfg.History != "" {
		opened, err := openHistory(cfg.History)
		if err != nil {
			fmt.Fprintf(cfg.Session.cfg.Err, "note: what you type is not remembered: %v\n", err)
		} else {
			h = opened
		}
	}
	s.edit = newTerminal(ctx, h, s.complete.complete)
	return s
}

// Close gives the terminal back.
func (s *Shell) Close() error { return s.edit.Close() }

const help = `Statements end with ; and may take several lines. Ctrl-C ends a live result, or
drops what is typed; Ctrl-D leaves. Tab completes keywords and names.

  help, \h    this text
  exit, \q    leave
  \c          drop what is typed so far

  SHOW STREAMS;  SHOW VIEWS;  SHOW QUERIES;  DESCRIBE name;  SHOW CREATE name;
  SELECT * FROM view ORDER BY …;      what the view holds now
  SELECT … FROM stream WHERE …;       rows as they come, until Ctrl-C
  SUBSCRIBE TO view;                  what it holds, and then each change
  SHOW PROCESSLIST;  KILL id;         what clients run, and an end to it
  EXPLAIN SELECT …;                   how it would run
`

// Run reads and runs statements until the person leaves or ctx is cancelled.
// Mistakes are shown and do not end it.
func (s *Shell) Run(ctx context.Context) error {
	for {
		line, err := s.edit.Prompt(ctx, s.prompt())
		switch {
		case errors.Is(err, errInterrupted):
			s.split.Reset()
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(s.session.cfg.Out)
			return nil
		case err != nil:
			return err
		}
		switch s.command(line) {
		case leave:
			return nil
		case done:
			continue
		}
		s.split.Add(line + "\n")
		for _, st := range s.split.Take() {
			s.one(ctx, st)
		}
		if s.split.TooLong() {
			s.split.Reset()
			fmt.Fprintf(s.session.cfg.Err, "error: a statement has at most %d bytes\n", statementBytesMax)
		}
		if !s.split.Pending() {
			s.split.Reset()
		}
	}
}

// prompt is that of the mysql client: it says what the line goes on with.
func (s *Shell) prompt() string {
	switch in := s.split.Inside(); {
	case in == '*':
		return "  /*> "
	case in != 0:
		return "   " + string(rune(in)) + "> "
	case s.split.Pending():
		return "   -> "
	}
	return "weir> "
}

// fate is what becomes of a line.
type fate int

const (
	statement fate = iota // it is SQL
	done                  // it was a command, which has run
	leave                 // the shell ends
)

// command runs the shell's own commands. Words are commands only where a
// statement could begin; what begins with a backslash is one outside of quotes.
func (s *Shell) command(line string) fate {
	word := strings.ToLower(strings.TrimSpace(line))
	if s.split.Inside() != 0 {
		return statement
	}
	switch word {
	case `\q`:
		return leave
	case `\c`:
		s.split.Reset()
		return done
	case `\h`, `\?`:
		fmt.Fprint(s.session.cfg.Out, help)
		return done
	}
	if s.split.Pending() {
		return statement
	}
	switch strings.TrimRight(word, "; ") {
	case "exit", "quit":
		return leave
	case "help", "?":
		fmt.Fprint(s.session.cfg.Out, help)
		return done
	}
	if strings.HasPrefix(word, `\`) {
		fmt.Fprintf(s.session.cfg.Err, "error: there is no command %s; there are \\h, \\q and \\c%s\n", word, insteadOf(word))
		return done
	}
	if strings.HasPrefix(word, ".") {
		fmt.Fprintf(s.session.cfg.Err, "error: there is no command %s; \"help\" lists what there is%s\n", word, insteadOf(word))
		return done
	}
	return statement
}

// insteadOf says which statement does what a command of another shell does.
func insteadOf(word string) string {
	command, name, _ := strings.Cut(strings.TrimRight(word, "; "), " ")
	switch command {
	case `\d`, `\d+`, ".schema", ".describe":
		if name = strings.TrimSpace(name); name != "" {
			return ": write DESCRIBE " + name + "; or SHOW CREATE " + name + ";"
		}
		return ": write SHOW STREAMS; or SHOW VIEWS; and DESCRIBE name; for its columns"
	case `\dt`, `\l`, `\dv`, `\dm`, ".tables", ".databases", ".views":
		return ": write SHOW STREAMS; or SHOW VIEWS; and DESCRIBE name; for its columns"
	case ".quit", ".exit":
		return ": write exit"
	case ".help":
		return ": write help"
	}
	return ""
}

// one runs a statement that Ctrl-C may end.
func (s *Shell) one(ctx context.Context, st Statement) {
	if !st.Bare {
		s.edit.Remember(entry(st.Text))
	}
	for len(s.interrupt) > 0 { // one that came too late for the statement before
		<-s.interrupt
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-s.interrupt:
			cancel()
		case <-ended:
		}
	}()
	err := s.session.run(ctx, st, 1)
	close(ended)
	<-watched
	stopped := ctx.Err() != nil
	cancel()
	s.complete.forget()
	if err == nil || stopped && errors.Is(err, errInterrupted) {
		return
	}
	if stopped {
		err = errInterrupted
	}
	fmt.Fprintln(s.session.cfg.Err, Describe(err, s.session.cfg.Color))
}

// Describe renders an error for a person.
func Describe(err error, color bool) string {
	var e *SQLError
	switch {
	case errors.As(err, &e) && color:
		return strings.TrimRight(diag.RenderColor(e.Err, e.Text), "\n")
	case errors.As(err, &e):
		return strings.TrimRight(diag.Render(e.Err, e.Text), "\n")
	}
	return "error: " + err.Error()
}

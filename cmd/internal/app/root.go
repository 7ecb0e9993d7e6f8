package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"weir/cmd/internal/client"
	"weir/sql/diag"
)

// Streams is where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Terminal tells that Out is a terminal: tables for people, colours.
	Terminal bool
	// ErrTerminal tells that Err is a terminal: text for people, and lines that move.
	ErrTerminal bool
	// Color tells that errors on Err are coloured: a terminal whose user has not
	// set NO_COLOR (no-color.org) and that is not dumb.
	Color bool
	// Pipe tells that In is not a terminal, so that reading it needs no typing.
	Pipe bool
}

// Stdio returns the process's own streams.
func Stdio() Streams {
	people := term.IsTerminal(int(os.Stderr.Fd()))
	return Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Terminal:    term.IsTerminal(int(os.Stdout.Fd())),
		ErrTerminal: people,
		Color:       people && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		Pipe:        !term.IsTerminal(int(os.Stdin.Fd())),
	}
}

// Main runs one command and returns the exit code: 0, or 1 with the error on
// io.Err. An interrupt cancels the command; the second one kills the process.
func Main(args []string, io Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, args, io)
}

// Run is Main under a context of the caller's.
func Run(ctx context.Context, args []string, io Streams) int {
	cmd := rootCommand(io)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(io.Err, describeError(err, io))
	return 1
}

// sqlError is an error together with the text that its span points into.
type sqlError struct {
	err  *diag.Error
	text string
	file string // where the text came from, if it was a file
}

func (e *sqlError) Error() string { return e.err.Error() }
func (e *sqlError) Unwrap() error { return e.err }

func describeError(err error, io Streams) string {
	var remote *client.SQLError
	if errors.As(err, &remote) {
		err = &sqlError{err: remote.Err, text: remote.Text}
	}
	var se *sqlError
	if errors.As(err, &se) {
		text := diag.Render(se.err, se.text)
		if io.Color {
			text = diag.RenderColor(se.err, se.text)
		}
		if se.file != "" {
			text = "in " + se.file + ": " + text
		}
		return text
	}
	return "error: " + err.Error()
}

func rootCommand(io Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "weir",
		Short: "Streaming SQL over live data, in one binary",
		Long: `weir keeps events in durable shards, runs SQL that never ends over them,
and shows the results as they change.

  weir demo                 moving charts in a browser, nothing to set up
  weir query 'SELECT …'     SQL over a file or stdin
  weir serve                a server: send rows over HTTP, query them live
  weir put STREAM FILE      send a file of JSON lines or CSV to a server
  weir sql                  a shell on a server`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help lists the flags", err, c.CommandPath())
	})
	cmd.SetIn(io.In)
	cmd.SetOut(io.Out)
	cmd.SetErr(io.Err)
	cmd.AddCommand(queryCommand(io), serveCommand(io), sqlCommand(io), putCommand(io), keysCommand(io), demoCommand(io), versionCommand(io))
	return cmd
}

func versionCommand(io Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(io.Out, "weir", version())
			return err
		},
	}
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"weir/cmd/internal/client"
)

func sqlCommand(io Streams) *cobra.Command {
	var at, file, format string
	var statements []string
	cmd := &cobra.Command{
		Use:   "sql",
		Short: "A shell on a server",
		Long: `Type SQL to a server, or run statements from -e, a file or a pipe there. Each
answer is shown when it comes; rows of a SELECT over a stream come until Ctrl-C,
which does not leave the shell. Other than in the shell, the first statement that
fails ends the run with exit code 1.`,
		Example: `  weir sql
  weir sql -e "SHOW STREAMS"
  weir sql --url http://127.0.0.1:9000 --format csv -e "SELECT * FROM per_second" > per_second.csv
  weir sql -f streams.sql`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("the SQL goes behind -e, in quotes: weir sql -e \"%s\"", strings.Join(args, " "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return runSQL(cmd.Context(), io, at, format, statements)
			}
			if len(statements) > 0 {
				return errors.New("give the SQL with -e or with -f, not both")
			}
			text, err := readStatements(file)
			if err != nil {
				return err
			}
			return runSQL(cmd.Context(), io, at, format, []string{text})
		},
	}
	cmd.Flags().StringVar(&at, "url", "", urlUsage)
	cmd.Flags().StringArrayVarP(&statements, "execute", "e", nil, "run these statements and leave; may be given more than once")
	cmd.Flags().StringVarP(&file, "file", "f", "", "read the statements from a file and leave")
	cmd.Flags().StringVar(&format, "format", "", "table, ndjson, csv or tsv (default: table on a terminal, else ndjson)")
	_ = cmd.RegisterFlagCompletionFunc("url", cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("execute", cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(client.Formats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

const urlUsage = "the server's address (default: $WEIR_URL, or " + client.DefaultURL + ")"

// newClient returns a client of the server that a flag or the environment names.
// The token comes from the environment alone: everybody can read a command line.
func newClient(at string) (*client.Client, error) {
	if at == "" {
		at = os.Getenv("WEIR_URL")
	}
	if at == "" {
		at = client.DefaultURL
	}
	return client.New(at, os.Getenv("WEIR_TOKEN"))
}

func runSQL(ctx context.Context, streams Streams, at, format string, statements []string) error {
	typed := len(statements) == 0 && streams.Terminal && !streams.Pipe
	if format == "" {
		format = "ndjson"
		if streams.Terminal {
			format = "table"
		}
	}
	c, err := newClient(at)
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := client.NewSession(client.SessionConfig{
		Client: c, Out: streams.Out, Err: streams.Err, Format: format, Color: streams.Color, Verbose: streams.Terminal,
	})
	if err != nil {
		return err
	}
	if typed {
		return runShell(streams, c, s)
	}
	if len(statements) == 0 {
		return s.RunAll(ctx, streams.In)
	}
	for _, text := range statements {
		if err := s.RunAll(ctx, strings.NewReader(text)); err != nil {
			return err
		}
	}
	return nil
}

// runShell runs the shell in the process's terminal. Here an interrupt ends a
// statement and not the command, so the command's context is not used.
func runShell(streams Streams, c *client.Client, s *client.Session) (err error) {
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	defer signal.Stop(interrupt)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := c.Ping(ctx); err != nil {
		return err
	}
	path, err := client.HistoryFile()
	if err != nil {
		fmt.Fprintf(streams.Err, "note: what you type is not remembered: %v\n", err)
	}
	fmt.Fprintf(streams.Out, "weir %s at %s. Statements end with ; and \"help\" helps.\n", version(), c.URL())
	shell := client.NewShell(ctx, client.ShellConfig{Session: s, Interrupt: interrupt, History: path})
	defer func() {
		if cerr := shell.Close(); err == nil {
			err = cerr
		}
	}()
	return shell.Run(ctx)
}

// inputSize returns how many bytes an input has, 0 if nobody knows.
func inputSize(in io.Reader) int64 {
	f, ok := in.(*os.File)
	if !ok {
		return 0
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

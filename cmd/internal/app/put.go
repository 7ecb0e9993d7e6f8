package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/client"
)

// putFlags are the flags of `weir put`.
type putFlags struct {
	url, run, format string
	from             int64
	patience         time.Duration
}

func putCommand(io Streams) *cobra.Command {
	var flags putFlags
	cmd := &cobra.Command{
		Use:   "put STREAM [FILE]",
		Short: "Send JSON or CSV to a stream",
		Long: `Send rows from a file or stdin to a stream of a server: JSON lines, a JSON
array of objects, or CSV with a header, plain or compressed with gzip or zstd.
Rows are sent in order, in pieces of at most 4 MiB, and count once even if the
connection or the server breaks in between: a piece is sent again until it is
known to be on disk.

Rows that do not fit the stream are reported with their line and left out. The
exit code is 1 if there were any, or if something could not be sent; the message
says how to go on. With --run NAME the same command may be repeated: what was
stored under that name before does not count again.`,
		Example: `  weir put hits hits.jsonl
  weir put hits hits.csv.gz
  tail -F access.jsonl | weir put hits
  weir put hits hits.jsonl --from 120001 --run 5f0c9a6b7d1e2f30`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return fmt.Errorf("which stream? weir put STREAM [FILE]; `weir sql -e \"SHOW STREAMS\"` lists them")
			case len(args) > 2:
				return fmt.Errorf("one file at a time: cat %s | weir put %s", strings.Join(args[1:], " "), args[0])
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeStream(cmd.Context(), flags.url, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runPut(cmd.Context(), io, flags, args) },
	}
	cmd.Flags().StringVar(&flags.url, "url", "", urlUsage)
	cmd.Flags().StringVar(&flags.format, "format", string(client.Auto), "what the rows are written in: "+strings.Join(client.PutFormats(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(client.PutFormats(), cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().Int64Var(&flags.from, "from", 1, "the first line to send")
	cmd.Flags().StringVar(&flags.run, "run", "", "name of the run: a piece counts once under the same name (default: a new one)")
	cmd.Flags().DurationVar(&flags.patience, "patience", 2*time.Minute, "how long to try while the server does not answer")
	for _, name := range []string{"url", "from", "run", "patience"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	return cmd
}

// completeStream completes the first argument with the server's streams.
func completeStream(ctx context.Context, at string, args []string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	c, err := newClient(at)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	return c.Streams(ctx), cobra.ShellCompDirectiveNoFileComp
}

func runPut(ctx context.Context, streams Streams, flags putFlags, args []string) error {
	c, err := newClient(flags.url)
	if err != nil {
		return err
	}
	defer c.Close()
	cfg := client.PutConfig{
		Client: c, Stream: args[0], In: streams.In, Name: "stdin", From: flags.from, Run: flags.run, Format: client.Format(flags.format),
		Patience: flags.patience, Err: streams.Err, Terminal: streams.ErrTerminal,
	}
	if len(args) == 2 && args[1] != "-" {
		f, err := os.Open(args[1])
		if err != nil {
			return fmt.Errorf("open the input: %w", err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("open the input: %w", err)
		}
		if info.IsDir() {
			return fmt.Errorf("%s is a directory: name a file of JSON or CSV", args[1])
		}
		// A named pipe brings its rows once, as stdin does.
		cfg.In, cfg.Name, cfg.File = f, args[1], info.Mode().IsRegular()
		cfg.Command = "weir put " + quoteArg(args[0]) + " " + quoteArg(args[1])
		if flags.url != "" {
			cfg.Command += " --url " + quoteArg(flags.url)
		}
		if flags.format != string(client.Auto) {
			cfg.Command += " --format " + quoteArg(flags.format)
		}
	}
	cfg.Size = inputSize(cfg.In)
	err = client.Put(ctx, cfg)
	if cfg.File && errors.Is(err, client.ErrNoStream) {
		return fmt.Errorf("%w%s", err, suggestStream(args[0], args[1]))
	}
	return err
}

// quoteArg writes an argument as a POSIX shell reads it.
func quoteArg(s string) string {
	plain := !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,", r)
	})
	if plain && s != "" && s[0] != '-' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

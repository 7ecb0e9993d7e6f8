package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/sql/diag"
)

func queryCommand(io Streams) *cobra.Command {
	var file, format string
	cmd := &cobra.Command{
		Use:   "query ['SQL'] [-f file.sql]",
		Short: "Run SQL over files or stdin",
		Long: `Run SQL over files or stdin, without a server. Statements run in order; the
rows of the last SELECT go to stdout once each, notes and errors to stderr.`,
		Example: `  weir query "SELECT origin, COUNT(*) AS n FROM 'flights.jsonl' GROUP BY origin"
  cat flights.jsonl | weir query "SELECT * FROM stdin LIMIT 10"
  weir query -f report.sql --format csv > report.csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := queryText(args, file)
			if err != nil {
				return err
			}
			if format == "" {
				format = "ndjson"
				if io.Terminal {
					format = "table"
				}
			}
			err = runQuery(cmd.Context(), io, text, format)
			if err != nil && cmd.Context().Err() != nil {
				return errors.New("interrupted")
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "read the statements from a file")
	cmd.Flags().StringVar(&format, "format", "", "table, ndjson, csv or tsv (default: table on a terminal, else ndjson)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func formats() []string { return []string{"table", "ndjson", "csv", "tsv"} }

func queryText(args []string, file string) (string, error) {
	switch {
	case file != "" && len(args) > 0:
		return "", errors.New("give the SQL as an argument or with -f, not both")
	case file != "":
		return readStatements(file)
	case len(args) > 1:
		return "", fmt.Errorf("the SQL is one argument: put it in quotes, weir query \"%s\"", strings.Join(args, " "))
	case len(args) == 1 && strings.TrimSpace(args[0]) != "":
		return args[0], nil
	}
	return "", errors.New("nothing to run: weir query 'SELECT …', or weir query -f file.sql")
}

func readStatements(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read statements: %w", err)
	}
	return string(text), nil
}

// newWriter returns what prints batches in a format.
func newWriter(w io.Writer, format string, s stream.Schema) (render.Writer, error) {
	switch format {
	case "table":
		return render.NewTable(w, s, render.TableOptions{}), nil
	case "ndjson":
		return render.NewNDJSON(w, s), nil
	case "csv":
		return render.NewCSV(w, s, ',', ""), nil
	case "tsv":
		return render.NewTSV(w, s), nil
	}
	return nil, fmt.Errorf("unknown format %q; there are %s", format, strings.Join(formats(), ", "))
}

func runQuery(ctx context.Context, streams Streams, text, format string) error {
	if _, err := newWriter(io.Discard, format, nil); err != nil {
		return err
	}
	db := newDatabase(nil, slog.New(slog.DiscardHandler))
	in, release := newStdin(ctx, streams.In)
	defer release()
	db.files, db.stdin = make(map[string]*fileInfo), in
	defer db.close()
	note := func(f string, args ...any) { fmt.Fprintf(streams.Err, "note: "+f+"\n", args...) }
	res, err := db.run(ctx, text, note)
	if err != nil {
		return locate(err, text)
	}
	defer res.Close()
	out := bufio.NewWriterSize(streams.Out, 1<<16)
	n, err := printResult(ctx, out, res, format)
	if err != nil {
		return errors.Join(locate(err, text), out.Flush())
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	if format == "table" && len(res.schema) > 0 {
		fmt.Fprintf(streams.Out, "%d %s\n", n, plural(n, "row", "rows"))
	}
	res.account(note)
	return nil
}

// locate joins an error with the text that it points into.
func locate(err error, text string) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return err
	}
	return &sqlError{err: e, text: text}
}

func printResult(ctx context.Context, out io.Writer, res *result, format string) (rows int64, err error) {
	if len(res.schema) == 0 {
		return 0, nil
	}
	w, err := newWriter(out, format, res.schema)
	if err != nil {
		return 0, err
	}
	err = res.forEach(ctx, func(b stream.Batch) error {
		rows += b.NumRows()
		return w.Write(b.RecordBatch)
	})
	if !errors.Is(err, io.EOF) {
		return rows, err
	}
	return rows, w.Close()
}

// account says on stderr what became of rows that are in no result.
func (r *result) account(note func(string, ...any)) {
	if r.query == nil {
		return
	}
	l := r.query.Ledger()
	if r.report != nil {
		for _, line := range r.report(l) {
			note("%s", line)
		}
	}
	if l.Late > 0 {
		note("%d of %d rows came too late for all their windows", l.Late, l.In)
	}
	if l.PartlyLate > 0 {
		note("%d rows came too late for some of their windows", l.PartlyLate)
	}
	if l.Nulled > 0 {
		note("%d %s NULL", l.Nulled, plural(l.Nulled, "value could not be computed and is", "values could not be computed and are"))
	}
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"weir/dashboard"
	"weir/ingest/demo"
)

func demoCommand(io Streams) *cobra.Command {
	var seed int64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Moving charts in a browser, nothing to set up",
		Long: `Start a server on a temporary data directory and send it three streams of
made-up events: with seasons, late rows and a spike every twenty seconds.
Everything is real but the data: rows are synced to disk before they count.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), io, seed) },
	}
	cmd.Flags().Int64Var(&seed, "seed", 1, "seed of the generator")
	return cmd
}

func runDemo(ctx context.Context, io Streams, seed int64) (err error) {
	dir, err := os.MkdirTemp("", "weir-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary directory for the demo: %w; TMPDIR names where", err)
	}
	defer func() {
		if rerr := os.RemoveAll(dir); err == nil {
			err = rerr
		}
	}()
	ln, moved, err := listenDemo()
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(io.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := newServer(serverConfig{Listener: ln, Dir: dir, Logger: logger, Page: demoPage(), Kinesis: kinesisConfig{Open: true}})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	generated := make(chan error, 1)
	err = s.run(ctx, demo.SQL(), func(time.Duration) {
		go func() {
			err := generate(ctx, demo.Config{BaseURL: s.url(), Seed: seed, Start: s.began.Add(-demoPast)}, func() {
				banner(io, s.url(), moved, time.Since(s.began))
			})
			if err != nil {
				stop() // a demo without data is none
			}
			generated <- err
		}()
	})
	stop()
	if err != nil {
		return err
	}
	if err := <-generated; err != nil {
		return fmt.Errorf("demo data: %w", err)
	}
	return nil
}

// demoPast is how much the charts show at once.
const demoPast = 3 * time.Minute

// generate posts the past, says that the demo is ready, and goes on with the present.
func generate(ctx context.Context, cfg demo.Config, ready func()) error {
	if err := demo.Fill(ctx, cfg); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop
		}
		return err
	}
	ready()
	return demo.Run(ctx, cfg)
}

// demoPage is what the demo's page shows first.
func demoPage() dashboard.Page {
	var p dashboard.Page
	for _, panel := range demo.Panels() {
		p.Panels = append(p.Panels, dashboard.Panel{Title: panel.Title, SQL: panel.SQL, Figure: panel.Figure, Plan: panel.Plan})
	}
	p.Example = demo.Query()
	return p
}

// listenDemo takes the usual port, or the next free one from 8494 on.
func listenDemo() (ln net.Listener, moved bool, err error) {
	if ln, err = net.Listen("tcp", defaultListen); err == nil {
		return ln, false, nil
	}
	for port := 8494; port < 8594; port++ {
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return ln, true, nil
		}
	}
	return nil, false, fmt.Errorf("no free port from 8494 to 8593: %w", err)
}

func banner(io Streams, url string, moved bool, took time.Duration) {
	where := ""
	if moved {
		where = "   (8484 is taken)"
	}
	fmt.Fprintf(io.Out, `weir %s demo: data in a temporary directory, Ctrl-C to stop
  Page       %s%s
  Make a blip
    %s
  Try        %s
  Ready in %.2f s
`, version(), url, where, demo.Curl(url), demo.Query(), took.Seconds())
}

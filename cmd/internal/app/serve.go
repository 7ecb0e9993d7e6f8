package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// defaultListen is where a server listens unless told otherwise.
const defaultListen = "127.0.0.1:8484"

func serveCommand(io Streams) *cobra.Command {
	var listen, data, init string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server: rows come in over HTTP, SQL runs over them, results are read
over HTTP and websockets, and there is a page to look at.

Only loopback addresses are allowed: nobody has to log in.`,
		Example: `  weir serve
  weir serve --listen 127.0.0.1:9000 --data /var/lib/weir --init streams.sql`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkLoopback(listen); err != nil {
				return err
			}
			statements := ""
			if init != "" {
				text, err := os.ReadFile(init)
				if err != nil {
					return fmt.Errorf("read --init: %w", err)
				}
				statements = string(text)
			}
			ln, err := net.Listen("tcp", listen)
			if err != nil {
				return listenError(err)
			}
			logger := newLogger(io)
			s, err := newServer(serverConfig{Listener: ln, Dir: data, Logger: logger})
			if err != nil {
				return errors.Join(fmt.Errorf("%w; --data names the directory to use", err), ln.Close())
			}
			return s.run(cmd.Context(), statements, func(took time.Duration) {
				if cmd.Context().Err() != nil {
					return // told to stop while catching up
				}
				logger.Info("ready", "url", s.url(), "data", data, "took", took.Round(time.Millisecond).String())
			})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "loopback address and port for HTTP; port 0 is any free one")
	cmd.Flags().StringVar(&data, "data", "./weir-data", "directory that holds everything; created if missing")
	cmd.Flags().StringVar(&init, "init", "", "file of statements to run at the start; use IF NOT EXISTS in it")
	return cmd
}

// newLogger writes text for people and JSON for programs.
func newLogger(io Streams) *slog.Logger {
	if io.Terminal {
		return slog.New(slog.NewTextHandler(io.Err, nil))
	}
	return slog.New(slog.NewJSONHandler(io.Err, nil))
}

// listenError says what to do where a port cannot be had.
func listenError(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; stop the other program, or try --listen 127.0.0.1:0 for any free port", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; ports below 1024 need privileges: try --listen %s", err, defaultListen)
	}
	return err
}

// checkLoopback refuses addresses that others could reach.
func checkLoopback(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("--listen %q is not host:port, for example %s", listen, defaultListen)
	}
	if host == "localhost" {
		return nil
	}
	ip, err := netip.ParseAddr(host)
	if err == nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("--listen %s is not a loopback address: weir has no log-in yet, so anybody who reaches it could read and change everything; use 127.0.0.1 or [::1]", listen)
}

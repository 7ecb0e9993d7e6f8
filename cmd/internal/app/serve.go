package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir/dashboard/api"
	"weir/ingest/kinesis"
)

// defaultListen is where a server listens unless told otherwise.
const defaultListen = "127.0.0.1:8484"

// serveOptions are the flags of `weir serve`.
type serveOptions struct {
	listen, data, init string
	resume             string // the command that goes on
	tokenFile          string
	insecure, pprof    bool
	files              string
	reserve            string
	checkpoint         time.Duration
	tlsListen          string
	tlsCert, tlsKey    string
	kinesisKeys        string
	encryptionKeys     string
	kinesisLimits      string
	hosts              []string
}

func serveCommand(io Streams) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server: rows come in over HTTP, SQL runs over them, results are read
over HTTP and websockets, and there is a page to look at.

On a loopback address nobody has to log in unless there is a --token-file; any
other address wants one. Connections to --listen are not encrypted: on a network
that you do not trust use --tls-listen.

Clients of Amazon Kinesis take the server's address as their endpoint. They sign
with access keys: weir keys add makes one. Without any key a loopback address
lets them all in.

Every flag can be set by the environment too, as WEIR_LISTEN or WEIR_TOKEN_FILE,
or in the YAML file that --config names. SIGHUP reads the token file again.`,
		Example: `  weir serve
  weir serve --listen 127.0.0.1:9000 --data /var/lib/weir --init streams.sql
  (umask 077; echo "ann:$(openssl rand -hex 32)" > tokens) && weir serve --listen 0.0.0.0:8484 --token-file tokens
  WEIR_LISTEN=127.0.0.1:9000 weir serve --config weir.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tightenHeap()
			o.resume = resumeLine(cmd.Flags(), o.data)
			return serve(cmd.Context(), io, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", defaultListen, "`address` and port for HTTP; port 0 is any free one")
	f.StringVar(&o.data, "data", "./weir-data", "`directory` that holds everything; created if missing")
	f.StringVar(&o.init, "init", "", "`file` of statements to run at the start; use IF NOT EXISTS in it")
	f.StringVar(&o.tokenFile, "token-file", "", "`file` of tokens, one a line, name:token or the token alone, at least 16 characters; mode 0600")
	f.BoolVar(&o.insecure, "insecure", false, "allow an address that others can reach without a token")
	f.StringArrayVar(&o.hosts, "allow-host", nil, "further `name` or name:port by which clients may call the server; may be repeated")
	f.StringVar(&o.tlsListen, "tls-listen", "", "`address` and port for HTTPS, beside --listen")
	f.StringVar(&o.tlsCert, "tls-cert", "", "`file` of the certificate for --tls-listen, and of those that signed it (default: signed by an authority in --data)")
	f.StringVar(&o.tlsKey, "tls-key", "", "`file` of the key of --tls-cert")
	f.StringVar(&o.encryptionKeys, "encryption-keys", "", "`file` of keys for streams with server-side encryption, made when there is the first (default: "+encryptionFileName+" in --data)")
	f.StringVar(&o.kinesisKeys, "kinesis-keys", "", "`file` of access keys for Kinesis clients, see weir keys (default: "+keyFileName+" in --data)")
	f.StringVar(&o.files, "files", "", "`directory` below which statements may read files, and sinks write them; none without it")
	f.StringVar(&o.reserve, "disk-reserve", "", "how much of the disk stays free, a `size` such as 2GiB; 0: nothing; rows are refused below (default: 512MiB or 2 % of the disk, whichever is less)")
	f.DurationVar(&o.checkpoint, "checkpoint", saveStateEvery, "how often the state of queries is saved, at least 1s; a restart reads what came since")
	f.StringVar(&o.kinesisLimits, "kinesis-limits", "none", "which limits Kinesis clients have that only AWS needs, `none or aws`: throughput of a shard, how often a day a stream is scaled")
	f.BoolVar(&o.pprof, "pprof", false, "serve Go's profiles at /debug/pprof/")
	addConfig(cmd)
	return cmd
}

// resumeLine is the command that serves the same directory in the same way, for a
// shell. What --init has made is there by then.
func resumeLine(flags *pflag.FlagSet, data string) string {
	line := "weir serve --data " + shellWord(data)
	flags.Visit(func(f *pflag.Flag) {
		switch {
		case f.Name == "data" || f.Name == "init":
		case f.Value.Type() == "bool":
			line += " --" + f.Name
			if f.Value.String() != "true" {
				line += "=" + f.Value.String()
			}
		case strings.HasSuffix(f.Value.Type(), "Slice"), strings.HasSuffix(f.Value.Type(), "Array"):
			for _, v := range f.Value.(pflag.SliceValue).GetSlice() {
				line += " --" + f.Name + " " + shellWord(v)
			}
		default:
			line += " --" + f.Name + " " + shellWord(f.Value.String())
		}
	})
	return line
}

// shellWord quotes a word for a shell where it needs that.
func shellWord(s string) string {
	special := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:,@%+=", r)
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// gcPercent is how much a server's heap may grow before it is collected. Nearly all
// of it are buffers without pointers, which cost a collector little, so less
// memory is cheap here.
const gcPercent = 40

// tightenHeap sets gcPercent, unless somebody said otherwise.
func tightenHeap() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

func serve(ctx context.Context, io Streams, o serveOptions) error {
	reachable, err := o.reachable()
	if err != nil {
		return err
	}
	if o.checkpoint < saveResultsEvery {
		return fmt.Errorf("--checkpoint %s is too often: give at least %s", o.checkpoint, saveResultsEvery)
	}
	if o.kinesisLimits != "none" && o.kinesisLimits != "aws" {
		return fmt.Errorf("--kinesis-limits %q is neither none nor aws", o.kinesisLimits)
	}
	logger := newLogger(io)
	guard, err := o.guard(reachable, logger)
	if err != nil {
		return err
	}
	if o.files != "" {
		if info, err := os.Stat(o.files); err != nil {
			return fmt.Errorf("read --files: %w", err)
		} else if !info.IsDir() {
			return fmt.Errorf("--files %s is no directory", o.files)
		}
	}
	reserve, err := parseReserve(o.reserve)
	if err != nil {
		return err
	}
	statements := ""
	if o.init != "" {
		text, err := os.ReadFile(o.init)
		if err != nil {
			return fmt.Errorf("read --init: %w", err)
		}
		statements = string(text)
	}
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return listenError(err, "--listen")
	}
	cfg := serverConfig{
		Listener: ln, Dir: o.data, Logger: logger, Guard: guard, Files: o.files, Pprof: o.pprof,
		Resume: o.resume, EncryptionKeys: o.encryptionKeys, DiskReserve: reserve, SaveEvery: o.checkpoint,
		Kinesis: kinesisConfig{Open: reachable == "" && o.tokenFile == "" || o.insecure, AWSLimits: o.kinesisLimits == "aws"},
	}
	if err := o.secure(&cfg, logger); err != nil {
		return errors.Join(err, ln.Close())
	}
	s, err := newServer(cfg)
	if err != nil {
		if cfg.TLSListener != nil {
			err = errors.Join(err, cfg.TLSListener.Close())
		}
		return errors.Join(err, ln.Close())
	}
	if guard.Access != nil {
		s.db.wg.Go(func() { reloadTokens(s.db.ctx, o.tokenFile, guard.Access, logger) })
	}
	err = s.run(ctx, statements, func(took time.Duration) {
		if ctx.Err() != nil {
			return // told to stop while catching up
		}
		logger.Info("ready", "url", s.url(), "data", o.data, "kinesis", cfg.Kinesis.who(), "took", took.Round(time.Millisecond).String())
	})
	if mistake := (*sqlError)(nil); errors.As(err, &mistake) {
		mistake.file = "--init " + o.init
	}
	return err
}

// secure opens the TLS listener and the access keys.
func (o serveOptions) secure(cfg *serverConfig, logger *slog.Logger) (err error) {
	if cfg.Kinesis.Keys, err = openKeyFile(keyPath(o.data, o.kinesisKeys), logger); err != nil {
		return err
	}
	if o.tlsListen == "" {
		if o.tlsCert != "" || o.tlsKey != "" {
			return errors.New("--tls-cert and --tls-key are for --tls-listen, which is missing")
		}
		return nil
	}
	host, _, _ := net.SplitHostPort(o.tlsListen) // it was looked at
	names := []string{"localhost", "127.0.0.1", "::1"}
	if ip, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" || err == nil && !ip.IsUnspecified() && !ip.IsLoopback() {
		names = append(names, host)
	}
	for _, h := range cfg.Guard.Hosts {
		name, _, err := net.SplitHostPort(h)
		if err != nil {
			name = h
		}
		names = append(names, name)
	}
	var ca string
	if cfg.TLS, ca, err = tlsConfig(o.data, o.tlsCert, o.tlsKey, names); err != nil {
		return err
	}
	if cfg.TLSListener, err = net.Listen("tcp", o.tlsListen); err != nil {
		return fmt.Errorf("--tls-listen: %w", listenError(err, "--tls-listen"))
	}
	logger.Info("TLS", "url", "https://"+cfg.TLSListener.Addr().String(), "trust", ca)
	return nil
}

// reachable returns the flag and the address that other machines can reach the server
// by, "" if there is none.
func (o serveOptions) reachable() (string, error) {
	for _, l := range []struct{ flag, listen string }{{"--listen", o.listen}, {"--tls-listen", o.tlsListen}} {
		if l.listen == "" && l.flag != "--listen" {
			continue
		}
		local, err := isLoopback(l.listen)
		if err != nil {
			return "", fmt.Errorf("%s %w", l.flag, err)
		}
		if !local {
			return l.flag + " " + l.listen, nil
		}
	}
	return "", nil
}

// guard says who is let in. Where others can reach the server, that takes a token
// or somebody who has said that it does not.
func (o serveOptions) guard(reachable string, logger *slog.Logger) (api.GuardConfig, error) {
	cfg := api.GuardConfig{Hosts: o.hosts, Signed: kinesis.Is, Refuse: kinesis.Refuse}
	if name, err := os.Hostname(); err == nil && reachable != "" {
		cfg.Hosts = append(cfg.Hosts, name)
	}
	switch {
	case o.tokenFile != "" && o.insecure:
		return cfg, errors.New("--token-file and --insecure contradict each other; leave out --insecure")
	case o.tokenFile != "":
		tokens, err := readTokens(o.tokenFile)
		if err != nil {
			return cfg, err
		}
		if cfg.Access, err = api.NewAccess(tokens); err != nil {
			return cfg, err
		}
		if reachable == "--listen "+o.listen {
			logger.Warn("the connection is not encrypted: whoever is on the way can read tokens and data", "listen", o.listen)
		}
	case reachable != "" && !o.insecure:
		return cfg, fmt.Errorf("%s is not a loopback address, so others could read and change everything: give --token-file FILE, or use 127.0.0.1 or [::1] (--insecure goes without)", reachable)
	case reachable != "":
		logger.Warn("INSECURE: EVERYBODY WHO REACHES THIS ADDRESS CAN READ AND CHANGE EVERYTHING", "listen", reachable)
	}
	return cfg, nil
}

// newLogger writes text for people and JSON for programs.
func newLogger(io Streams) *slog.Logger {
	if io.ErrTerminal {
		return slog.New(slog.NewTextHandler(io.Err, nil))
	}
	return slog.New(slog.NewJSONHandler(io.Err, nil))
}

// listenError says what to do where a port cannot be had.
func listenError(err error, flag string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; stop the other program, or try %s 127.0.0.1:0 for any free port", err, flag)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; ports below 1024 need privileges: take a higher one", err)
	}
	return err
}

// isLoopback tells whether only this machine can reach an address.
func isLoopback(listen string) (bool, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false, fmt.Errorf("%q is not host:port, for example %s", listen, defaultListen)
	}
	if host == "localhost" {
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback(), nil
}

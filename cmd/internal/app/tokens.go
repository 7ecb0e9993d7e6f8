package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"weir/dashboard/api"
)

// tokenFileMax is the largest token file in bytes.
const tokenFileMax = 1 << 20

// readTokens reads a token file, which nobody but its owner, and at most its
// group, may read.
func readTokens(path string) ([]api.Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read --token-file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read --token-file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("--token-file %s is no file", path)
	}
	// What Windows says about modes is made up.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o037 != 0 {
		return nil, fmt.Errorf("--token-file %s has mode %04o, so others can read or change it; run: chmod 600 %s", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, tokenFileMax+1))
	if err != nil {
		return nil, fmt.Errorf("read --token-file: %w", err)
	}
	if len(text) > tokenFileMax {
		return nil, fmt.Errorf("--token-file %s has more than %d bytes", path, tokenFileMax)
	}
	tokens, err := api.ParseTokens(string(text))
	if err != nil {
		return nil, fmt.Errorf("--token-file %s: %w", path, err)
	}
	return tokens, nil
}

// reloadTokens reads the token file again at each SIGHUP until ctx ends. A file
// that cannot be used changes nothing.
func reloadTokens(ctx context.Context, path string, access *api.Access, logger *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		tokens, err := readTokens(path)
		if err != nil {
			logger.Error("tokens stay as they were", "error", err)
			continue
		}
		access.Replace(tokens)
		logger.Info("tokens were read again", "tokens", len(tokens))
	}
}

package badger

import (
	"fmt"
	"log/slog"
	"strings"
)

// logs passes what Badger says on.
type logs struct{ to *slog.Logger }

func text(format string, args []any) string {
	return "badger: " + strings.TrimSpace(fmt.Sprintf(format, args...))
}

// Errorf passes an error on. Badger goes on after most of them.
func (l logs) Errorf(format string, args ...any) { l.to.Error(text(format, args)) }

// Warningf passes a warning on.
func (l logs) Warningf(format string, args ...any) { l.to.Warn(text(format, args)) }

// Infof passes on what only somebody wants to know who looks into Badger.
func (l logs) Infof(format string, args ...any) { l.to.Debug(text(format, args)) }

// Debugf passes on what even they seldom want to know.
func (l logs) Debugf(format string, args ...any) { l.to.Debug(text(format, args)) }

//go:build unix

package sql

import (
	"syscall"
	"testing"
	"time"
)

// computed is for how long this process has had a processor.
func computed(t *testing.T) time.Duration {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

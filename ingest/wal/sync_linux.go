package wal

import (
	"os"
	"syscall"
)

// datasync leaves out the times of the file, which nobody reads; the length,
// where it changed, is included.
func datasync(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

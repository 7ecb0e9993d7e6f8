//go:build linux || darwin || freebsd

package wal

import (
	"os"
	"syscall"
)

// diskOf returns what is free for others than root on the disk of a directory,
// and the disk's size, in bytes.
func diskOf(dir string) (free, size int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, os.NewSyscallError("statfs", err)
	}
	unit := int64(st.Bsize) //nolint:unconvert // it is a uint32 elsewhere
	return int64(st.Bavail) * unit, int64(st.Blocks) * unit, nil
}

//go:build !linux

package wal

import "testing"

func smallDisk(t *testing.T, _ int64) string {
	t.Helper()
	t.Skip("SKIPPED: there is no small file system to mount here")
	return ""
}

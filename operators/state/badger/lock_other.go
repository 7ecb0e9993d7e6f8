//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package badger

import "os"

// lockFile only opens the file: there is no lock here that goes away with the process.
func lockFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
}

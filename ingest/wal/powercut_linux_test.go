package wal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"
)

// shutdown makes a mounted file system drop everything that is not on its disk,
// as FS_IOC_SHUTDOWN without a flush of the journal does.
func shutdown(mount string) error {
	const fsIocShutdown, noLogFlush = 0x8004587d, uint32(2)
	d, err := os.Open(mount)
	if err != nil {
		return err
	}
	defer d.Close()
	how := noLogFlush
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, d.Fd(), fsIocShutdown, uintptr(unsafe.Pointer(&how))); e != 0 {
		return e
	}
	return nil
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}

// A power cut: a real file system in a file loses what was not synced. What was
// acknowledged is there when it is mounted again.
func TestPowerCut(t *testing.T) {
	if testing.Short() {
		t.Skip("a power cut takes seconds")
	}
	if os.Getuid() != 0 {
		t.Skip("only root can mount the file system whose power is cut")
	}
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "image"), filepath.Join(dir, "mount")
	if err := os.Mkdir(mount, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(128 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := run("mkfs.ext4", "-q", "-F", image); err != nil {
		t.Skipf("no file system to cut the power of: %v", err)
	}
	acked := map[string]string{}
	for cut := range cuts + 1 {
		if err := run("mount", "-o", "loop", image, mount); err != nil {
			t.Skipf("no file system to cut the power of: %v", err)
		}
		cutOnce(t, filepath.Join(mount, "log"), mount, cut, acked)
	}
	t.Logf("%d acknowledged records in %d power cuts", len(acked), cuts)
}

// cuts is how often the power is cut; the run behind the last only checks.
const cuts = 3

// cutOnce checks what the cut before left, works, and cuts. It leaves nothing mounted.
func cutOnce(t *testing.T, dir, mount string, cut int, acked map[string]string) {
	defer func() {
		if err := run("umount", mount); err != nil {
			t.Fatal(err)
		}
	}()
	l, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	checkKilled(t, l, acked)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if cut == cuts {
		return
	}
	childUntil(t, dir, cut, acked, func(p *os.Process) {
		if err := shutdown(mount); err != nil {
			t.Errorf("shut down: %v", err)
		}
		_ = p.Kill()
	})
}

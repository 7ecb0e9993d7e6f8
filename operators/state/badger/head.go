package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

const (
	headMagic = "weirHEAD"
	headSlot  = 4096 // bytes between the slots: no write touches both
	headBytes = 24   // magic, version, number, CRC
	headV     = 1
)

// errHeld is returned for a file that another process has locked.
var errHeld = errors.New("it is locked")

// head is the file HEAD: the number of the last transaction that was
// acknowledged, in two slots by turns, so that a torn write leaves one. The file
// is also the lock that keeps a second process out.
type head struct {
	file *os.File
	seq  uint64
}

// openHead opens and locks HEAD. A file that has just been made says 0; fresh
// tells whether it may be made.
func openHead(dir string, fresh bool) (*head, error) {
	path := filepath.Join(dir, "HEAD")
	_, err := os.Stat(path)
	made := errors.Is(err, os.ErrNotExist)
	if made && !fresh {
		return nil, fmt.Errorf("%w: %s is missing", ErrDamaged, path)
	}
	f, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	h := &head{file: f}
	if made {
		err = errors.Join(h.write(0), syncDir(dir))
	} else {
		err = h.read(fresh)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return h, nil
}

// read takes the greater of the slots. A file without a whole slot was damaged,
// or, if there is no database, never finished.
func (h *head) read(fresh bool) error {
	found := false
	for slot := range int64(2) {
		var b [headBytes]byte
		if _, err := h.file.ReadAt(b[:], slot*headSlot); err != nil {
			continue
		}
		if string(b[:8]) != headMagic || crc32.Checksum(b[:20], castagnoli()) != binary.LittleEndian.Uint32(b[20:]) {
			continue
		}
		if v := binary.LittleEndian.Uint32(b[8:]); v != headV {
			return fmt.Errorf("%s has version %d; this weir knows version %d", h.file.Name(), v, headV)
		}
		found = true
		h.seq = max(h.seq, binary.LittleEndian.Uint64(b[12:]))
	}
	switch {
	case found:
		return nil
	case fresh:
		return h.write(0)
	}
	return fmt.Errorf("%w: %s is unreadable", ErrDamaged, h.file.Name())
}

// write makes it known that a transaction is durable.
func (h *head) write(seq uint64) error {
	b := append(make([]byte, 0, headBytes), headMagic...)
	b = binary.LittleEndian.AppendUint32(b, headV)
	b = binary.LittleEndian.AppendUint64(b, seq)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
	if _, err := h.file.WriteAt(b, int64(seq%2)*headSlot); err != nil {
		return err
	}
	if err := h.file.Sync(); err != nil {
		return err
	}
	h.seq = seq
	return nil
}

func (h *head) close() error { return h.file.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

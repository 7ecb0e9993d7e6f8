package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"weir/operators/stream"
)

// headFile holds a lower bound of the last durable commit, so that a tail that
// was lost or damaged after it was acknowledged is not taken for a torn one. It
// has two slots that are written in turn; the whole one with the larger commit
// counts. It is written after the commit is synced, so it never promises what
// the log does not hold, and before anybody is answered, so a killed process
// never hides an acknowledged commit. It is synced with segments only: a sync a
// commit would double the price of a commit.
type headFile struct {
	f    File
	turn int64
}

const (
	headSlotBytes = 4096
	headBytes     = 32
	headMagic     = 0x31485257 // "WRH1"
)

// openHead opens or creates HEAD. logID is 0 where HEAD does not exist or cannot be read.
func openHead(fs FS, dir string) (h *headFile, logID uint64, commit stream.Commit, err error) {
	f, err := fs.OpenFile(filepath.Join(dir, "HEAD"), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, 0, 0, err
	}
	h = &headFile{f: f}
	buf := make([]byte, 2*headSlotBytes)
	if _, err := f.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, 0, 0, fmt.Errorf("read HEAD: %w", err)
	}
	for slot := range 2 {
		b := buf[slot*headSlotBytes:][:headBytes]
		le := binary.LittleEndian
		id := le.Uint64(b[8:])
		if le.Uint32(b) != headMagic || le.Uint32(b[28:]) != checksum(seedOf(id), b[:28]) {
			continue
		}
		if le.Uint32(b[4:]) != formatVersion {
			f.Close()
			return nil, 0, 0, fmt.Errorf("read HEAD: version %d: %w", le.Uint32(b[4:]), errVersion)
		}
		if c := stream.Commit(le.Uint64(b[16:])); logID == 0 || c > commit {
			logID, commit = id, c
			h.turn = int64(1 - slot)
		}
	}
	return h, logID, commit, nil
}

func (h *headFile) write(logID uint64, commit stream.Commit) error {
	var b [headBytes]byte
	le := binary.LittleEndian
	le.PutUint32(b[0:], headMagic)
	le.PutUint32(b[4:], formatVersion)
	le.PutUint64(b[8:], logID)
	le.PutUint64(b[16:], uint64(commit))
	le.PutUint32(b[28:], checksum(seedOf(logID), b[:28]))
	if _, err := h.f.WriteAt(b[:], h.turn*headSlotBytes); err != nil {
		return fmt.Errorf("write HEAD: %w", err)
	}
	h.turn = 1 - h.turn
	return nil
}

package badger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
)

const manifestFile = "MANIFEST"

// verify reads every table that Badger's manifest names and checks all of its
// blocks. Badger checks none by itself, or loses those that do not fit in silence.
func verify(opt badger.Options) error {
	f, err := os.Open(filepath.Join(opt.Dir, manifestFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, opt.ExternalMagicVersion, opt)
	if err != nil {
		return fmt.Errorf("%w: read %s: %w", ErrDamaged, f.Name(), err)
	}
	for id, t := range m.Tables {
		name := table.NewFilename(id, opt.Dir)
		if err := verifyTable(name, id, t.Compression); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
		}
	}
	return nil
}

// verifyTable checks one table. Badger's reader panics at many kinds of damage.
func verifyTable(name string, id uint64, c options.CompressionType) (err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unreadable: %.100v", r)
		}
	}()
	t, err := table.OpenInMemoryTable(data, id, &table.Options{BlockSize: 4096, Compression: c, ChkMode: options.NoVerification})
	if err != nil {
		return err
	}
	return t.VerifyChecksum()
}

package state

import (
	"bytes"
	"context"
	"errors"
)

// prefixKeysMax is how many keys one write of DeletePrefix deletes.
const prefixKeysMax = 1024

// DeletePrefix deletes every key with a prefix, also those whose values are damaged. It
// does so in several writes, in ascending order but for damaged ones: after an error, or
// a crash, some may be left.
func DeletePrefix(ctx context.Context, s Store, prefix []byte) error {
	full := errors.New("enough for one write")
	for {
		var b Batch
		err := s.Scan(prefix, func(key, _ []byte) error {
			b.Delete(bytes.Clone(key))
			if len(b.Deletes) == prefixKeysMax {
				return full
			}
			return nil
		})
		var damaged *DamagedError
		switch {
		case errors.As(err, &damaged):
			b.Delete(damaged.Key)
		case err != nil && !errors.Is(err, full):
			return err
		}
		if !b.Empty() {
			if werr := s.Write(ctx, &b); werr != nil {
				return werr
			}
		}
		if err == nil {
			return nil
		}
	}
}

package wal

import (
	"encoding/binary"
	"errors"
)

// ErrSealed is wrapped by errors of a Cipher about a block that its keys do not open.
var ErrSealed = errors.New("it cannot be decrypted")

// Cipher makes blocks unreadable on the disk. It is safe for concurrent use.
type Cipher interface {
	// Seal appends plain to dst so that only who has the key can read it, and returns
	// the number of the key. 0 is for streams that lie in the log as they came; dst is
	// returned as it was then. What about says is bound to it, and not hidden.
	Seal(dst []byte, stream uint32, plain, about []byte) (sealed []byte, key uint32, err error)
	// Open appends what was sealed to dst. It fails where the key is not there, and
	// where anything was changed; both wrap ErrSealed.
	Open(dst []byte, key uint32, sealed, about []byte) ([]byte, error)
}

// about is what a sealed block is bound to: it opens nowhere else.
func about(stream uint32, shard uint32, count uint32, encoding Encoding, how codec, raw uint32) []byte {
	b := make([]byte, 0, 18)
	b = binary.LittleEndian.AppendUint32(b, stream)
	b = binary.LittleEndian.AppendUint32(b, shard)
	b = binary.LittleEndian.AppendUint32(b, count)
	b = append(b, byte(encoding), byte(how))
	return binary.LittleEndian.AppendUint32(b, raw)
}

// seal makes the block unreadable, if its stream is to be.
func (q *prepared) seal(c Cipher) error {
	if c == nil {
		return nil
	}
	sealed, key, err := c.Seal(nil, q.stream, q.data, about(q.stream, uint32(q.shard), q.count, q.encoding, q.codec, q.raw))
	if err == nil && key != 0 {
		q.data, q.cipherKey, q.sole = sealed, key, true
	}
	return err
}

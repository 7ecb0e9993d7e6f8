package app

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/ingest/wal"
	"weir/sql/diag"
)

// encryptionFileName is where keys for records on the disk lie, in the data directory,
// unless somebody says otherwise.
const encryptionFileName = "encryption-keys"

// sealer encrypts the records of streams that ask for it (wal.Cipher). A block has a
// key of its own, made of the file's and 24 random bytes in front of it: so no number
// is ever used twice under one key, however many blocks there are. AES-256-GCM then
// has nothing to keep apart, and its nonce is zero.
type sealer struct {
	path  string
	wants func(stream uint32) bool // whether a stream's records are to be sealed

	mu     sync.RWMutex
	found  bool // the file is there, whatever is in it
	keys   map[uint32][]byte
	newest uint32 // 0: there is none
}

const (
	masterSize = 32
	saltSize   = 24
	tagSize    = 16
)

// openSealer reads a file of keys; one that is not there is made by ready.
func openSealer(path string, wants func(uint32) bool) (*sealer, error) {
	s := &sealer{path: path, wants: wants}
	text, info, err := readSecrets("encryption keys", path)
	if err != nil || info == nil {
		return s, err
	}
	s.found = true
	if s.keys, s.newest, err = parseMasters(text); err != nil {
		return nil, fmt.Errorf("encryption keys %s: %w", path, err)
	}
	return s, nil
}

// missing returns an error if there are encrypted streams, by their names, and no file
// of keys: a new one would hide that the old one is needed.
func (s *sealer) missing(streams []string) error {
	if s.found || len(streams) == 0 {
		return nil
	}
	return fmt.Errorf("there is no file of encryption keys %s, and it has those of the encrypted stream `%s`: put it back, or say with --encryption-keys where it is (if it is lost, so are the records; an empty file of mode 0600 in its place lets the server start without them)",
		s.path, strings.Join(streams, "`, `"))
}

// parseMasters reads lines of a number and a key. The last line is what new records
// are sealed with. No error shows a key.
func parseMasters(text string) (keys map[uint32][]byte, newest uint32, err error) {
	keys = map[uint32][]byte{}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return nil, 0, fmt.Errorf("line %d is not: a number from 1 on, and %d bytes in base64", n, masterSize)
		}
		number, err := strconv.ParseUint(fields[0], 10, 32)
		key, bad := base64.StdEncoding.DecodeString(fields[1])
		if err != nil || number == 0 || bad != nil || len(key) != masterSize {
			return nil, 0, fmt.Errorf("line %d is not: a number from 1 on, and %d bytes in base64", n, masterSize)
		}
		if keys[uint32(number)] != nil {
			return nil, 0, fmt.Errorf("line %d: the number %d is there twice", n, number)
		}
		newest = uint32(number)
		keys[newest] = key
	}
	return keys, newest, nil
}

// Seal encrypts a block of a stream that asks for it.
func (s *sealer) Seal(dst []byte, stream uint32, plain, about []byte) (sealed []byte, key uint32, err error) {
	if !s.wants(stream) {
		return dst, 0, nil
	}
	number, master, err := s.ready()
	if err != nil {
		return dst, 0, err
	}
	start := len(dst)
	dst = append(dst, make([]byte, saltSize, saltSize+len(plain)+tagSize)...)
	salt := dst[start : start+saltSize]
	_, _ = rand.Read(salt) // never fails
	box, err := boxOf(master, salt)
	if err != nil {
		return dst[:start], 0, err
	}
	return box.Seal(dst, make([]byte, box.NonceSize()), plain, about), number, nil
}

// sealedError is wal.ErrSealed, and says what to do about it.
type sealedError struct{ said *diag.Error }

func sealedBy(format string, args ...any) error {
	return sealedError{diag.New(diag.External, diag.Span{}, "records cannot be decrypted: "+format, args...).
		WithHint("put the file of encryption keys back as it was, and start the server again")}
}

func (e sealedError) Error() string   { return e.said.Message }
func (e sealedError) Unwrap() []error { return []error{wal.ErrSealed, e.said} }

// Open decrypts a block.
func (s *sealer) Open(dst []byte, key uint32, sealed, about []byte) ([]byte, error) {
	s.mu.RLock()
	master := s.keys[key]
	s.mu.RUnlock()
	if master == nil {
		return dst, sealedBy("key %d is not in %s", key, s.path)
	}
	if len(sealed) < saltSize+tagSize {
		return dst, sealedBy("a block is cut short")
	}
	box, err := boxOf(master, sealed[:saltSize])
	if err != nil {
		return dst, err
	}
	out, err := box.Open(dst, make([]byte, box.NonceSize()), sealed[saltSize:], about)
	if err != nil {
		return dst, sealedBy("key %d in %s is another one, or the block was changed", key, s.path)
	}
	return out, nil
}

// boxOf returns what a block is sealed in.
func boxOf(master, salt []byte) (cipher.AEAD, error) {
	m := hmac.New(sha256.New, master)
	m.Write([]byte("weir block"))
	m.Write(salt)
	block, err := aes.NewCipher(m.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// ready returns the newest key, and makes the first one. Its number is the second in
// which it was made, so that two files never have different keys under one number:
// whoever finds a lost file can put its lines beside those of the new one.
func (s *sealer) ready() (uint32, []byte, error) {
	s.mu.RLock()
	number, master := s.newest, s.keys[s.newest]
	s.mu.RUnlock()
	if master != nil {
		return number, master, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest != 0 {
		return s.newest, s.keys[s.newest], nil
	}
	master, number = make([]byte, masterSize), uint32(time.Now().Unix())
	_, _ = rand.Read(master) // never fails
	if err := s.writeMaster(number, master); err != nil {
		return 0, nil, err
	}
	s.found, s.keys, s.newest = true, map[uint32][]byte{number: master}, number
	return number, master, nil
}

// writeMaster makes the file with the first key, or adds it to one that has none,
// durably: what is sealed with a key that is lost is lost.
func (s *sealer) writeMaster(number uint32, master []byte) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if s.found {
		how = os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(s.path, how, 0o600)
	if err != nil {
		return fmt.Errorf("write encryption keys: %w", err)
	}
	_, err = fmt.Fprintf(f, "# Records of encrypted streams cannot be read without these keys: keep a copy elsewhere.\n"+
		"# number, 32 bytes in base64; new records take the last line, old ones need theirs.\n%d %s\n", number, base64.StdEncoding.EncodeToString(master))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncDir(filepath.Dir(s.path))
	}
	if err != nil && !s.found {
		err = errors.Join(err, os.Remove(s.path))
	}
	if err != nil {
		return fmt.Errorf("write encryption keys: %w", err)
	}
	return nil
}

func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // it cannot sync a directory
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

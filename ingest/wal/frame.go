package wal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"

	"weir/operators/stream"
)

// Encoding tells how the records of a block are written.
type Encoding uint8

// The encodings. Only blocks of JSON, and Keyed ones, are ever joined to others of
// the same encoding.
const (
	// JSON is one JSON value a record, separated by '\n'.
	JSON Encoding = 0
	// CSV is a header and then one record of RFC 4180 a record, all as they came
	// and each ended by "\r\n". The header is not counted.
	CSV Encoding = 1
	// Keyed is records that are a partition key and bytes, as package keyed has
	// them, one behind the other.
	Keyed Encoding = 2
	// Raw is bytes that the log does not take apart; a block is never joined to another.
	Raw Encoding = 255
)

// ControlKind says what a control commit tells.
type ControlKind uint8

// The kinds of control commits.
const (
	Tick    ControlKind = 1 // a second went by without a commit
	Start   ControlKind = 2 // the process began, or the wall clock jumped
	Reshard ControlKind = 3 // shards of a stream were split or merged; Payload says how
	End     ControlKind = 4 // no more records for a stream
	DDL     ControlKind = 5 // the catalog changed; Payload belongs to the catalog

	kindMax = DDL
)

// String returns the kind as the design names it.
func (k ControlKind) String() string {
	switch k {
	case Tick:
		return "tick"
	case Start:
		return "start"
	case Reshard:
		return "reshard"
	case End:
		return "end"
	case DDL:
		return "ddl"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Control is what a control commit carries.
type Control struct {
	Kind    ControlKind
	Stream  uint32 // whom it is about; 0 where it is about all
	Payload []byte // opaque to the log, at most 16 MiB
}

// FrameBlock is a run of records of one shard inside a frame.
type FrameBlock struct {
	Stream   uint32
	Shard    stream.Shard
	First    stream.Seq // the sequence of the first record
	Count    int        // how many records
	Encoding Encoding
	RawBytes int // length of what Data returns

	codec     codec
	cipherKey uint32 // that data is sealed with; 0: it is not
	data      []byte
}

// Sealed tells whether the block is encrypted on the disk.
func (b *FrameBlock) Sealed() bool { return b.cipherKey != 0 }

// Frame is one commit, or the mark that says that a step is over. It is
// immutable and may be handed to any goroutine.
type Frame struct {
	Commit  stream.Commit
	Step    stream.Step
	Arrival stream.Time
	// StepDone is set on the mark at the end of a step: no later commit carries
	// Step. A mark has the commit and the arrival of the step's last frame, and
	// no blocks.
	StepDone bool
	// Control is set on a control commit, which has no blocks.
	Control *Control
	// Blocks are ordered by (stream, shard, first sequence). A shard may have
	// several, which follow each other.
	Blocks []FrameBlock

	keyCount int
	cipher   Cipher // opens sealed blocks; nil: nobody can
	keys     []byte
	marks    []byte // of its producers
	size     int
}

// Data returns the records of block i. The bytes may be shared and must not be
// changed. It is safe for concurrent use.
func (f *Frame) Data(i int) ([]byte, error) {
	b := &f.Blocks[i]
	data := b.data
	if b.cipherKey != 0 {
		var err error
		if data, err = f.open(b); err != nil {
			return nil, fmt.Errorf("records of stream %d, shard %d, commit %d: %w", b.Stream, b.Shard, f.Commit, err)
		}
	}
	if b.codec == codecNone {
		return data, nil
	}
	out := make([]byte, b.RawBytes)
	got, err := s2.Decode(out, data)
	if err != nil {
		return nil, fmt.Errorf("decompress stream %d shard %d of commit %d: %w", b.Stream, b.Shard, f.Commit, err)
	}
	if len(got) != b.RawBytes {
		return nil, fmt.Errorf("decompress stream %d shard %d of commit %d: %d bytes instead of %d", b.Stream, b.Shard, f.Commit, len(got), b.RawBytes)
	}
	return got, nil
}

// open returns what is sealed in a block.
func (f *Frame) open(b *FrameBlock) ([]byte, error) {
	if f.cipher == nil {
		return nil, fmt.Errorf("it is sealed with key %d, and there are no keys", b.cipherKey)
	}
	data, err := f.cipher.Open(nil, b.cipherKey, b.data, about(b.Stream, uint32(b.Shard), uint32(b.Count), b.Encoding, b.codec, uint32(b.RawBytes)))
	if err != nil {
		return nil, err
	}
	if b.codec == codecS2 {
		if n, err := s2.DecodedLen(data); err != nil || n != b.RawBytes {
			return nil, errors.New("it has another length than its entry")
		}
	} else if len(data) != b.RawBytes {
		return nil, errors.New("it has another length than its entry")
	}
	return data, nil
}

// parseFrame reads the frame that fills b. It allocates for nothing that b is
// too short to hold. The frame refers to b.
func parseFrame(b []byte, seed uint32) (*Frame, error) {
	h, err := parseHeader(b, seed)
	if err != nil {
		return nil, err
	}
	if int(h.size) != len(b) {
		return nil, fmt.Errorf("frame of %d bytes has %d", h.size, len(b))
	}
	end := len(b) - crcSize
	if binary.LittleEndian.Uint32(b[end:]) != checksum(seed, b[:end]) {
		return nil, fmt.Errorf("frame of commit %d has a wrong checksum", h.commit)
	}
	f := &Frame{
		Commit: h.commit, Step: h.step, Arrival: h.arrival,
		keyCount: int(h.keys), keys: b[fixedSize : fixedSize+h.keysLen], size: len(b),
	}
	f.marks = b[fixedSize+h.keysLen:][:h.marks*markSize]
	dir := b[fixedSize+h.keysLen+h.marks*markSize:][:h.blocks*dirEntrySize]
	if h.kind != 0 {
		if h.blocks != 0 {
			return nil, fmt.Errorf("control commit %d has blocks", h.commit)
		}
		f.Control = &Control{Kind: h.kind, Stream: h.stream, Payload: b[h.bodyOff-h.payloadLen : h.bodyOff]}
		return f, nil
	}
	f.Blocks = make([]FrameBlock, h.blocks)
	if err := f.parseBlocks(dir, b[h.bodyOff:end]); err != nil {
		return nil, fmt.Errorf("commit %d: %w", h.commit, err)
	}
	return f, nil
}

func (f *Frame) parseBlocks(dir, body []byte) error {
	for i := range f.Blocks {
		e := parseDirEntry(dir[i*dirEntrySize:])
		if uint64(e.off)+uint64(e.stored) > uint64(len(body)) {
			return errors.New("a block lies outside of its frame")
		}
		data := body[e.off:][:e.stored:e.stored]
		switch {
		case e.count == 0 || e.raw > frameBytesMax:
			return errors.New("a block has an impossible size")
		case e.cipherKey != 0 && e.codec <= codecS2: // its length is looked at when it is opened
		case e.codec == codecNone:
			if e.raw != e.stored {
				return errors.New("a block has two lengths")
			}
		case e.codec == codecS2:
			// The length is in the compressed bytes too; it must be the same
			// before anybody allocates it.
			if n, err := s2.DecodedLen(data); err != nil || n != int(e.raw) {
				return errors.New("a compressed block has another length than its entry")
			}
		default:
			return fmt.Errorf("codec %d: %w", e.codec, errVersion)
		}
		if i > 0 && !inOrder(&f.Blocks[i-1], &e) {
			return errors.New("blocks are out of order")
		}
		f.Blocks[i] = FrameBlock{
			Stream: e.stream, Shard: e.shard, First: e.first, Count: int(e.count), Encoding: e.encoding,
			RawBytes: int(e.raw), codec: e.codec, cipherKey: e.cipherKey, data: data,
		}
	}
	return nil
}

// inOrder tells whether e may follow p: a later shard, or the next records of the same.
func inOrder(p *FrameBlock, e *dirEntry) bool {
	if p.Stream != e.stream {
		return p.Stream < e.stream
	}
	if p.Shard != e.shard {
		return p.Shard < e.shard
	}
	return p.First+stream.Seq(p.Count) == e.first
}

// eachKey calls fn for the idempotency keys of the frame, in order.
func (f *Frame) eachKey(fn func(keyRecord)) error {
	rest := f.keys
	for range f.keyCount {
		k, r, err := parseKey(rest)
		if err != nil {
			return fmt.Errorf("commit %d: %w", f.Commit, err)
		}
		fn(k)
		rest = r
	}
	if len(rest) != 0 {
		return fmt.Errorf("commit %d: bytes follow its keys", f.Commit)
	}
	return nil
}

// shardKey names a shard of a stream.
type shardKey struct {
	stream uint32
	shard  stream.Shard
}

// tracker checks that frames follow each other without a gap.
type tracker struct {
	commit    stream.Commit // of the last frame
	step      stream.Step
	arrival   stream.Time
	seqs      map[shardKey]stream.Seq
	fromStart bool            // seqs knows every shard: one that is missing has no record yet
	marks     map[uint32]Mark // of producers; nil: nobody asks
}

func (t *tracker) check(f *Frame) error {
	switch {
	case f.Commit != t.commit+1:
		return fmt.Errorf("commit %d follows commit %d", f.Commit, t.commit)
	case f.Step < t.step || f.Step > t.step+1 && t.step != 0:
		return fmt.Errorf("commit %d: step %d follows step %d", f.Commit, f.Step, t.step)
	case f.Arrival < t.arrival:
		return fmt.Errorf("commit %d: arrival time falls", f.Commit)
	}
	t.commit, t.step, t.arrival = f.Commit, f.Step, f.Arrival
	for i := range f.Blocks {
		b := &f.Blocks[i]
		k := shardKey{b.Stream, b.Shard}
		next, ok := t.seqs[k]
		if (ok || t.fromStart) && next != b.First {
			return fmt.Errorf("commit %d: stream %d shard %d has sequence %d where %d is next", f.Commit, b.Stream, b.Shard, b.First, next)
		}
		t.seqs[k] = b.First + stream.Seq(b.Count)
	}
	if t.marks != nil {
		for c := (&cursor{b: f.marks}); len(c.b) >= markSize; {
			m := c.mark()
			t.marks[m.producer] = m.mark
		}
	}
	return nil
}

package wal

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/klauspost/compress/s2"

	"weir/operators/stream"
)

const (
	// RequestBytesMax bounds the records of one request.
	RequestBytesMax = 32 << 20
	// KeyBytesMax bounds an idempotency key.
	KeyBytesMax = 512
	// payloadBytesMax bounds the payload of a control commit.
	payloadBytesMax = 16 << 20
	// groupBytes is where a frame takes no further request: about the largest
	// unit that a disk syncs at full speed.
	groupBytes = 1 << 20
	// compressBytes is from where on compression pays.
	compressBytes = 4 << 10
)

// Block is a run of records for one shard.
type Block struct {
	Stream   uint32
	Shard    stream.Shard
	Count    int    // how many records; they get the next Count sequences
	Data     []byte // as the Encoding has it; the log keeps no reference
	Encoding Encoding
}

// Request is what is appended as one: its blocks come with the same commit.
type Request struct {
	Blocks []Block
	// Key is the idempotency key, with the scope that the caller gives it; ""
	// means none. At most 512 bytes.
	Key     string
	KeyHash [32]byte // the hash of the body: another body with the same key is refused
	KeyInfo uint64   // is given back with each Ack of the key, say the number of accepted rows
	// Producer is the number of who makes its records of this log, and Mark how far it
	// has come with them; 0: nobody. One request of a producer is under way at a time. It
	// may be a mark alone, and is taken below the disk reserve, too: who makes records
	// of records looks at DiskLow before it reads the next.
	Producer uint32
	Mark     Mark
}

// Ack says where a request is.
type Ack struct {
	Commit   stream.Commit
	Repeated bool   // the key came before, and this is its first Ack
	KeyInfo  uint64 // of the request that was appended
	Arrival  stream.Time
	// First has the sequence of the first record of each block, in the order of the
	// request. It is nil for a repeated key.
	First []stream.Seq
}

// pending is a request or a control on its way into the log.
type pending struct {
	blocks  []prepared
	control *Control
	roll    bool // begin a new segment; nothing is written
	key     keyRecord
	mark    producerMark
	size    int // what it takes of the queue
	raw     int
	records int

	done chan struct{} // closed when ack or err is there
	turn chan struct{} // gets the lead
	ack  Ack
	err  error

	granted   bool // under mu: the lead was given to it
	abandoned bool // under mu: nobody waits for it
}

func (p *pending) ofRecords() bool { return p.control == nil && !p.roll }

// prepared is a block as it is queued.
type prepared struct {
	stream   uint32
	shard    stream.Shard
	count    uint32
	encoding Encoding
	codec    codec
	sole     bool // not to be joined to its neighbours: it was compressed, or tried
	raw      uint32
	data     []byte
	first    stream.Seq // once it has a place in a frame
	// cipherKey is the number of the key that data is sealed with; 0: it is not.
	cipherKey uint32
}

// Append makes the request durable and returns after the sync. A repeated key
// gets the first Ack, also after a restart, and waits where the first is on its
// way. When ctx ends Append returns, but the request may still become durable.
//
// Errors that are no failure of the log: ErrBusy, ErrDiskReserve, ErrKeyReused, ErrStale, ErrTooLarge,
// ErrClosed, and a request that contradicts itself.
func (l *Log) Append(ctx context.Context, req Request) (Ack, error) {
	if err := ctx.Err(); err != nil {
		return Ack{}, err
	}
	if ack, known, err := l.lookup(ctx, &req); known || err != nil {
		return ack, err
	}
	p, err := prepare(&req, l.cfg.Cipher)
	if err != nil {
		return Ack{}, err
	}
	l.mu.Lock()
	// While the blocks were compressed another request may have brought the key.
	if e, ok := l.keys.entries[req.Key]; ok && req.Key != "" {
		l.mu.Unlock()
		return l.repeated(ctx, e, &req)
	}
	if err := l.enqueueLocked(p); err != nil {
		l.mu.Unlock()
		return Ack{}, err
	}
	if req.Key != "" {
		l.keys.entries[req.Key] = keyEntry{hash: req.KeyHash, info: req.KeyInfo, flight: p}
	}
	return l.await(ctx, p)
}

// Control writes a control commit and returns after the sync.
func (l *Log) Control(ctx context.Context, c Control) (stream.Commit, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if c.Kind == 0 || c.Kind > kindMax {
		return 0, fmt.Errorf("control commit of %s", c.Kind)
	}
	if len(c.Payload) > payloadBytesMax {
		return 0, fmt.Errorf("%w: a payload of %d bytes", ErrTooLarge, len(c.Payload))
	}
	c.Payload = append([]byte(nil), c.Payload...)
	p := newPending()
	p.control, p.size = &c, len(c.Payload)+fixedSize
	l.mu.Lock()
	if err := l.enqueueLocked(p); err != nil {
		l.mu.Unlock()
		return 0, err
	}
	ack, err := l.await(ctx, p)
	return ack.Commit, err
}

func newPending() *pending {
	return &pending{done: make(chan struct{}), turn: make(chan struct{}, 1)}
}

// lookup answers a request whose key is known, before any work is done for it.
func (l *Log) lookup(ctx context.Context, req *Request) (Ack, bool, error) {
	if req.Key == "" {
		return Ack{}, false, nil
	}
	l.mu.Lock()
	e, ok := l.keys.entries[req.Key]
	l.mu.Unlock()
	if !ok {
		return Ack{}, false, nil
	}
	ack, err := l.repeated(ctx, e, req)
	return ack, true, err
}

func (l *Log) repeated(ctx context.Context, e keyEntry, req *Request) (Ack, error) {
	if e.hash != req.KeyHash {
		return Ack{}, ErrKeyReused
	}
	ack := Ack{Commit: e.commit, KeyInfo: e.info, Arrival: e.arrival}
	if e.flight != nil {
		select {
		case <-e.flight.done:
		case <-ctx.Done():
			return Ack{}, ctx.Err()
		}
		if e.flight.err != nil {
			return Ack{}, e.flight.err
		}
		ack = e.flight.ack
		ack.First = nil
	}
	ack.Repeated = true
	l.mu.Lock()
	l.stats.Repeated++
	l.mu.Unlock()
	return ack, nil
}

// prepare checks the request, and compresses, seals and copies its blocks.
func prepare(req *Request, cipher Cipher) (*pending, error) {
	if len(req.Key) > KeyBytesMax {
		return nil, fmt.Errorf("%w: an idempotency key of %d bytes", ErrTooLarge, len(req.Key))
	}
	if len(req.Blocks) == 0 && req.Producer == 0 {
		return nil, errors.New("a request without records")
	}
	p := newPending()
	small := 0
	for i := range req.Blocks {
		b := &req.Blocks[i]
		if b.Count <= 0 || b.Count > math.MaxUint32 {
			return nil, fmt.Errorf("a block of %d records", b.Count)
		}
		p.raw += len(b.Data)
		p.records += b.Count
		if len(b.Data) < compressBytes {
			small += len(b.Data)
		}
	}
	if entries := len(req.Blocks) * dirEntrySize; p.raw > RequestBytesMax || entries > groupBytes {
		return nil, fmt.Errorf("%w: %d bytes in %d blocks", ErrTooLarge, p.raw, len(req.Blocks))
	}
	p.key = keyRecord{req.Key, req.KeyHash, req.KeyInfo}
	p.mark = producerMark{req.Producer, req.Mark}
	p.blocks = make([]prepared, len(req.Blocks))
	p.size = fixedSize + markSize + len(req.Key) + len(req.Blocks)*dirEntrySize
	arena := make([]byte, 0, small)
	for i := range req.Blocks {
		b := &req.Blocks[i]
		q := prepared{
			stream: b.Stream, shard: b.Shard, count: uint32(b.Count), encoding: b.Encoding,
			raw: uint32(len(b.Data)), sole: b.Encoding != JSON && b.Encoding != Keyed,
		}
		if len(b.Data) < compressBytes {
			arena = append(arena, b.Data...)
			q.data = arena[len(arena)-len(b.Data):]
		} else {
			q.data, q.codec = compress(make([]byte, s2.MaxEncodedLen(len(b.Data))), b.Data)
			q.sole = true
		}
		if err := q.seal(cipher); err != nil {
			return nil, fmt.Errorf("encrypt: %w", err)
		}
		p.size += len(q.data)
		p.blocks[i] = q
	}
	return p, nil
}

// compress stores src in dst, which has room for s2.MaxEncodedLen: compressed
// if that saves a sixteenth, as it is otherwise.
func compress(dst, src []byte) ([]byte, codec) {
	if out := s2.Encode(dst, src); len(out) < len(src)-len(src)/16 {
		return out, codecS2
	}
	return dst[:copy(dst, src)], codecNone
}

// enqueueLocked puts p into the queue, or says why not. Controls do not wait for
// room: they are few and small, and whoever writes one has begun to act on it.
func (l *Log) enqueueLocked(p *pending) error {
	switch {
	case l.err != nil:
		return l.err
	case l.closed:
		return ErrClosed
	case l.diskLow && p.ofRecords() && p.mark.producer == 0:
		return ErrDiskReserve
	case l.staleLocked(p):
		return ErrStale
	case p.size > l.cfg.MaxQueueBytes:
		return fmt.Errorf("%w: the queue has %d bytes", ErrTooLarge, l.cfg.MaxQueueBytes)
	case l.queueBytes+p.size > l.cfg.MaxQueueBytes && p.ofRecords():
		return ErrBusy
	}
	l.queue = append(l.queue, p)
	l.queueBytes += p.size
	return nil
}

// await leads if nobody does, and waits for p otherwise. It is called with mu
// held and releases it.
func (l *Log) await(ctx context.Context, p *pending) (Ack, error) {
	if !l.leading {
		l.leading, p.granted = true, true
		l.mu.Unlock()
		l.lead(p)
		return p.ack, p.err
	}
	l.mu.Unlock()
	select {
	case <-p.done:
	case <-p.turn:
		l.lead(p)
	case <-ctx.Done():
		l.mu.Lock()
		granted := p.granted
		p.abandoned = true
		l.mu.Unlock()
		if !granted {
			return Ack{}, ctx.Err()
		}
		// The lead came in the same moment and there is nobody else to take it.
		l.lead(p)
	}
	return p.ack, p.err
}

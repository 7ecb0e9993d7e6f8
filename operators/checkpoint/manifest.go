package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/s2"

	"weir/operators/state/page"
	"weir/operators/stream"
	"weir/windows"
)

// ErrDamaged is returned for a manifest or page that is not what was written.
var ErrDamaged = errors.New("damaged checkpoint")

// Manifest is a checkpoint of one query. One that can be read is complete.
type Manifest struct {
	Epoch stream.Epoch
	Plan  string // id of the plan that the state belongs to
	Point
	Pages []PageRef // by path
}

// PageRef names a page by the epoch that wrote it.
type PageRef struct {
	Path  string
	Epoch stream.Epoch
	Bytes int // as stored
}

const (
	manifestVersion = 1
	// manifestBytesMax bounds what a manifest expands to.
	manifestBytesMax = 256 << 20
	headerBytes      = 5 // version and CRC-32C of the rest
)

// Encode returns the manifest as bytes.
func (m *Manifest) Encode() []byte {
	w := page.NewWriter(manifestVersion, 256+32*len(m.Tracker.Shards)+64*len(m.Pages))
	w.Int(int64(m.Epoch))
	w.Blob([]byte(m.Plan))
	w.Int(int64(m.Commit))
	w.Int(int64(m.Step))
	w.Int(int64(m.Clock))
	w.Bool(m.Done)
	writeInput(w, &m.Input)
	w.Int(int64(len(m.More)))
	for i := range m.More {
		writeInput(w, &m.More[i])
	}
	w.Int(int64(len(m.Pages)))
	for _, p := range m.Pages {
		w.Blob([]byte(p.Path))
		w.Int(int64(p.Epoch))
		w.Int(int64(p.Bytes))
	}
	body := s2.Encode(nil, w.Bytes())
	out := make([]byte, headerBytes, headerBytes+len(body))
	out[0] = manifestVersion
	binary.LittleEndian.PutUint32(out[1:], checksum(body))
	return append(out, body...)
}

func writeInput(w *page.Writer, m *Input) {
	w.Bool(m.Partial)
	w.Int(int64(m.After))
	for _, n := range ledgerFields(&m.Ledger) {
		w.Int(*n)
	}
	t := &m.Tracker
	for _, v := range []stream.Time{t.Merged, t.Clock, t.Born, t.MaxEvent} {
		w.Int(int64(v))
	}
	w.Bool(t.Cut)
	w.Bool(t.AllIdle)
	w.Int(int64(len(t.Shards)))
	for _, s := range t.Shards {
		w.Int(int64(s.Shard))
		w.Int(int64(s.W))
		w.Int(int64(s.Last))
		w.Int(int64(s.Event))
		w.Bool(s.Closed)
		w.Bool(s.Mark.Is)
		w.Int(int64(s.Mark.Commit))
		w.Int(int64(s.Mark.Seq))
		w.Int(int64(s.Mark.Event))
		w.Int(int64(s.Mark.W))
	}
	w.Int(int64(len(m.Lanes)))
	for _, s := range m.Lanes {
		w.Int(int64(s))
	}
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// ledgerFields are the counts of a ledger, in the order of a manifest.
func ledgerFields(l *stream.Ledger) []*int64 {
	return []*int64{&l.In, &l.Used, &l.Filtered, &l.Late, &l.Errors, &l.PartlyLate, &l.Nulled}
}

// DecodeManifest reads what Encode wrote. Anything else is ErrDamaged.
func DecodeManifest(b []byte) (*Manifest, error) {
	switch {
	case len(b) < headerBytes:
		return nil, fmt.Errorf("%w: a manifest of %d bytes", ErrDamaged, len(b))
	case b[0] != manifestVersion:
		return nil, fmt.Errorf("%w: manifest version %d; this weir reads version %d", ErrDamaged, b[0], manifestVersion)
	case checksum(b[headerBytes:]) != binary.LittleEndian.Uint32(b[1:]):
		return nil, fmt.Errorf("%w: the checksum of a manifest is wrong", ErrDamaged)
	}
	body, err := expand(b[headerBytes:], manifestBytesMax)
	if err != nil {
		return nil, err
	}
	r := page.NewReader(body, manifestVersion)
	m := readManifest(r)
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("%w: manifest: %w", ErrDamaged, err)
	}
	return m, nil
}

func readManifest(r *page.Reader) *Manifest {
	m := &Manifest{}
	m.Epoch, m.Plan = stream.Epoch(r.Int()), string(r.Blob())
	m.Commit, m.Step, m.Clock = stream.Commit(r.Int()), stream.Step(r.Int()), stream.Time(r.Int())
	m.Done = r.Bool()
	readInput(r, &m.Input)
	if n := r.Count(66); n > 0 {
		m.More = make([]Input, n)
	}
	for i := range m.More {
		readInput(r, &m.More[i])
	}
	m.Pages = make([]PageRef, r.Count(24))
	for i := range m.Pages {
		p := &m.Pages[i]
		p.Path, p.Epoch, p.Bytes = string(r.Blob()), stream.Epoch(r.Int()), int(r.Int())
		if p.Epoch > m.Epoch || p.Bytes < 0 || i > 0 && p.Path <= m.Pages[i-1].Path {
			r.Fail("page %q of epoch %d", p.Path, p.Epoch)
		}
	}
	return m
}

func readInput(r *page.Reader, m *Input) {
	m.Partial, m.After = r.Bool(), stream.Commit(r.Int())
	for _, n := range ledgerFields(&m.Ledger) {
		*n = r.Int()
	}
	t := &m.Tracker
	for _, v := range []*stream.Time{&t.Merged, &t.Clock, &t.Born, &t.MaxEvent} {
		*v = stream.Time(r.Int())
	}
	t.Cut, t.AllIdle = r.Bool(), r.Bool()
	t.Shards = make([]windows.ShardState, r.Count(66))
	for i := range t.Shards {
		t.Shards[i] = windows.ShardState{
			Shard: shardOf(r), W: stream.Time(r.Int()), Last: stream.Time(r.Int()), Event: stream.Time(r.Int()), Closed: r.Bool(),
			Mark: windows.Mark{
				Is: r.Bool(), Commit: stream.Commit(r.Int()), Seq: stream.Seq(r.Int()), Event: stream.Time(r.Int()), W: stream.Time(r.Int()),
			},
		}
	}
	m.Lanes = make([]stream.Shard, r.Count(8))
	for i := range m.Lanes {
		m.Lanes[i] = shardOf(r)
		if i > 0 && m.Lanes[i] <= m.Lanes[i-1] {
			r.Fail("lane %d out of order", m.Lanes[i])
		}
	}
}

func shardOf(r *page.Reader) stream.Shard {
	n := r.Int()
	if n < 0 || n > 1<<32-1 {
		r.Fail("shard %d", n)
		return 0
	}
	return stream.Shard(n)
}

// expand undoes S2.
func expand(b []byte, most int) ([]byte, error) {
	n, err := s2.DecodedLen(b)
	if err == nil && n > most {
		err = fmt.Errorf("it expands to %d bytes", n)
	}
	if err == nil {
		b, err = s2.Decode(nil, b)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return b, nil
}

package wal

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	"weir/operators/stream"
)

// errRead is for bytes that the file system did not give, as opposed to bytes
// that are not what was written.
var errRead = errors.New("cannot read the log")

// chunkBytes is how much a scanner reads at once, unless a frame is longer.
const chunkBytes = 256 << 10

// scanner reads the frames of one segment in order. The frames refer to the
// chunks that they were read with, which are never used again for anything else.
type scanner struct {
	f      File
	off    int64 // of the next frame
	end    int64 // nothing is read from here on
	seed   uint32
	cipher Cipher // for the blocks of its frames; nil: nobody reads them

	chunk    []byte
	chunkOff int64
}

// bytes returns the n bytes at s.off.
func (s *scanner) bytes(n int) ([]byte, error) {
	if at := s.off - s.chunkOff; s.chunk != nil && at >= 0 && at+int64(n) <= int64(len(s.chunk)) {
		return s.chunk[at:][:n:n], nil
	}
	left := s.end - s.off
	if int64(n) > left {
		return nil, fmt.Errorf("%d bytes are wanted where %d are left", n, left)
	}
	s.chunk = make([]byte, min(left, int64(max(n, chunkBytes))))
	s.chunkOff = s.off
	if _, err := s.f.ReadAt(s.chunk, s.off); err != nil {
		s.chunk = nil
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file ends too early")
		}
		return nil, fmt.Errorf("%w: %w", errRead, err)
	}
	return s.chunk[:n:n], nil
}

// next returns the frame at s.off and moves behind it; io.EOF at the end. After
// another error it stays where it is.
func (s *scanner) next() (*Frame, error) {
	if s.off >= s.end {
		return nil, io.EOF
	}
	b, err := s.bytes(fixedSize)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(b, s.seed)
	if err != nil {
		return nil, err
	}
	if b, err = s.bytes(int(h.size)); err != nil {
		return nil, err
	}
	f, err := parseFrame(b, s.seed)
	if err != nil {
		return nil, err
	}
	s.off += int64(h.size)
	f.cipher = s.cipher
	return f, nil
}

// skipTo moves to the frame of commit, which lies at s.off or behind it, reading
// headers only.
func (s *scanner) skipTo(commit stream.Commit) error {
	for {
		b, err := s.bytes(fixedSize)
		if err != nil {
			return err
		}
		h, err := parseHeader(b, s.seed)
		switch {
		case err != nil:
			return err
		case h.commit == commit:
			return nil
		case h.commit > commit:
			return fmt.Errorf("commit %d lies where commit %d should be", h.commit, commit)
		}
		s.off += int64(h.size)
	}
}

// scanSegment reads the frames of a segment, up to the first that is not there
// or not good, into seg, tr and keys. bad says what is wrong with that one; nil
// where the file ends between frames. A whole frame that does not fit to the
// one before it was never torn: that is a *DamageError.
func scanSegment(f File, seg *segment, end int64, seed uint32, tr *tracker, keys *[]keyAt) (bad, err error) {
	sc := &scanner{f: f, off: segmentHeaderSize, end: end, seed: seed}
	for {
		off := sc.off
		frame, err := sc.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case errors.Is(err, errRead), errors.Is(err, errVersion):
			return nil, fmt.Errorf("%s at byte %d: %w", seg.path, off, err)
		case err != nil:
			return err, nil
		}
		if err := tr.check(frame); err != nil {
			return nil, &DamageError{seg.path, off, seg.last + 1, 0, err}
		}
		kind := ControlKind(0)
		if frame.Control != nil {
			kind = frame.Control.Kind
		}
		seg.add(kind, frame.Commit, frame.Step, frame.Arrival, off, frame.size)
		for i := range frame.Blocks {
			b := &frame.Blocks[i]
			seg.addBlock(b.Stream, frame.Commit, frame.Arrival, b.Count, len(b.data))
		}
		err = frame.eachKey(func(k keyRecord) {
			*keys = append(*keys, keyAt{k, frame.Commit, frame.Arrival})
		})
		if err != nil {
			return nil, &DamageError{seg.path, off, frame.Commit, frame.Commit, err}
		}
		if len(*keys) > 2*KeysMax {
			*keys = append([]keyAt(nil), (*keys)[len(*keys)-KeysMax:]...)
		}
	}
}

// footerOf returns the footer of the sealed segment i. One that cannot be read
// is made again from the frames.
func (l *Log) footerOf(segments []*segment, i int) (*footer, error) {
	s := segments[i]
	f, err := l.cfg.FS.OpenFile(s.path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ft, err := readFooter(f, s, l.seed)
	if err == nil || !errors.Is(err, errNoFooter) {
		return ft, err
	}
	l.cfg.Logger.Warn("a footer of the log cannot be read; the segment is scanned instead", "segment", s.path)
	tr := tracker{commit: s.first - 1, arrival: stream.MinTime, seqs: map[shardKey]stream.Seq{}, fromStart: true, marks: map[uint32]Mark{}}
	if err := l.seqsBefore(segments, i, &tr); err != nil {
		return nil, err
	}
	ft = &footer{}
	again := &segment{path: s.path, first: s.first, last: s.first - 1}
	bad, err := scanSegment(f, again, s.end, l.seed, &tr, &ft.keys)
	if err != nil {
		return nil, err
	}
	if bad != nil || again.last != s.last {
		return nil, &DamageError{s.path, again.end, again.last + 1, s.last, bad}
	}
	ft.index, ft.controls, ft.seqs, ft.marks = again.index, again.controls, tr.seqs, tr.marks
	return ft, nil
}

// seqsBefore fills in what came next where segment i begins, and the marks there.
func (l *Log) seqsBefore(segments []*segment, i int, tr *tracker) error {
	if i > 0 {
		before, err := l.footerOf(segments, i-1)
		if err == nil {
			tr.seqs, tr.marks = before.seqs, before.marks
		}
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if tr.fromStart = l.base.first == segments[0].first; tr.fromStart {
		tr.seqs, tr.marks = maps.Clone(l.base.seqs), maps.Clone(l.base.marks)
	}
	return nil
}

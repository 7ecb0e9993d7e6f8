package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"weir/operators/stream"
)

// recovery finds out what a log holds. It runs before anybody else sees the log.
type recovery struct {
	l     *Log
	logID uint64        // from HEAD, or 0
	acked stream.Commit // a lower bound of what was acknowledged

	// What is known up to the end of the segment before the one at hand. seqs and
	// marks are nil while they lie in a footer that was not needed yet.
	track tracker
	keys  []keyAt // of the last segment, if it was scanned
}

func (r *recovery) run(firsts []stream.Commit) error {
	b := r.l.base
	r.track = tracker{commit: b.first - 1, step: b.step, arrival: b.arrival, seqs: maps.Clone(b.seqs), fromStart: true, marks: maps.Clone(b.marks)}
	if firsts[0] != b.first {
		return &DamageError{r.path(firsts[0]), 0, b.first, firsts[0] - 1, errors.New("the first segment is missing")}
	}
	lastRecord := b.lastRecord
	for i, first := range firsts {
		if first != r.track.commit+1 {
			return &DamageError{r.path(first), 0, r.track.commit + 1, first - 1, errors.New("a segment is missing or has lost its end")}
		}
		seg := &segment{
			path: r.path(first), first: first, last: first - 1, end: segmentHeaderSize,
			firstArrival: stream.MinTime, lastArrival: stream.MinTime, lastRecord: lastRecord, lastStep: r.track.step,
		}
		next := stream.Commit(0)
		if i+1 < len(firsts) {
			next = firsts[i+1]
		}
		if err := r.segment(seg, next); err != nil {
			return err
		}
		lastRecord = seg.lastRecord
		r.l.segments = append(r.l.segments, seg)
	}
	return r.finish()
}

func (r *recovery) path(first stream.Commit) string {
	return filepath.Join(r.l.cfg.Dir, segmentName(first))
}

// segment reads one segment: its trailer if it has one, every frame otherwise.
// next is the first commit of the segment behind it, 0 for the last.
func (r *recovery) segment(seg *segment, next stream.Commit) error {
	f, err := r.l.cfg.FS.OpenFile(seg.path, os.O_RDWR)
	if err != nil {
		return err
	}
	keep := false
	defer func() {
		if !keep {
			f.Close()
		}
	}()
	id, err := readSegmentHeader(f, seg.first)
	if err == nil && r.logID != 0 && id != r.logID {
		err = errors.New("the segment belongs to another log")
	}
	if err != nil {
		return &DamageError{seg.path, 0, seg.first, next - min(next, 1), err}
	}
	r.logID, r.l.logID, r.l.seed = id, id, seedOf(id)
	switch err := readTrailer(f, seg, r.l.seed); {
	case err == nil:
		if next != 0 && seg.last+1 != next {
			return &DamageError{seg.path, seg.end, seg.last + 1, next - 1, errors.New("the segment behind it begins later")}
		}
		r.track.commit, r.track.step, r.track.arrival = seg.last, seg.lastStep, seg.lastArrival
		r.track.seqs, r.track.marks, r.keys = nil, nil, nil
		return nil
	case !errors.Is(err, errNoFooter):
		return fmt.Errorf("%s: %w", seg.path, err)
	}
	if err := r.loadSeqs(); err != nil {
		return err
	}
	r.keys = nil
	bad, err := r.scan(f, seg)
	if err != nil {
		return err
	}
	if next != 0 {
		return r.judgeMiddle(seg, next, bad)
	}
	if err := r.judgeTail(f, seg, bad); err != nil {
		return err
	}
	keep = true
	r.l.file, r.l.fileBytes = f, seg.end
	return nil
}

// loadSeqs gets the next sequences and the marks from the footer of the last segment.
func (r *recovery) loadSeqs() error {
	if r.track.seqs != nil {
		return nil
	}
	ft, err := r.l.footerOf(r.l.segments, len(r.l.segments)-1)
	if err != nil {
		return err
	}
	r.track.seqs, r.track.marks = ft.seqs, ft.marks
	return nil
}

// scan reads the frames of a segment into seg and stops at the first that is
// not there or not good. bad says what is wrong with it; nil where the file ends
// between frames.
func (r *recovery) scan(f File, seg *segment) (bad, err error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	return scanSegment(f, seg, size, r.l.seed, &r.track, &r.keys)
}

// judgeMiddle decides about a segment without a footer that others follow: all
// its commits must be there, whatever follows them.
func (r *recovery) judgeMiddle(seg *segment, next stream.Commit, bad error) error {
	if seg.last+1 != next {
		if bad == nil {
			bad = errors.New("the file ends too early")
		}
		return &DamageError{seg.path, seg.end, seg.last + 1, next - 1, bad}
	}
	seg.sealed = true
	r.l.cfg.Logger.Warn("a segment of the log has lost its footer; its frames are all there", "segment", seg.path)
	return nil
}

// judgeTail decides about what follows the last good frame of the log: zeros
// that were written ahead, or the torn frame of a commit that nobody was told
// about. Either is cut off. Anything else is damage.
func (r *recovery) judgeTail(f File, seg *segment, bad error) error {
	if seg.last < r.acked {
		if bad == nil {
			bad = errors.New("the file ends too early")
		}
		return &DamageError{seg.path, seg.end, seg.last + 1, r.acked, bad}
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	rest, err := io.ReadAll(io.NewSectionReader(f, seg.end, size-seg.end))
	if err != nil {
		return err
	}
	// The log writes a frame when the one before it is synced, so only one can be torn.
	if later := r.laterFrame(rest, seg.last+1); later != 0 {
		return &DamageError{seg.path, seg.end, seg.last + 1, later - 1, bad}
	}
	if len(rest) > 0 {
		if err := f.Truncate(seg.end); err != nil {
			return err
		}
	}
	// Frames that were written and never synced are kept; now they must be durable.
	if err := f.Datasync(); err != nil {
		return err
	}
	if !isZero(rest) {
		r.l.cfg.Logger.Warn("the log had a torn tail, which was cut off: no commit in it was acknowledged",
			"segment", seg.path, "offset", seg.end, "bytes", len(rest), "commit", uint64(seg.last+1), "reason", bad)
	}
	return nil
}

// laterFrame looks in b for the header of a frame with a commit after torn.
func (r *recovery) laterFrame(b []byte, torn stream.Commit) stream.Commit {
	var magic [4]byte
	binary.LittleEndian.PutUint32(magic[:], frameMagic)
	for {
		i := bytes.Index(b, magic[:])
		if i < 0 {
			return 0
		}
		b = b[i:]
		if h, err := parseHeader(b, r.l.seed); err == nil && h.commit > torn {
			return h.commit
		}
		b = b[1:]
	}
}

// finish loads what the newest footers know and hands everything to the log.
func (r *recovery) finish() error {
	l := r.l
	if r.track.commit < r.acked {
		last := l.segments[len(l.segments)-1]
		return &DamageError{last.path, last.end, r.track.commit + 1, r.acked, errors.New("the segments behind it are missing")}
	}
	if err := r.loadSeqs(); err != nil {
		return err
	}
	keys := [][]keyAt{r.keys}
	count := len(r.keys)
	for i := len(l.segments) - 1; i >= 0 && count < KeysMax; i-- {
		if !l.segments[i].sealed {
			continue // the last one, whose keys are there already
		}
		ft, err := l.footerOf(l.segments, i)
		if err != nil {
			return err
		}
		keys = append(keys, ft.keys)
		count += len(ft.keys)
	}
	if count < KeysMax {
		keys = append(keys, l.base.keys)
	}
	for i := len(keys) - 1; i >= 0; i-- {
		for j := range keys[i] {
			l.keys.remember(&keys[i][j])
		}
	}
	l.commit, l.step, l.arrival = r.track.commit, r.track.step, r.track.arrival
	l.next, l.marks = r.track.seqs, r.track.marks
	return nil
}

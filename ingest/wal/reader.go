package wal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sort"

	"weir/operators/stream"
)

// Reader reads the log in commit order, first what is there and then what
// comes. It is for one goroutine.
type Reader struct {
	l     *Log
	pin   *pin // what it has not read stays
	track tracker
	sc    scanner
	seg   *segment      // whose file sc reads; nil before the first frame
	upTo  stream.Commit // commits up to this one can be read from sc without a look at the log

	held     *Frame // read, but the mark before it was given out instead
	open     bool   // a frame of the step track.step was given out and its mark was not
	last     Frame  // commit, step and arrival of the last frame that was given out
	finished error
}

// NewReader returns a reader of the commits after the given one; 0 is before
// the first that was ever written. The caller closes it: what it has not read
// stays in the log, within Config.HoldBytesMax. The error is a
// *BehindRetentionError where commits after the given one were removed.
func (l *Log) NewReader(after stream.Commit) (*Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if after > l.commit {
		return nil, fmt.Errorf("read the log after commit %d: the last is %d", after, l.commit)
	}
	if after+1 < l.first {
		return nil, l.behindLocked(after)
	}
	track := tracker{commit: after, arrival: stream.MinTime, seqs: map[shardKey]stream.Seq{}}
	if after+1 == l.base.first {
		track.seqs, track.fromStart = maps.Clone(l.base.seqs), true
	}
	p := &pin{after}
	l.pins[p] = struct{}{}
	return &Reader{l: l, pin: p, track: track}, nil
}

// Close frees what the reader holds. Next is not running then.
func (r *Reader) Close() error {
	r.finished = ErrClosed
	r.l.unpin(r.pin)
	return r.closeFile()
}

func (r *Reader) closeFile() error {
	if r.sc.f == nil {
		return nil
	}
	err := r.sc.f.Close()
	r.sc.f = nil
	return err
}

// Next returns the next frame, or the mark that the step of the last frame is
// over (Frame.StepDone). At the head it waits. Frames and marks come in the same
// order from a replay and at the head: after the last frame of a step, and
// before the first of the next, there is exactly one mark.
//
// It returns ctx.Err, ErrClosed at the head of a closed log, why the log failed,
// a *BehindRetentionError, or a *DamageError. After an error other than ctx's the reader is of no use.
func (r *Reader) Next(ctx context.Context) (*Frame, error) {
	if r.finished != nil {
		return nil, r.finished
	}
	f, err := r.next(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.finished = err
		}
		return nil, err
	}
	r.open = !f.StepDone
	r.last.Commit, r.last.Step, r.last.Arrival = f.Commit, f.Step, f.Arrival
	return f, nil
}

func (r *Reader) next(ctx context.Context) (*Frame, error) {
	for {
		if f := r.held; f != nil {
			r.held = nil
			return f, nil
		}
		if r.track.commit >= r.upTo {
			v, err := r.l.look(r.pin, r.track.commit, r.step())
			if err != nil {
				return nil, err
			}
			switch {
			case v.over:
				return r.mark(), nil
			case v.wait != nil:
				select {
				case <-v.wait:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				continue
			}
			if err := r.turnTo(v); err != nil {
				return nil, err
			}
		}
		f, err := r.read()
		if err != nil {
			return nil, err
		}
		if r.open && f.Step != r.last.Step {
			r.held = f
			return r.mark(), nil
		}
		return f, nil
	}
}

// step returns the step whose mark is still to come, or 0.
func (r *Reader) step() stream.Step {
	if !r.open {
		return 0
	}
	return r.last.Step
}

func (r *Reader) mark() *Frame {
	m := r.last
	m.StepDone = true
	return &m
}

func (r *Reader) read() (*Frame, error) {
	off := r.sc.off
	f, err := r.sc.next()
	if err == nil {
		err = r.track.check(f)
	}
	if err != nil {
		if errors.Is(err, errRead) {
			return nil, fmt.Errorf("%s at byte %d: %w", r.seg.path, off, err)
		}
		return nil, &DamageError{r.seg.path, off, r.track.commit + 1, r.upTo, err}
	}
	return f, nil
}

// view is what a reader learns by a look at the log: that the step is over, or
// what to wait for, or where the next commit lies.
type view struct {
	over bool
	wait <-chan struct{}

	seg    *segment
	number int           // of seg
	upTo   stream.Commit // the last commit of seg that can be read
	end    int64         // where it ends
	all    []*segment
}

// look is for a reader that gave out everything up to commit; step is the step
// whose mark it still owes, or 0.
func (l *Log) look(p *pin, commit stream.Commit, step stream.Step) (view, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if commit+1 < l.first {
		return view{}, l.behindLocked(commit)
	}
	p.after = commit
	l.pins[p] = struct{}{}
	if commit < l.commit {
		i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].last > commit })
		s := l.segments[i]
		return view{seg: s, number: i, upTo: s.last, end: s.end, all: l.segments}, nil
	}
	switch {
	case step != 0 && l.doneStep >= step:
		return view{over: true}, nil
	case l.err != nil:
		return view{}, l.err
	case l.closed && !l.leading:
		return view{}, ErrClosed
	}
	return view{wait: l.wakeLocked()}, nil
}

// turnTo makes sc read the commit after track.commit.
func (r *Reader) turnTo(v view) error {
	r.upTo = v.upTo
	if r.seg == v.seg && r.sc.f != nil {
		r.sc.end = v.end
		return nil
	}
	if err := r.closeFile(); err != nil {
		return err
	}
	f, err := r.l.cfg.FS.OpenFile(v.seg.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	r.seg = v.seg
	r.sc = scanner{f: f, off: segmentHeaderSize, end: v.end, seed: r.l.seed, cipher: r.l.cfg.Cipher}
	want := r.track.commit + 1
	if want == v.seg.first {
		return nil
	}
	off, err := r.l.offsetNear(v.all, v.number, want)
	if err != nil {
		return err
	}
	r.sc.off = off
	if err := r.sc.skipTo(want); err != nil {
		return &DamageError{v.seg.path, r.sc.off, want, v.upTo, err}
	}
	return nil
}

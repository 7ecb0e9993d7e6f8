package wal

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"weir/operators/stream"
)

const (
	// stepLength is how long after a step's first commit another may join it.
	stepLength = 5 * time.Millisecond
	// jumpLimit is how far the wall clock may stray between two looks.
	jumpLimit = time.Second
	// zeroAheadBytes are written behind a small frame that makes the file
	// longer, with the same write and the same sync: the next small frames then
	// change neither the file's length nor its blocks, and a sync that has no
	// such news to write takes a bit more than half as long.
	zeroAheadBytes    = 256 << 10
	zeroAheadFrameMax = 32 << 10
)

// lead writes what is queued as one frame, answers everybody who waited for it
// and passes the lead on. The caller has the lead; its own request is in the queue,
// maybe behind others that nobody waits for, and lead returns when it is answered.
func (l *Log) lead(own *pending) {
	for {
		// Those whom the last leader answered are about to come again: to let
		// them queue first saves a sync that would carry one request.
		runtime.Gosched()
		l.mu.Lock()
		batch := l.takeLocked()
		if batch[0].roll {
			l.mu.Unlock()
			if l.answer(batch, l.rollActive(), own) {
				return
			}
			continue
		}
		mark := l.lookAtClocksLocked() && (batch[0].control == nil || batch[0].control.Kind != Start)
		l.jumped = false
		l.mu.Unlock()
		var err error
		if mark {
			l.cfg.Logger.Warn("the wall clock jumped; a start mark is written")
			err = l.write(nil, &Control{Kind: Start})
		}
		if err == nil {
			err = l.write(batch, batch[0].control)
		}
		if l.answer(batch, err, own) {
			return
		}
	}
}

// takeLocked takes the requests of the next frame: a control alone, or records
// up to about groupBytes.
func (l *Log) takeLocked() []*pending {
	n, size := 1, l.queue[0].size
	if l.queue[0].ofRecords() {
		for n < len(l.queue) && l.queue[n].ofRecords() && size+l.queue[n].size <= groupBytes {
			size += l.queue[n].size
			n++
		}
	}
	batch := append([]*pending(nil), l.queue[:n]...)
	rest := copy(l.queue, l.queue[n:])
	clear(l.queue[rest:])
	l.queue = l.queue[:rest]
	return batch
}

// answer tells the batch how it went and passes the lead on. It returns false
// where the lead stays: the leader's own request is still queued, or nobody waits
// for what is.
func (l *Log) answer(batch []*pending, err error, own *pending) (passed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failLocked(err)
		batch = append(batch, l.queue...)
		l.queue = nil
	}
	for _, p := range batch {
		if err != nil {
			p.err = l.err
		}
		l.queueBytes -= p.size
		close(p.done)
	}
	if slices.Contains(l.queue, own) {
		return false
	}
	for _, p := range l.queue {
		if !p.abandoned {
			p.granted = true
			p.turn <- struct{}{}
			return true
		}
	}
	if len(l.queue) > 0 {
		return false
	}
	l.leading = false
	l.idle.Broadcast()
	return true
}

// failLocked stops the log for good.
func (l *Log) failLocked(err error) {
	l.err = fmt.Errorf("the log failed and takes no more: %w", err)
	l.committing = false
	l.cfg.Logger.Error("the log failed", "error", err)
	close(l.failed)
	l.notifyLocked()
}

// lookAtClocksLocked notes whether the wall clock went another way than the
// monotonic one since the last look.
func (l *Log) lookAtClocksLocked() (jumped bool) {
	wall, mono := l.cfg.Clock().Round(0), l.cfg.Monotonic()
	if stray := wall.Sub(l.lastWall) - (mono - l.lastMono); stray > jumpLimit || stray < -jumpLimit {
		l.jumped = true
	}
	l.lastWall, l.lastMono = wall, mono
	return l.jumped
}

// write makes one frame durable and shows it to the readers.
func (l *Log) write(batch []*pending, control *Control) error {
	if l.active.end >= l.cfg.SegmentBytes && l.active.last >= l.active.first {
		if err := l.roll(); err != nil {
			return err
		}
	}
	h := l.begin(control)
	frame := l.scratch.compose(&h, batch, control, l.next, l.seed)
	if err := l.writeFrame(frame); err != nil {
		return err
	}
	t := time.Now()
	if err := l.file.Datasync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	took := time.Since(t)
	if err := l.head.write(l.logID, h.commit); err != nil {
		return err
	}
	if l.publish(&h, batch, len(frame), took) {
		l.lookAtDisk()
	}
	return nil
}

// begin decides commit, step and arrival of the frame that follows.
func (l *Log) begin(control *Control) header {
	l.mu.Lock()
	defer l.mu.Unlock()
	mono := l.cfg.Monotonic()
	h := header{commit: l.commit + 1, step: l.step, arrival: max(stream.FromGo(l.cfg.Clock()), l.arrival)}
	if control != nil {
		h.kind, h.stream = control.Kind, control.Stream
	}
	if control != nil || !l.stepOpen || mono-l.stepFirst > stepLength {
		h.step++
		l.stepFirst = mono
	}
	l.committing = true
	return h
}

func (l *Log) writeFrame(frame []byte) error {
	end := l.active.end
	if end+int64(len(frame)) > l.fileBytes {
		if len(frame) <= zeroAheadFrameMax {
			frame = l.scratch.padded(frame, zeroAheadBytes)
		}
		l.fileBytes = end + int64(len(frame))
	}
	if _, err := l.file.WriteAt(frame, end); err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	return nil
}

// publish makes a durable frame known. It tells whether so much was written that
// somebody should look at the disk.
func (l *Log) publish(h *header, batch []*pending, size int, took time.Duration) (look bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active.add(h.kind, h.commit, h.step, h.arrival, l.active.end, size)
	for i := range l.scratch.dir {
		e := &l.scratch.dir[i]
		l.next[shardKey{e.stream, e.shard}] = e.first + stream.Seq(e.count)
		l.active.addBlock(e.stream, h.commit, h.arrival, int(e.count), int(e.stored))
	}
	for _, p := range batch {
		p.ack = Ack{Commit: h.commit, KeyInfo: p.key.info, Arrival: h.arrival, First: make([]stream.Seq, len(p.blocks))}
		for i := range p.blocks {
			p.ack.First[i] = p.blocks[i].first
		}
		if p.key.key != "" {
			l.keys.remember(&keyAt{p.key, h.commit, h.arrival})
		}
		if p.mark.producer != 0 {
			l.marks[p.mark.producer] = p.mark.mark
		}
		l.stats.Records += uint64(p.records)
		l.stats.RawBytes += uint64(p.raw)
	}
	l.countLocked(h, batch, size, took)
	l.unlooked += int64(size)
	l.commit, l.arrival = h.commit, h.arrival
	l.committing = false
	l.lastCommit = l.cfg.Monotonic()
	if h.step != l.step {
		l.doneStep = h.step - 1
		l.step = h.step
		l.stepOpen = h.kind == 0
		if l.stepOpen {
			l.stepTimer.Reset(l.stepLeft())
		}
	}
	if h.kind != 0 {
		l.doneStep = h.step
	}
	// The timer leaves a step alone whose next commit is on its way.
	if l.stepOpen && l.lastCommit-l.stepFirst > stepLength {
		l.endStepLocked()
	}
	l.notifyLocked()
	return l.unlooked >= l.lookAfter && l.cfg.DiskReserve >= 0
}

func (l *Log) countLocked(h *header, batch []*pending, size int, took time.Duration) {
	l.stats.Commits++
	l.stats.StoredBytes += uint64(size)
	l.stats.Syncs++
	l.stats.SyncNanos += uint64(took)
	if h.step != l.step {
		l.stats.Steps++
	}
	if h.kind != 0 {
		l.stats.Controls++
		return
	}
	l.stats.Requests += uint64(len(batch))
}

// endStepLocked closes the open step: its number is not used again. Once the log
// failed nobody can say that: the frame that it failed with may be on the disk.
func (l *Log) endStepLocked() {
	if l.stepOpen && l.err == nil {
		l.stepOpen = false
		l.doneStep = l.step
		l.notifyLocked()
	}
}

// rollActive rolls unless the active segment is empty.
func (l *Log) rollActive() error {
	if l.active.last < l.active.first {
		return nil
	}
	return l.roll()
}

// roll seals the active segment and begins the next.
func (l *Log) roll() error {
	l.mu.Lock()
	active := l.active
	ft := &footer{index: active.index, controls: active.controls, seqs: l.next, keys: l.keys.since(active.first), marks: maps.Clone(l.marks)}
	l.mu.Unlock()
	if err := l.seal(active, ft); err != nil {
		return fmt.Errorf("seal %s: %w", active.path, err)
	}
	file, seg, err := createSegment(l.cfg.FS, l.cfg.Dir, l.logID, active.last+1)
	if err != nil {
		return err
	}
	old := l.file
	l.file, l.fileBytes = file, segmentHeaderSize
	seg.lastRecord = active.lastRecord
	l.mu.Lock()
	active.sealed = true
	active.index, active.controls = nil, nil
	l.segments = append(l.segments[:len(l.segments):len(l.segments)], seg)
	l.active = seg
	l.mu.Unlock()
	return old.Close()
}

func (l *Log) seal(s *segment, ft *footer) error {
	b := encodeFooter(s, ft, l.seed)
	if _, err := l.file.WriteAt(b, s.end); err != nil {
		return err
	}
	if err := l.file.Truncate(s.end + int64(len(b))); err != nil {
		return err
	}
	if err := l.file.Datasync(); err != nil {
		return err
	}
	return l.head.f.Datasync()
}

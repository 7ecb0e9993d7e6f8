package scan

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// job is one step on its way to Next.
type job struct {
	data  *stream.StepData
	tasks []*task
	bytes int
	done  chan struct{} // closed when the step is whole and decoded; nil where there is nothing to decode

	mu   sync.Mutex
	left int // tasks that are not decoded, and one for the reader
	err  error
}

// task is a run of blocks of one step, for one worker.
type task struct {
	job    *job
	blocks []blockRef
	rows   []stream.SourceBatch
	took   time.Duration // decoding
}

type blockRef struct {
	frame *wal.Frame
	index int
}

// finish notes that a part of the step is ready, or why it is not.
func (j *job) finish(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = err
	}
	if j.left--; j.left == 0 {
		close(j.done)
	}
}

func (j *job) ended() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

func (j *job) failure() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// collect returns the step with the rows of its tasks, in order.
func (j *job) collect() *stream.StepData {
	n := 0
	j.data.Bytes = int64(j.bytes)
	for _, t := range j.tasks {
		n += len(t.rows)
		j.data.Decoding += t.took
		t.took = 0
	}
	if n > 0 {
		j.data.Rows = make([]stream.SourceBatch, 0, n)
	}
	for _, t := range j.tasks {
		j.data.Rows = append(j.data.Rows, t.rows...)
		t.rows = nil
	}
	return j.data
}

// release frees what was decoded of a step that nobody gets.
func (j *job) release() { j.collect().Release() }

// reading is what the reader goroutine is at.
type reading struct {
	s    *Source
	job  *job  // the step at hand, or nil
	task *task // its blocks that no worker has yet, or nil
	size int   // of task, in bytes

	began bool // the first frame was there
}

// endBefore makes a step before that of the first frame, which says that the
// stream has ended.
func (at *reading) endBefore(ctx context.Context, first *wal.Frame) error {
	j := &job{done: make(chan struct{}), left: 1, data: &stream.StepData{
		Step: first.Step - 1, Commit: at.s.cfg.After, Clock: first.Arrival, End: true,
	}}
	j.finish(nil)
	at.s.budget.stepIsWhole()
	select {
	case at.s.steps <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read follows the log and cuts it into steps and tasks. It ends with ctx, with
// the end of the stream, or with an error, which Next finds behind the steps.
func (s *Source) read(ctx context.Context, r *wal.Reader) {
	defer close(s.tasks)
	at := &reading{s: s}
	err := at.follow(ctx, r)
	s.rest = at.job
	if ctx.Err() != nil {
		return
	}
	last := &job{data: &stream.StepData{}, done: make(chan struct{}), left: 1}
	last.finish(err)
	select {
	case s.steps <- last:
	case <-ctx.Done():
	}
}

func (at *reading) follow(ctx context.Context, r *wal.Reader) error {
	for {
		f, err := r.Next(ctx)
		if err != nil {
			return err
		}
		if !f.StepDone {
			if err := at.frame(ctx, f); err != nil {
				return err
			}
			continue
		}
		if err := at.endStep(ctx, f); err != nil {
			return err
		}
	}
}

// frame adds the blocks of this stream to the step at hand.
func (at *reading) frame(ctx context.Context, f *wal.Frame) error {
	if at.s.cfg.Ended && !at.began {
		if err := at.endBefore(ctx, f); err != nil {
			return err
		}
	}
	at.began = true
	if at.job == nil {
		at.job = &job{data: &stream.StepData{Step: f.Step}, done: make(chan struct{}), left: 1}
	}
	if c := f.Control; c != nil {
		at.job.data.Start = c.Kind == wal.Start
		at.job.data.End = c.Kind == wal.End && c.Stream == at.s.cfg.Stream
		if c.Kind == wal.Reshard && c.Stream == at.s.cfg.Stream {
			var r ingest.Reshard
			if err := json.Unmarshal(c.Payload, &r); err != nil {
				return fmt.Errorf("commit %d: a reshard that cannot be read: %w", f.Commit, err)
			}
			at.job.data.Reshard = &stream.Reshard{Closed: r.Close, Opened: r.Opened()}
		}
	}
	for i := range f.Blocks {
		b := &f.Blocks[i]
		if b.Stream != at.s.cfg.Stream {
			continue
		}
		if err := at.s.budget.take(ctx, b.RawBytes); err != nil {
			return err
		}
		at.job.bytes += b.RawBytes
		if at.task == nil {
			at.task = &task{job: at.job}
		}
		at.task.blocks = append(at.task.blocks, blockRef{f, i})
		if at.size += b.RawBytes; at.size >= taskBytes {
			if err := at.hand(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// hand gives the blocks that were gathered to a worker.
func (at *reading) hand(ctx context.Context) error {
	t := at.task
	if t == nil {
		return nil
	}
	at.task, at.size = nil, 0
	at.job.tasks = append(at.job.tasks, t)
	at.job.mu.Lock()
	at.job.left++
	at.job.mu.Unlock()
	select {
	case at.s.tasks <- t:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (at *reading) endStep(ctx context.Context, mark *wal.Frame) error {
	if err := at.hand(ctx); err != nil {
		return err
	}
	j := at.job
	j.data.Commit, j.data.Clock = mark.Commit, mark.Arrival
	j.finish(nil)
	at.s.budget.stepIsWhole()
	select {
	case at.s.steps <- j:
		at.job = nil
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work decodes tasks until there are no more.
func (s *Source) work(ctx context.Context, d *decoder) {
	for t := range s.tasks {
		if ctx.Err() != nil {
			continue
		}
		began := time.Now()
		err := t.decode(d)
		t.took = time.Since(began)
		t.job.finish(err)
	}
}

func (t *task) decode(d *decoder) error {
	t.rows = make([]stream.SourceBatch, 0, len(t.blocks))
	for _, ref := range t.blocks {
		b := &ref.frame.Blocks[ref.index]
		rows, err := decodeBlock(d, ref.frame, ref.index)
		if err != nil {
			return fmt.Errorf("commit %d, shard %d: %w", ref.frame.Commit, b.Shard, err)
		}
		t.rows = append(t.rows, rows)
	}
	return nil
}

func decodeBlock(d *decoder, f *wal.Frame, i int) (stream.SourceBatch, error) {
	b := &f.Blocks[i]
	data, err := f.Data(i)
	if err != nil {
		return stream.SourceBatch{}, err
	}
	if b.Encoding == wal.Keyed && d.keyed != nil {
		return d.keyed.decode(f, b, data)
	}
	res, err := d.decode(b.Encoding, data)
	if err != nil {
		return stream.SourceBatch{}, err
	}
	good := int(res.Batch.NumRows())
	// Where the syntax is broken the decoder counts all that follows as one row.
	if res.Total != b.Count && !res.Broken || good > b.Count {
		res.Batch.Release()
		return stream.SourceBatch{}, fmt.Errorf("%d records where the log counted %d", res.Total, b.Count)
	}
	return stream.SourceBatch{
		Why:    reasons(res),
		Batch:  stream.Batch{RecordBatch: res.Batch, Shard: b.Shard},
		Commit: f.Commit, Arrival: f.Arrival, First: b.First,
		Seqs: sequences(b, res.Rows, good), Bad: int64(b.Count - good),
	}, nil
}

// reasons returns why the rows did not decode that stand for bad ones.
func reasons(res decode.Result) []string {
	if len(res.Kept) == 0 {
		return nil
	}
	why := make([]string, res.Batch.NumRows())
	for _, k := range res.Kept {
		why[k.Row] = k.Code
	}
	return why
}

// sequences returns the sequence of each good row, or nil where they are dense.
// rows are their places in the block, or nil where none was bad before them.
func sequences(b *wal.FrameBlock, rows []int, good int) []stream.Seq {
	if rows == nil || good == b.Count {
		return nil
	}
	seqs := make([]stream.Seq, len(rows))
	for i, r := range rows {
		seqs[i] = b.First + stream.Seq(r)
	}
	return seqs
}

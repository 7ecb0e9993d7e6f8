package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/ingest/decode"
	"weir/operators/stream"
)

const (
	// ChunkBytes is the size of a step.
	ChunkBytes = 4 << 20
	// errorsKept is how many bad rows Errors describes.
	errorsKept = 20
	// decodersMost bounds the goroutines that decode, and with them the memory.
	decodersMost = 8
)

// The formats of a source.
const (
	JSON = "json" // NDJSON, or one JSON array
	CSV  = "csv"  // comma separated with a header
	TSV  = "tsv"  // tab separated with a header
)

// Config says what to read and what to make of it.
type Config struct {
	// Path is the file to read, unless Reader is set.
	Path string
	// FS is where Path is looked up; nil: the file system of the process.
	FS fs.FS
	// Reader is read instead of a file. The source does not close it.
	Reader io.Reader
	// Format is one of the package's formats. Empty means: by the end of Path,
	// else by the first byte that is not white space.
	Format string
	// Schema is the declared columns.
	Schema stream.Schema
	// Want are the indexes of the columns to build, in the order of the batch.
	Want []int
	// TimeUnit is the unit of numbers in DATETIME columns, a millisecond if 0.
	TimeUnit time.Duration
	// MaxRow is the size of the largest row in bytes, decode.DefaultMaxRow if 0.
	MaxRow int
	// ChunkBytes is the size of a step in bytes, ChunkBytes if 0. It is more than
	// MaxRow. Tests make it small.
	ChunkBytes int
	// Alloc is where the columns' memory comes from, Go's heap if nil.
	Alloc memory.Allocator
}

// Source reads one input once. Next, Errors and Close are for one goroutine.
type Source struct {
	cancel context.CancelFunc
	file   io.Closer // if the source opened it
	order  chan *job
	reads  chan struct{} // closed when the reader has returned

	decoders sync.WaitGroup
	waiting  *job // what Next was waiting for when its context ended

	step  stream.Step
	rows  int // seen so far
	ended bool
	err   error // why there is no next step

	errors int
	codes  map[string]int
	first  []decode.RowError
}

// job is a chunk on its way.
type job struct {
	data      []byte
	truncated bool  // it is the beginning of one row that is too large
	err       error // why the input ended before its end
	result    decode.Result
	size      int           // of data, in bytes
	took      time.Duration // decoding
	ready     chan struct{}
}

// Open begins to read. It fails if the file cannot be opened, or has no usable
// header.
func Open(cfg Config) (*Source, error) {
	if cfg.MaxRow == 0 {
		cfg.MaxRow = decode.DefaultMaxRow
	}
	if cfg.ChunkBytes == 0 {
		cfg.ChunkBytes = ChunkBytes
	}
	cfg.ChunkBytes = max(cfg.ChunkBytes, cfg.MaxRow+2) // more than a row and its line end
	s := &Source{reads: make(chan struct{})}
	in := cfg.Reader
	if in == nil {
		f, err := open(cfg.FS, cfg.Path)
		if err != nil {
			return nil, err
		}
		s.file, in = f, f
	}
	if err := s.start(cfg, in); err != nil {
		if s.file != nil {
			return nil, errors.Join(err, s.file.Close())
		}
		return nil, err
	}
	return s, nil
}

// start finds out the format and sets the goroutines going.
func (s *Source) start(cfg Config, in io.Reader) error {
	workers := min(runtime.GOMAXPROCS(0), decodersMost)
	lookAhead := workers + 1
	r := &reader{in: in, cfg: cfg, free: make(chan []byte, lookAhead+2)}
	if err := r.open(); err != nil {
		return err
	}
	decoders := make([]func([]byte) (decode.Result, error), workers)
	for i := range decoders {
		d, err := newDecoder(cfg, r)
		if err != nil {
			return err
		}
		decoders[i] = d
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.order = make(chan *job, lookAhead)
	jobs := make(chan *job, lookAhead+1)
	go func() {
		defer close(s.reads)
		defer close(s.order)
		r.run(ctx, func(j *job) bool {
			j.ready = make(chan struct{})
			if j.err != nil {
				close(j.ready)
			}
			// The bound is in order: there is room in jobs for all it holds.
			select {
			case s.order <- j:
			case <-ctx.Done():
				return false
			}
			if j.err != nil {
				return false
			}
			select {
			case jobs <- j:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	for _, d := range decoders {
		s.decoders.Go(func() {
			for {
				select {
				case j := <-jobs:
					began := time.Now()
					j.size = len(j.data)
					j.decode(d)
					j.took = time.Since(began)
					r.recycle(j.data)
					close(j.ready)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return nil
}

// decode fills in the result.
func (j *job) decode(d func([]byte) (decode.Result, error)) {
	j.result, j.err = d(j.data)
	if !j.truncated || j.err != nil {
		return
	}
	for i := range j.result.Errors {
		e := &j.result.Errors[i]
		e.Code, e.Message = decode.RowTooLarge, fmt.Sprintf("the row has more than %d bytes", len(j.data))
	}
	j.result.Codes = map[string]int{decode.RowTooLarge: j.result.ErrorCount}
}

// newDecoder compiles a decoder for the chunks that r cuts.
func newDecoder(cfg Config, r *reader) (func([]byte) (decode.Result, error), error) {
	columns := make([]decode.Column, len(cfg.Schema))
	for i, f := range cfg.Schema {
		columns[i] = decode.Column{Name: f.Name, Type: f.Type}
	}
	dc := decode.Config{Columns: columns, Want: cfg.Want, CheckAll: true, TimeUnit: cfg.TimeUnit, MaxRow: cfg.MaxRow, Alloc: cfg.Alloc}
	if r.comma != 0 {
		d, err := decode.NewCSV(dc, r.comma, r.header)
		if err != nil {
			return nil, err
		}
		return d.Records, nil
	}
	d, err := decode.NewJSON(dc)
	if err != nil {
		return nil, err
	}
	if r.array {
		return d.Elements, nil
	}
	return d.Lines, nil
}

// Next returns the next step, which the caller releases. The last one has End
// set and may have no rows; after it comes io.EOF. If ctx ends the source stops
// reading for good.
func (s *Source) Next(ctx context.Context) (*stream.StepData, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.ended {
		return nil, io.EOF
	}
	var j *job
	select {
	case j = <-s.order:
	case <-ctx.Done():
		return nil, s.fail(ctx.Err())
	}
	if j == nil {
		s.ended = true
		s.step++
		return &stream.StepData{Step: s.step, Clock: stream.MinTime, End: true}, nil
	}
	select {
	case <-j.ready:
	case <-ctx.Done():
		s.waiting = j
		return nil, s.fail(ctx.Err())
	}
	if j.err != nil {
		return nil, s.fail(j.err)
	}
	return s.take(j), nil
}

// fail stops reading.
func (s *Source) fail(err error) error {
	s.err = err
	s.cancel()
	return err
}

// take makes a step of a decoded chunk.
func (s *Source) take(j *job) *stream.StepData {
	res := j.result
	s.account(res)
	s.step++
	step := &stream.StepData{Step: s.step, Clock: stream.MinTime, Bytes: int64(j.size), Decoding: j.took}
	if res.Total == 0 {
		res.Batch.Release()
		return step
	}
	b := stream.SourceBatch{
		Batch:   stream.Batch{RecordBatch: res.Batch},
		Arrival: stream.MinTime,
		First:   stream.Seq(s.rows),
		Bad:     int64(res.ErrorCount),
	}
	if res.Rows != nil {
		b.Seqs = make([]stream.Seq, len(res.Rows))
		for i, r := range res.Rows {
			b.Seqs[i] = stream.Seq(s.rows + r)
		}
	}
	step.Rows = []stream.SourceBatch{b}
	s.rows += res.Total
	if res.Broken && !j.truncated {
		// Nothing behind a broken array can be told apart.
		s.ended, step.End = true, true
		s.cancel()
	}
	return step
}

func (s *Source) account(res decode.Result) {
	s.errors += res.ErrorCount
	for code, n := range res.Codes {
		if s.codes == nil {
			s.codes = make(map[string]int, len(res.Codes))
		}
		s.codes[code] += n
	}
	for _, e := range res.Errors {
		if len(s.first) == errorsKept {
			return
		}
		e.Row += s.rows
		s.first = append(s.first, e)
	}
}

// Errors returns how many rows did not decode so far, and describes the first
// twenty, whose row numbers count from 1 over the whole input. Start and End
// have no meaning there.
func (s *Source) Errors() (count int, first []decode.RowError) { return s.errors, s.first }

// ErrorCodes returns how many rows did not decode so far, by code.
func (s *Source) ErrorCodes() map[string]int { return s.codes }

// Rows returns how many rows were read so far, good and bad.
func (s *Source) Rows() int { return s.rows }

// Close stops reading and frees what was read ahead. Only a read from a Reader
// that blocks outlives it: that goroutine ends when the read returns.
func (s *Source) Close() error {
	s.cancel()
	s.decoders.Wait()
	var err error
	if s.file != nil {
		<-s.reads
		err = s.file.Close()
		s.file = nil
	}
	if s.waiting != nil {
		s.waiting.release()
		s.waiting = nil
	}
	for {
		select {
		case j, ok := <-s.order:
			if !ok {
				return err
			}
			j.release()
		default:
			return err
		}
	}
}

// release frees a job that nobody decodes any more.
func (j *job) release() {
	select {
	case <-j.ready:
		if j.result.Batch != nil {
			j.result.Batch.Release()
			j.result.Batch = nil
		}
	default: // it was never decoded
	}
}

package scan

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// Log is what a source reads. *wal.Log is one.
type Log interface {
	NewReader(after stream.Commit) (*wal.Reader, error)
}

// Config says what a source reads.
type Config struct {
	Log    Log
	Stream uint32
	// After is the commit behind which the source begins; 0 is the start of the log.
	After stream.Commit
	// Ended says that the stream's end lies at After or before it: the source
	// begins with a step that has End and no rows.
	Ended bool
	// Columns are the stream's columns and Want the indexes of those that the
	// batches have. TimeUnit and Alloc are as in decode.Config.
	Columns  []decode.Column
	Want     []int
	TimeUnit time.Duration
	Alloc    memory.Allocator
	// Keyed says how records are read that are a key and bytes. A stream without
	// Keyed.Shards has none.
	Keyed Keyed
	// ShowBad makes a row of NULLs of each record that does not decode: SourceBatch.Why
	// says so.
	ShowBad bool
	// Workers is how many goroutines decode; default GOMAXPROCS.
	Workers int
	// ReadAheadBytes bounds the undecoded bytes of the steps that wait to be
	// taken; default 16 MiB.
	ReadAheadBytes int
}

func (c *Config) fill() {
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.ReadAheadBytes <= 0 {
		c.ReadAheadBytes = 16 << 20
	}
}

const (
	readAheadSteps = 256
	// taskBytes is about how much a worker takes at once.
	taskBytes = 256 << 10
)

// Source delivers the steps of one stream. Next and Close are for one goroutine.
type Source struct {
	cfg    Config
	cancel context.CancelFunc
	wg     sync.WaitGroup

	steps  chan *job // whole steps, in order
	tasks  chan *task
	budget budget
	rest   *job // the step that the reader was at when it stopped; read after wg

	current *job // taken from steps and not yet handed over
	err     error
}

// Open starts a source. The caller closes it.
func Open(cfg Config) (*Source, error) {
	cfg.fill()
	decoders := make([]*decoder, cfg.Workers)
	for i := range decoders {
		d, err := newDecoder(&cfg)
		if err != nil {
			return nil, fmt.Errorf("scan stream %d: %w", cfg.Stream, err)
		}
		decoders[i] = d
	}
	r, err := cfg.Log.NewReader(cfg.After)
	if err != nil {
		return nil, fmt.Errorf("scan stream %d: %w", cfg.Stream, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Source{
		cfg: cfg, cancel: cancel,
		steps: make(chan *job, readAheadSteps), tasks: make(chan *task, cfg.Workers),
		budget: budget{limit: cfg.ReadAheadBytes, freed: make(chan struct{}, 1)},
	}
	s.wg.Go(func() {
		defer r.Close()
		s.read(ctx, r)
	})
	for _, d := range decoders {
		s.wg.Go(func() { s.work(ctx, d) })
	}
	return s, nil
}

// Next blocks until the next step is over and returns all of it; the caller
// releases it. The stream's end is a step like any other: rows behind it are
// still handed over, for they are late and want to be counted. Next returns
// wal.ErrClosed at the head of a closed log, and *wal.DamageError where the log
// is damaged, and *wal.BehindRetentionError where the source was so slow that
// commits that it had not read were removed. After an error other than ctx's it returns the same again.
func (s *Source) Next(ctx context.Context) (*stream.StepData, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.current == nil {
		select {
		case s.current = <-s.steps:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if !s.current.ended() {
		select {
		case <-s.current.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	j := s.current
	s.current = nil
	if err := j.failure(); err != nil {
		j.release()
		s.err = fmt.Errorf("scan stream %d: %w", s.cfg.Stream, err)
		return nil, s.err
	}
	s.budget.handOver(j.bytes)
	return j.collect(), nil
}

// Close stops the source and frees what was read ahead. Next is not running then.
func (s *Source) Close() error {
	s.cancel()
	s.wg.Wait()
	if s.current != nil {
		s.current.release()
		s.current = nil
	}
	if s.rest != nil {
		s.rest.release()
		s.rest = nil
	}
	for {
		select {
		case j := <-s.steps:
			j.release()
			continue
		default:
		}
		break
	}
	if s.err == nil {
		s.err = wal.ErrClosed
	}
	return nil
}

// budget bounds what is read ahead. The reader waits only while there is a whole
// step that can be taken, so a step larger than the limit does not stop it.
type budget struct {
	limit int
	freed chan struct{}

	mu    sync.Mutex
	bytes int
	whole int // steps that are whole and were not handed over
}

// take waits until n bytes may be read ahead.
func (b *budget) take(ctx context.Context, n int) error {
	for {
		b.mu.Lock()
		if b.whole == 0 || b.bytes+n <= b.limit {
			b.bytes += n
			b.mu.Unlock()
			return nil
		}
		b.mu.Unlock()
		select {
		case <-b.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *budget) stepIsWhole() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.whole++
}

func (b *budget) handOver(n int) {
	b.mu.Lock()
	b.bytes -= n
	b.whole--
	b.mu.Unlock()
	select {
	case b.freed <- struct{}{}:
	default:
	}
}

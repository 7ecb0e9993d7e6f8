package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"weir/ingest/assign"
	"weir/ingest/decode"
	"weir/ingest/httpapi"
	"weir/ingest/wal"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/sql/catalog"
)

const (
	// partBytes and partRows end a part: what is written at once of a step.
	partBytes = 1 << 20
	partRows  = 50_000
	// pumpPause is how long a pump waits for a log that is busy, and diskPause for a
	// disk that is nearly full.
	pumpPause = 10 * time.Millisecond
	diskPause = time.Second
)

// pump writes what a query computes into a stream. It implements engine.Output.
//
// The rows of a step are in the log before the query goes on, and with them the
// producer's mark: the commit that they follow from. So a query that was stopped
// anywhere computes again what it had computed, and passes over what the mark says
// is there. It keeps no rows.
type pump struct {
	door   *door
	id     uint32 // of the producer
	name   string
	into   httpapi.Stream
	writer *assign.Writer
	view   *views.View // of no rows; it knows how far the query has come
	logger *slog.Logger

	// Of the query's goroutine.
	rows []byte // of the part under way
	used uint64 // rows of the step, up to the end of the part

	mu      sync.Mutex
	mark    wal.Mark
	waiting string // what for; ""
	refusal string // of the row that was refused last
}

// newPump returns what writes the rows of a query.
func (db *database) newPump(def *catalog.View, v *views.View) (*pump, error) {
	into, ok := db.door.target.Lookup(def.Into)
	if !ok {
		return nil, dropped(def.Into)
	}
	p := &pump{door: db.door, id: def.ID, name: def.Name, into: into, view: v, logger: db.logger}
	p.mark, _ = db.log.Mark(def.ID)
	columns := make([]decode.Column, len(def.IntoColumns))
	for i, c := range def.IntoColumns {
		columns[i] = into.Columns[c]
	}
	p.writer = assign.New(def.Schema, columns)
	return p, nil
}

// Step writes the rows of a step, but for those that are there.
func (p *pump) Step(ctx context.Context, c stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	if err := p.write(ctx, c, commit, changes); err != nil {
		return fmt.Errorf("write to `%s`: %w", p.into.Name, err)
	}
	if commit <= p.view.State().Commit {
		return nil // it knew before a restart
	}
	return p.view.Step(ctx, c, commit, nil)
}

func (p *pump) write(ctx context.Context, c stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	there := uint64(0) // rows of the step that are in the log
	switch m := p.mark; {
	case commit < m.Source, commit == m.Source && m.Rows == 0:
		return nil
	case commit == m.Source:
		there = m.Rows
	}
	in := httpapi.Insertion{Stream: p.into, Producer: p.id, Latest: stream.MaxTime}
	if c.Clock != stream.MinTime {
		in.Latest = p.into.LatestAt(c.Clock) // of the log, so that a repetition refuses the same
	}
	p.rows, p.used = p.rows[:0], 0
	part, own := 0, uint64(0) // rows, and those that are refused here
	flush := func(rows uint64) error {
		in.Rows = p.rows
		in.Mark = p.mark
		in.Mark.Source, in.Mark.Rows = commit, rows
		in.Mark.Refused += own
		err := p.append(ctx, in)
		p.rows, part, own = p.rows[:0], 0, 0
		return err
	}
	for _, b := range changes {
		for row := range int(b.NumRows()) {
			if b.Ops != nil && b.Ops[row] != stream.Insert {
				return errors.New("a row was taken back by a query whose rows stay")
			}
			if p.used++; p.used <= there {
				continue
			}
			if len(p.rows) >= partBytes || part == partRows {
				if err := flush(p.used - 1); err != nil {
					return err
				}
			}
			part++
			var why *decode.RowError
			if p.rows, why = p.appendRow(p.rows, b, row); why != nil {
				own++
				p.refused(1, *why)
				continue
			}
			p.rows = append(p.rows, '\n')
		}
	}
	if part == 0 {
		return nil
	}
	return flush(0)
}

// appendRow appends a row as the record that it becomes. The door refuses a record
// that is too large as well, but takes no part that one makes larger than a request.
func (p *pump) appendRow(dst []byte, b stream.Batch, row int) ([]byte, *decode.RowError) {
	start := len(dst)
	dst, refused := p.writer.Append(dst, b.RecordBatch, row)
	if refused != nil {
		return dst, &decode.RowError{Code: refused.Code, Message: refused.Message}
	}
	if size := len(dst) - start; size > decode.DefaultMaxRow {
		return dst[:start], &decode.RowError{
			Code: decode.RowTooLarge, Message: fmt.Sprintf("the row has %d bytes, more than %d", size, decode.DefaultMaxRow),
		}
	}
	return dst, nil
}

// append writes a part, as soon as the log takes it.
func (p *pump) append(ctx context.Context, in httpapi.Insertion) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		// What is being written is waited for: a context that ends must not leave it open
		// whether it is there.
		done, err := p.door.records.Insert(context.WithoutCancel(ctx), in)
		switch {
		case err == nil:
			p.mu.Lock()
			p.mark = done.Mark
			p.mu.Unlock()
			if done.Refused > 0 {
				p.refused(done.Refused, done.Errors[0])
			}
			return nil
		case !httpapi.Busy(err):
			return err
		}
		select {
		case <-time.After(pumpPause):
		case <-ctx.Done():
		}
	}
}

// refused notes that the stream does not take rows.
func (p *pump) refused(rows int, first decode.RowError) {
	text := first.Code + ": " + first.Message
	p.mu.Lock()
	known := p.refusal != ""
	p.refusal = text
	p.mu.Unlock()
	if !known {
		p.logger.Warn("rows of a query do not fit their stream and are left out; SHOW PUMPS counts them",
			"query", p.name, "into", p.into.Name, "rows", rows, "first", text)
	}
}

// pumped is what a pump has done.
type pumped struct {
	into             string
	written, refused uint64
	source           stream.Commit // of the rows that were written last
	waiting, refusal string
}

func (p *pump) stats() pumped {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pumped{
		into: p.into.Name, written: p.mark.Written, refused: p.mark.Refused, source: p.mark.Source,
		waiting: p.waiting, refusal: p.refusal,
	}
}

// gate holds the steps of a source back while the disk is nearly full: between two
// steps a query can be saved, and what is saved lets old segments go.
type gate struct {
	engine.Source
	pump *pump
	log  *wal.Log
}

// Next returns the next step, once there is room for what follows from it.
func (g *gate) Next(ctx context.Context) (*stream.StepData, error) {
	for g.log.DiskLow() {
		g.pump.wait("waiting for room on the disk")
		select {
		case <-time.After(diskPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	g.pump.wait("")
	return g.Source.Next(ctx)
}

func (p *pump) wait(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = what
}

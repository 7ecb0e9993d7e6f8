package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// rejectedShown is how many rejected rows are reported one by one.
	rejectedShown = 10
	// runBytesMax is the longest name of a run; a line number goes behind it.
	runBytesMax = 200
)

// PutConfig says what is sent, and where to.
type PutConfig struct {
	Client *Client
	Stream string
	In     io.Reader
	Name   string // of the input, for messages
	// File tells that the input is a file, which can be sent again from a line on.
	File bool
	Size int64 // of the input in bytes, as it comes; 0 if it is not known
	// Format is what the rows are written in; Auto looks at Name and at the input.
	// An input that is compressed with gzip or zstd is unpacked.
	Format Format
	From   int64 // the first line to send, from 1
	// Run names the run: a piece that was sent before under the same name, from the
	// same line on, does not count again. Empty takes a random name.
	Run      string
	Patience time.Duration // how long a piece is tried before Put gives up
	Err      io.Writer
	Terminal bool   // Err is a terminal: a line that moves
	Command  string // what a person types to put, for "go on with"
}

// ErrNoStream is what an error of Put is where the server has no such stream.
var ErrNoStream = errors.New("there is no such stream")

// Put sends the rows of an input to a stream. The error says what is missing:
// rows that were rejected, or lines that were not sent.
func Put(ctx context.Context, cfg PutConfig) error {
	if err := cfg.complete(); err != nil {
		return err
	}
	// Whoever has no server, or not this one, shall know at once and not after
	// the patience for one that went away.
	if err := cfg.Client.Ping(ctx); err != nil {
		return err
	}
	in := &meter{in: cfg.In}
	p := &put{cfg: cfg, show: newProgress(cfg)}
	p.show.read = in
	p.send = newSender(cfg.Client, cfg.Stream, cfg.Patience, p.show.waiting)
	p.in = newPieces(in, !cfg.File, cfg.Format)
	defer p.in.close()
	err := p.run(ctx)
	p.show.end()
	return p.report(err)
}

func (c *PutConfig) complete() error {
	switch {
	case c.From < 0:
		return fmt.Errorf("--from %d: lines count from 1", c.From)
	case len(c.Run) > runBytesMax || strings.ContainsFunc(c.Run, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("--run %q: a name of at most %d letters, digits and signs, without spaces", c.Run, runBytesMax)
	}
	c.From = max(c.From, 1)
	var err error
	if c.Format, err = formatOf(c.Format, c.Name); err != nil {
		return err
	}
	if c.Run == "" {
		var id [8]byte
		if _, err := rand.Read(id[:]); err != nil {
			return fmt.Errorf("name the run: %w", err)
		}
		c.Run = hex.EncodeToString(id[:])
	}
	return nil
}

// put is one run.
type put struct {
	cfg  PutConfig
	in   *pieces
	send *sender
	show *progress

	next     int64 // the first line of which it is not known that it was dealt with
	doubt    int64 // lines from next on that may or may not be stored
	accepted int64
	rejected int64
	shown    int
	unknown  []unknownMember
}

// unknownMember is a member of rows that the stream has no column for.
type unknownMember struct {
	name, hint string
	rows       int64
}

// unknownMax is how many of them a run names.
const unknownMax = 20

// run sends piece by piece. One at a time: two under way could change places, and
// with them the order of the rows of a key.
func (p *put) run(ctx context.Context) error {
	if err := p.in.begin(ctx); err != nil {
		return err
	}
	if p.in.format == Array && p.cfg.From > 1 {
		return fmt.Errorf("--from %d: of a JSON array the rows stand where they like; the same --run again sends what is missing", p.cfg.From)
	}
	p.cfg.From = max(p.cfg.From, p.in.line)
	if err := p.skipTo(ctx, p.cfg.From); err != nil {
		return err
	}
	p.next = p.cfg.From
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pc, err := p.in.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.piece(ctx, pc); err != nil {
			return err
		}
		p.next = pc.first + pc.lines
		p.show.add(pc, p.accepted, p.rejected)
	}
}

// piece sends a piece and counts what became of its rows.
func (p *put) piece(ctx context.Context, pc piece) error {
	if pc.bad != "" {
		p.reject(pc.first, pc.bad)
		p.rejected++
		return nil
	}
	r, err := p.send.send(ctx, p.cfg.Run+"/"+strconv.FormatInt(pc.id, 10), pc.kind, pc.body)
	if err != nil {
		var no *refused
		if !errors.As(err, &no) {
			p.doubt = pc.lines
		}
		return err
	}
	p.accepted += r.Accepted
	p.rejected += r.Rejected
	for _, u := range r.Unknown {
		at := slices.IndexFunc(p.unknown, func(m unknownMember) bool { return m.name == u.Name })
		if at < 0 && len(p.unknown) < unknownMax {
			at = len(p.unknown)
			p.unknown = append(p.unknown, unknownMember{name: u.Name, hint: u.Hint})
		}
		if at >= 0 {
			p.unknown[at].rows += u.Rows
		}
	}
	for _, e := range r.Errors {
		if p.shown >= rejectedShown {
			break
		}
		what := e.Code
		if e.Column != "" {
			what += " in column " + e.Column
		}
		p.reject(pc.lineOf(e.Row), what+": "+e.Message)
	}
	return nil
}

// reject reports a row, if not too many were.
func (p *put) reject(line int64, why string) {
	if p.shown++; p.shown <= rejectedShown {
		p.show.note("%s:%d: %s", p.cfg.Name, line, clean(why))
	}
}

// clean keeps what a server says from steering the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// skipTo drops the lines before a line.
func (p *put) skipTo(ctx context.Context, line int64) error {
	for p.in.line < line {
		skipped, err := p.in.drop(ctx, line)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("--from %d: %s has only %s", line, p.cfg.Name, count(p.in.line-1, "line"))
		}
		if err != nil {
			return err
		}
		p.show.skip(skipped)
	}
	return nil
}

// report says what became of the rows, and how to go on.
func (p *put) report(err error) error {
	if err == nil || p.accepted+p.rejected > 0 {
		p.show.summary(p.cfg.Stream, p.accepted, p.rejected)
	}
	for _, u := range p.unknown {
		text := fmt.Sprintf("%s `%s`, and %s has no such column", counted(u.rows, "row has", "rows have"), clean(u.name), p.cfg.Stream)
		if u.hint != "" {
			text += "; " + clean(u.hint)
		}
		p.show.note("%s", text)
	}
	var rejected error
	if p.rejected > 0 {
		if p.rejected > int64(min(p.shown, rejectedShown)) {
			p.show.note("… and more: %s in all", count(p.rejected, "rejected row"))
		}
		rejected = fmt.Errorf("%s rejected by %s", counted(p.rejected, "row was", "rows were"), p.cfg.Stream)
	}
	if err == nil {
		return rejected
	}
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	if p.next <= p.cfg.From && p.doubt == 0 { // nothing was sent
		return errors.Join(err, rejected)
	}
	return errors.Join(fmt.Errorf("%w; %s", err, p.resume()), rejected)
}

// resume says how far the run came and how to go on.
func (p *put) resume() string {
	far := fmt.Sprintf("lines %d to %d of %s were sent and answered", p.cfg.From, p.next-1, p.cfg.Name)
	if p.next == p.cfg.From {
		far = "nothing was answered"
	}
	if p.doubt > 0 {
		far += fmt.Sprintf(", of lines %d to %d it is not known", p.next, p.next+p.doubt-1)
	}
	if p.cfg.File && p.in.format == Array {
		return fmt.Sprintf("%s. Go on with: %s --run %s", far, p.cfg.Command, p.cfg.Run)
	}
	if p.cfg.File {
		// The same name and the same line: what is in doubt counts once.
		return fmt.Sprintf("%s. Go on with: %s --from %d --run %s", far, p.cfg.Command, p.next, p.cfg.Run)
	}
	return fmt.Sprintf("%s. With the same input again, --from %d goes on there", far, p.next)
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

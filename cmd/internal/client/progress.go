package client

import (
	"fmt"
	"io"
	"time"
)

// progressEvery is how often the line on a terminal changes.
const progressEvery = 200 * time.Millisecond

// clearLine goes to the line's beginning and clears it.
const clearLine = "\r\x1b[K"

// progress says on a terminal how far a run is.
type progress struct {
	out      io.Writer
	terminal bool
	stream   string
	size     int64
	began    time.Time

	bytes, skipped int64
	read           *meter // of the input; nil in tests
	rows, rejected int64
	drawn, drawing time.Time
	visible        bool
	// What the rates are of: the figures some time ago.
	at                time.Time
	atBytes, atRows   int64
	byteRate, rowRate float64
	said              string // why it waits
}

func newProgress(cfg PutConfig) *progress {
	now := time.Now()
	return &progress{out: cfg.Err, terminal: cfg.Terminal, stream: cfg.Stream, size: cfg.Size, began: now, at: now}
}

// skip counts bytes that are not sent.
func (p *progress) skip(n int64) { p.skipped += n }

// add counts a piece that was dealt with.
func (p *progress) add(pc piece, rows, rejected int64) {
	p.bytes += int64(len(pc.data))
	p.rows, p.rejected, p.said = rows, rejected, ""
	if now := time.Now(); p.terminal && now.Sub(p.drawn) >= progressEvery {
		p.drawing = now
		p.measure(now)
		p.draw(now, p.line())
	}
}

// measure takes the rates of the last seconds.
func (p *progress) measure(now time.Time) {
	d := now.Sub(p.at).Seconds()
	if d < 1 && p.byteRate > 0 || d <= 0 {
		return
	}
	p.byteRate = float64(p.bytes-p.atBytes) / d
	p.rowRate = float64(p.rows-p.atRows) / d
	p.at, p.atBytes, p.atRows = now, p.bytes, p.rows
}

func (p *progress) line() string {
	text := fmt.Sprintf("%s: %s  %s rows/s  %.1f MB/s", p.stream, count(p.rows, "row"), grouped(int64(p.rowRate)), p.byteRate/1e6)
	if p.rejected > 0 {
		text += fmt.Sprintf("  %s rejected", grouped(p.rejected))
	}
	if p.size <= 0 {
		return text
	}
	done, rate := p.bytes+p.skipped, p.byteRate
	if p.read != nil && p.read.packed.Load() {
		// What is compressed is measured as it lies on the disk.
		done = p.read.n.Load()
		if s := p.drawing.Sub(p.began).Seconds(); s > 0 {
			rate = float64(done) / s
		}
	}
	done = min(done, p.size)
	text += fmt.Sprintf("  %d %%", 100*done/p.size)
	if rate > 0 {
		left := time.Duration(float64(p.size-done) / rate * float64(time.Second))
		text += "  ETA " + clock(left)
	}
	return text
}

// clock writes a duration as 1:02:03 or 2:03.
func clock(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func (p *progress) draw(now time.Time, text string) {
	fmt.Fprint(p.out, clearLine, text)
	p.drawn, p.visible = now, true
}

// waiting says why nothing moves; elsewhere than on a terminal once.
func (p *progress) waiting(why string) {
	switch {
	case p.terminal:
		p.draw(time.Now(), "waiting: "+clean(why))
	case p.said != why:
		p.note("waiting: %s", clean(why))
	}
	p.said = why
}

// note writes a line that stays.
func (p *progress) note(format string, args ...any) {
	p.end()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// end takes the moving line away.
func (p *progress) end() {
	if p.visible {
		fmt.Fprint(p.out, clearLine)
		p.visible = false
	}
}

// summary says what the whole run did.
func (p *progress) summary(stream string, accepted, rejected int64) {
	took := time.Since(p.began)
	text := fmt.Sprintf("%s: %s stored", stream, count(accepted, "row"))
	if rejected > 0 {
		text += fmt.Sprintf(", %s rejected", grouped(rejected))
	}
	text += " in " + took.Round(roundTo(took)).String()
	if s := took.Seconds(); s >= 0.01 {
		text += fmt.Sprintf(" (%s rows/s, %.1f MB/s)", grouped(int64(float64(accepted)/s)), float64(p.bytes)/1e6/s)
	}
	p.note("%s", text)
}

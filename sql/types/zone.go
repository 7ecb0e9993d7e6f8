package types

import (
	"archive/zip"
	_ "embed" // the time zone database
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// zoneinfo is the IANA time zone database as the Go toolchain ships it, in the
// public domain. It is part of the program, so that two machines cannot disagree
// about a result; `go generate ./sql/types` renews it.
//
//go:generate sh -c "cp $(go env GOROOT)/lib/time/zoneinfo.zip zoneinfo.zip && chmod 644 zoneinfo.zip"
//go:embed zoneinfo.zip
var zoneinfo string

// Zone returns a time zone by its IANA name in any case ("Europe/Berlin", "UTC"),
// or by its offset ("+02:00", "-05:30", at most 14 hours). It looks nowhere but in
// the program itself. The empty name and "Local" are no zones: what they mean is a
// matter of the machine.
func Zone(name string) (*time.Location, error) {
	if seconds, ok := zoneOffset(name); ok {
		return time.FixedZone(name, seconds), nil
	}
	files, err := zip.NewReader(strings.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil, fmt.Errorf("read time zones: %w", err)
	}
	for _, f := range files.File {
		if !strings.EqualFold(f.Name, name) || strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("read time zone %s: %w", f.Name, err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("read time zone %s: %w", f.Name, err)
		}
		return time.LoadLocationFromTZData(f.Name, data)
	}
	return nil, fmt.Errorf("there is no time zone %.60q", name)
}

// ZoneNames returns the names that Zone knows, in order.
func ZoneNames() []string {
	files, err := zip.NewReader(strings.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range files.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	return names
}

// zoneOffset reads ±hh:mm, at most 14 hours.
func zoneOffset(s string) (seconds int, ok bool) {
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hour, minute := twoDigits(s, 1), twoDigits(s, 4)
	if minute > 59 || hour*60+minute > 14*60 {
		return 0, false
	}
	seconds = int(hour*60+minute) * 60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// ZoneClock converts between UTC and the clock of a zone, both in microseconds
// since 1970-01-01 00:00:00 on their own calendar. It remembers the stretch
// between two transitions that it was in last, so that times that lie near each
// other cost an addition. It belongs to one goroutine at a time; a copy is another
// clock.
type ZoneClock struct {
	zone     *time.Location
	from, to int64 // instants of the stretch: [from, to)
	offset   int64 // what to add to UTC in it
}

// NewZoneClock returns the clock of a zone.
func NewZoneClock(zone *time.Location) ZoneClock {
	c := ZoneClock{zone: zone}
	c.seek(0)
	return c
}

// zoneShiftMax is more than any clock is away from UTC.
const zoneShiftMax = 26 * 3600 * microsPerSecond

// seek finds the stretch that the instant is in.
func (c *ZoneClock) seek(micros int64) {
	t := time.UnixMicro(micros).In(c.zone)
	_, seconds := t.Zone()
	start, end := t.ZoneBounds()
	c.offset, c.from, c.to = int64(seconds)*microsPerSecond, math.MinInt64, math.MaxInt64
	if !start.IsZero() {
		c.from = start.UnixMicro()
	}
	if !end.IsZero() {
		c.to = end.UnixMicro()
	}
	if c.to <= micros { // package time ends a stretch a day early in leap years
		c.to = micros + 3600*microsPerSecond
	}
}

// Local returns what the zone's clock shows at an instant.
func (c *ZoneClock) Local(micros int64) int64 {
	if micros < c.from || micros >= c.to {
		c.seek(micros)
	}
	return micros + c.offset
}

// UTC returns the first instant at which the zone's clock shows local. Where the
// clock was put back and shows it twice, that is the earlier one; where it was put
// forward and never shows it, it is the instant of the change.
func (c *ZoneClock) UTC(local int64) int64 {
	// Far enough behind the last change no stretch before this one reaches local.
	at := local - c.offset
	if at < c.to && (c.from == math.MinInt64 || at >= c.from+2*zoneShiftMax) {
		return at
	}
	c.seek(local - zoneShiftMax)
	for {
		switch at = local - c.offset; {
		case at < c.from:
			return c.from
		case at < c.to:
			return at
		}
		c.seek(c.to)
	}
}

package windows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/sql/types"
)

const day = 24 * time.Hour

// clock reads a time on the clock of a zone.
func clock(t testing.TB, zone, text string) stream.Time {
	loc, err := types.Zone(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return stream.Time(at.UnixMicro())
}

// TestCalendarVectors: the days at which clocks change, before 1970 too, and the
// lengths that follow. The instants are those of Python's zoneinfo.
func TestCalendarVectors(t *testing.T) {
	tumble := func(size time.Duration, months int64, zone string) Spec {
		return Spec{Kind: Tumble, Size: size, SizeMonths: months, Zone: zone}
	}
	moved := tumble(day, 0, "Europe/Berlin")
	moved.Offset = 150 * time.Minute
	fiscal := tumble(0, 12, "")
	fiscal.OffsetMonths = 3
	for _, c := range []struct {
		spec     Spec
		at       string // UTC
		from, to string // UTC
	}{
		{tumble(day, 0, "Europe/Berlin"), "2024-03-31 12:00", "2024-03-30 23:00", "2024-03-31 22:00"},
		{tumble(day, 0, "Europe/Berlin"), "2024-10-27 12:00", "2024-10-26 22:00", "2024-10-27 23:00"},
		{tumble(day, 0, "America/New_York"), "2024-03-10 12:00", "2024-03-10 05:00", "2024-03-11 04:00"},
		{tumble(day, 0, "America/New_York"), "2024-11-03 12:00", "2024-11-03 04:00", "2024-11-04 05:00"},
		{tumble(day, 0, "Australia/Lord_Howe"), "2024-04-06 14:00", "2024-04-06 13:00", "2024-04-07 13:30"},
		{tumble(day, 0, "Australia/Lord_Howe"), "2024-10-06 02:00", "2024-10-05 13:30", "2024-10-06 13:00"},
		{tumble(day, 0, "America/New_York"), "1967-04-30 12:00", "1967-04-30 05:00", "1967-05-01 04:00"},
		// Samoa went from the 29th to the 31st of December.
		{tumble(day, 0, "Pacific/Apia"), "2011-12-30 09:59", "2011-12-29 10:00", "2011-12-30 10:00"},
		{tumble(day, 0, "Pacific/Apia"), "2011-12-30 10:00", "2011-12-30 10:00", "2011-12-31 10:00"},
		// In Cuba midnight came twice, in Lebanon not at all.
		{tumble(day, 0, "America/Havana"), "2024-11-03 05:00", "2024-11-03 04:00", "2024-11-04 05:00"},
		{tumble(day, 0, "Asia/Beirut"), "2024-03-31 12:00", "2024-03-30 22:00", "2024-03-31 21:00"},
		{moved, "2024-10-27 01:00", "2024-10-27 00:30", "2024-10-28 01:30"},
		{moved, "2024-03-31 00:59", "2024-03-30 01:30", "2024-03-31 01:00"},
		{tumble(0, 1, ""), "2024-02-29 23:59", "2024-02-01 00:00", "2024-03-01 00:00"},
		{tumble(0, 1, ""), "1968-02-29 23:59", "1968-02-01 00:00", "1968-03-01 00:00"},
		{tumble(0, 3, "Europe/Berlin"), "2024-03-31 21:59", "2023-12-31 23:00", "2024-03-31 22:00"},
		{tumble(0, 12, "America/New_York"), "1969-12-31 23:00", "1969-01-01 05:00", "1970-01-01 05:00"},
		{fiscal, "2024-03-31 23:59", "2023-04-01 00:00", "2024-04-01 00:00"},
	} {
		utc := func(s string) stream.Time { return clock(t, "UTC", s) }
		got := gridOf(t, c.spec).AppendWindows(nil, utc(c.at))
		if want := (Window{utc(c.from), utc(c.to)}); len(got) != 1 || got[0] != want {
			t.Errorf("%+v at %s: %v, want %v", c.spec, c.at, got, want)
		}
	}
}

// TestCumulateOverTheCalendar: the hours of a day that has 25, and the days of a month.
func TestCumulateOverTheCalendar(t *testing.T) {
	hours := gridOf(t, Spec{Kind: Cumulate, Slide: time.Hour, Size: day, Zone: "Europe/Berlin"})
	got := hours.AppendWindows(nil, clock(t, "UTC", "2024-10-26 22:30"))
	if len(got) != 25 || got[24].End != clock(t, "UTC", "2024-10-27 23:00") || got[0].Start != clock(t, "UTC", "2024-10-26 22:00") {
		t.Errorf("%d windows, %v", len(got), got)
	}
	days := gridOf(t, Spec{Kind: Cumulate, Slide: day, SizeMonths: 1, Zone: "Europe/Berlin"})
	got = days.AppendWindows(nil, clock(t, "Europe/Berlin", "2024-02-27 12:00"))
	if len(got) != 3 || got[2].End != clock(t, "Europe/Berlin", "2024-03-01 00:00") || got[0].Start != clock(t, "Europe/Berlin", "2024-02-01 00:00") {
		t.Errorf("%v", got)
	}
}

// TestNotNested: lengths of which none is a multiple of the other.
func TestNotNested(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Kind: Hop, SizeMonths: 1, Slide: day}, "months differ in length"},
		{Spec{Kind: Hop, Size: day, Slide: time.Hour, Zone: "Europe/Berlin"}, "23 or 25 hours"},
		{Spec{Kind: Cumulate, SizeMonths: 1, Slide: 2 * day}, "months differ in length"},
		{Spec{Kind: Cumulate, Size: 10 * time.Second, Slide: 3 * time.Second}, "no multiple"},
		{Spec{Kind: Cumulate, Size: day, Slide: time.Hour, Zone: "Australia/Lord_Howe"}, "no multiple of 1h"},
		{Spec{Kind: Tumble, Size: day, Zone: "Europe/Atlantis"}, "no time zone"},
		{Spec{Kind: Tumble}, "size 0s"},
		{Spec{Kind: Session, Gap: time.Second}, "of a group"},
	} {
		if _, err := c.spec.Grid(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.spec, err, c.want)
		}
	}
}

// slowDay returns the calendar day, or the first of the month, that t lies in on
// a zone's clock, counted with time.Time alone.
func slowLabel(t stream.Time, loc *time.Location, months bool, wall time.Duration) string {
	// The label changes at the first instant at which the clock, less wall, shows it.
	label := func(at time.Time) string {
		_, off := at.Zone()
		shown := at.UTC().Add(time.Duration(off)*time.Second - wall)
		if months {
			return shown.Format("2006-01")
		}
		return shown.Format("2006-01-02")
	}
	at := time.UnixMicro(int64(t)).In(loc)
	best := label(at)
	for back := time.Duration(0); back <= 3*time.Hour; back += 15 * time.Minute {
		if l := label(at.Add(-back)); l > best { // the clock was put back since
			best = l
		}
	}
	return best
}

// TestCalendarAgainstTime: a row is in the day or month that the zone's clock shows.
func TestCalendarAgainstTime(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "UTC", "+05:30"}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		loc, err := types.Zone(zone)
		if err != nil {
			t.Fatal(err)
		}
		months := rapid.Bool().Draw(t, "months")
		wall := time.Duration(rapid.IntRange(0, 95).Draw(t, "wall")) * 15 * time.Minute
		spec := Spec{Kind: Tumble, Size: day, Zone: zone, Offset: wall}
		if months {
			spec = Spec{Kind: Tumble, SizeMonths: 1, Zone: zone, Offset: wall}
		}
		g := gridOf(t, spec)
		year := rapid.IntRange(1920, 2060).Draw(t, "year")
		at := time.Date(year, 1, 1, 0, 0, 0, 0, loc)
		for range rapid.IntRange(0, 3).Draw(t, "changes") { // near a change of the clock
			if _, end := at.ZoneBounds(); end.After(at) {
				at = end
			}
		}
		at = at.Add(time.Duration(rapid.IntRange(-40*4, 40*4).Draw(t, "quarters")) * 15 * time.Minute)
		x := stream.Time(at.UnixMicro())
		k := g.Number(x)
		if lo, hi := g.Time(k), g.Time(k+1); x < lo || x >= hi {
			t.Fatalf("[%v, %v) without %v", lo.Go(), hi.Go(), at.UTC())
		}
		for _, other := range []time.Duration{-25 * time.Hour, -time.Hour, -15 * time.Minute, 15 * time.Minute, time.Hour, 25 * time.Hour} {
			y := x.Add(other)
			same := slowLabel(x, loc, months, wall) == slowLabel(y, loc, months, wall)
			if (g.Number(y) == k) != same {
				t.Fatalf("%v and %v: one window: %v, one label %q %q", at, at.Add(other), !same, slowLabel(x, loc, months, wall), slowLabel(y, loc, months, wall))
			}
		}
		if fmt.Sprint(g.AppendWindows(nil, x)) != fmt.Sprint([]Window{{g.Time(k), g.Time(k + 1)}}) {
			t.Fatalf("windows %v", g.AppendWindows(nil, x))
		}
	})
}

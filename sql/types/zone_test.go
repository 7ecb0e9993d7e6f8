package types_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/sql/types"
)

func TestZoneNames(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "europe/berlin", "UTC", "+02:00", "-05:30", "America/New_York", "Etc/GMT+5"} {
		if _, err := types.Zone(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "Local", "local", "Europe/", "Europe", "../Berlin", "/etc/localtime", "+15:00", "+2:00", "Europe/Berlin\x00"} {
		if _, err := types.Zone(name); err == nil {
			t.Errorf("%q is a zone", name)
		}
	}
	if n := len(types.ZoneNames()); n < 400 {
		t.Errorf("%d zones", n)
	}
}

// TestZoneChanges has days on which clocks change, in zones that change by an
// hour and by half of one, and times before anybody had zones.
func TestZoneChanges(t *testing.T) {
	for _, c := range []struct{ zone, local, utc string }{
		{"Europe/Berlin", "2025-03-30 01:59:59", "2025-03-30 00:59:59"},
		{"Europe/Berlin", "2025-03-30 02:00:00", "2025-03-30 01:00:00"}, // a gap: the instant of the change
		{"Europe/Berlin", "2025-03-30 02:30:00", "2025-03-30 01:00:00"},
		{"Europe/Berlin", "2025-03-30 03:00:00", "2025-03-30 01:00:00"},
		{"Europe/Berlin", "2025-10-26 02:00:00", "2025-10-26 00:00:00"}, // twice: the first
		{"Europe/Berlin", "2025-10-26 02:59:59", "2025-10-26 00:59:59"},
		{"Europe/Berlin", "2025-10-26 03:00:00", "2025-10-26 02:00:00"},
		{"Europe/Berlin", "1893-03-31 23:59:00", "1893-03-31 23:05:32"}, // local mean time
		{"America/New_York", "2025-03-09 02:30:00", "2025-03-09 07:00:00"},
		{"America/New_York", "2025-11-02 01:30:00", "2025-11-02 05:30:00"},
		{"America/New_York", "1969-07-16 09:32:00", "1969-07-16 13:32:00"},
		{"America/New_York", "1850-01-01 00:00:00", "1850-01-01 04:56:02"},
		{"Australia/Lord_Howe", "2025-10-05 02:15:00", "2025-10-04 15:30:00"}, // by half an hour
		{"Australia/Lord_Howe", "2025-04-06 01:45:00", "2025-04-05 14:45:00"},
		{"Australia/Lord_Howe", "2500-10-03 02:15:00", "2500-10-02 15:30:00"}, // by the rule that holds today
		{"Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30 10:00:00"},        // a day that was left out
		{"+02:00", "2025-03-30 02:30:00", "2025-03-30 00:30:00"},
	} {
		zone, err := types.Zone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		local, ok := types.ParseDatetime(c.local)
		if !ok {
			t.Fatal(c.local)
		}
		clock := types.NewZoneClock(zone)
		if got := string(types.AppendDatetime(nil, clock.UTC(local), 0)); got != c.utc {
			t.Errorf("%s in %s is %s, want %s", c.local, c.zone, got, c.utc)
		}
	}
}

// TestZoneClock compares a clock that remembers with package time, and holds the
// rule: the first instant that shows a time, or the change that jumped over it.
func TestZoneClock(t *testing.T) {
	names := types.ZoneNames()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := types.Zone(rapid.SampledFrom(names).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		clock := types.NewZoneClock(zone)
		show := func(micros int64) int64 {
			_, seconds := time.UnixMicro(micros).In(zone).Zone()
			return micros + int64(seconds)*1_000_000
		}
		at := rapid.Int64Range(-62_167_219_200, 253_402_300_799).Draw(t, "second") * 1_000_000
		if rapid.Bool().Draw(t, "change") { // go to where clocks change
			at = rapid.Int64Range(-3_000_000_000, 4_000_000_000).Draw(t, "near") * 1_000_000
			if _, end := time.UnixMicro(at).In(zone).ZoneBounds(); !end.IsZero() {
				at = end.UnixMicro()
			}
		}
		for range 20 {
			at += rapid.Int64Range(-2*86_400, 2*86_400).Draw(t, "step") * 1_000_000
			local := show(at)
			if got := clock.Local(at); got != local {
				t.Fatalf("Local(%d) = %d, want %d", at, got, local)
			}
			first := clock.UTC(local)
			if first > at || show(first) != local {
				t.Fatalf("UTC(%d) = %d, which shows %d; %d shows it", local, first, show(first), at)
			}
			jumped := clock.UTC(at) // any number is some local time
			if show(jumped) != at && !(show(jumped) > at && show(jumped-1) < at) {
				t.Fatalf("UTC(%d) = %d: shows %d, and %d before", at, jumped, show(jumped), show(jumped-1))
			}
		}
	})
}

// TestZoneClockLeapYears: package time ends the last stretch of a leap year
// a day early, which must not keep the clock from going on.
func TestZoneClockLeapYears(t *testing.T) {
	zone, err := types.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := types.NewZoneClock(zone)
	for hour := range 72 {
		at := time.Date(2024, 12, 30, hour, 0, 0, 0, time.UTC).UnixMicro()
		if local := c.Local(at); local != at+3600e6 || c.UTC(local) != at {
			t.Fatalf("hour %d: %d, %d", hour, local-at, c.UTC(local)-at)
		}
	}
}

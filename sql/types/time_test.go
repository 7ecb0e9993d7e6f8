package types

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDatetime(t *testing.T) {
	at := func(s string) int64 {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixMicro()
	}
	good := map[string]int64{
		"1970-01-01 00:00:00":              0,
		"1970-01-01T00:00:00Z":             0,
		"1969-12-31 23:59:59.999999":       -1,
		"2026-11-20 10:00:00.5":            at("2026-11-20T10:00:00.5Z"),
		"2026-11-20T10:00:00.1234569":      at("2026-11-20T10:00:00.123456Z"),
		"2026-11-20T10:00:00.12345678901Z": at("2026-11-20T10:00:00.123456Z"),
		"2026-11-20T10:00:00+02:00":        at("2026-11-20T08:00:00Z"),
		"2026-11-20T10:00:00.25-05:30":     at("2026-11-20T15:30:00.25Z"),
		"2024-02-29 23:59:59":              at("2024-02-29T23:59:59Z"),
		"2000-02-29 00:00:00":              at("2000-02-29T00:00:00Z"),
		"0000-01-01 00:00:00":              minDatetime,
		"9999-12-31 23:59:59.9999999":      maxDatetime,
	}
	for s, want := range good {
		if got, ok := ParseDatetime(s); !ok || got != want {
			t.Errorf("%q: %d %v, want %d", s, got, ok, want)
		}
		if got, ok := ParseDatetime([]byte(s)); !ok || got != want {
			t.Errorf("%q as bytes: %d %v, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{
		"", "2026-11-20", "2026-11-20 10:00", "2026-11-20 24:00:00", "2026-11-20 10:60:00",
		"2026-11-20 10:00:60", "2026-02-29 10:00:00", "1900-02-29 00:00:00", "2026-04-31 10:00:00",
		"2026-00-10 10:00:00", "2026-13-10 10:00:00", "2026-01-00 10:00:00", "2026-01-32 10:00:00",
		"2026-11-20 10:00:00.", "2026-11-20 10:00:00.Z", "2026-11-20 10:00:00 ", " 2026-11-20 10:00:00",
		"2026-11-20t10:00:00", "2026-11-20 10:00:00z", "2026-11-20 10:00:00+2", "2026-11-20 10:00:00+02",
		"2026-11-20 10:00:00+0200", "2026-11-20 10:00:00+24:00", "2026-11-20 10:00:00+00:60",
		"2026-11-20 10:00:00ZZ", "2026/11/20 10:00:00", "2026-11-20 10-00-00", "12026-11-20 10:00:00",
		"0000-01-01 00:00:00+00:01", "9999-12-31 23:59:59-00:01", "２026-11-20 10:00:00",
	} {
		if v, ok := ParseDatetime(s); ok {
			t.Errorf("%q accepted as %d", s, v)
		}
	}
}

func TestDatetimeEqualsPackageTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.Int64Range(minDatetime, maxDatetime).Draw(t, "micros")
		ref := time.UnixMicro(micros).UTC()
		if got, want := string(AppendDatetime(nil, micros, 6)), ref.Format("2006-01-02 15:04:05.000000"); got != want {
			t.Fatalf("%d: %s, want %s", micros, got, want)
		}
		for p, layout := range []string{"05", "05.0", "05.00", "05.000", "05.0000", "05.00000"} {
			if got, want := string(AppendDatetime(nil, micros, p)), ref.Format("2006-01-02 15:04:"+layout); got != want {
				t.Fatalf("%d precision %d: %s, want %s", micros, p, got, want)
			}
		}
		if got, ok := ParseDatetime(AppendDatetime(nil, micros, 6)); !ok || got != micros {
			t.Fatalf("%d comes back as %d %v", micros, got, ok)
		}
		zone := rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "zone")
		in := ref.In(time.FixedZone("", zone*60))
		if in.Year() < 0 || in.Year() > 9999 {
			return
		}
		if got, ok := ParseDatetime(in.Format("2006-01-02T15:04:05.999999-07:00")); !ok || got != micros {
			t.Fatalf("%s: %d %v, want %d", in, got, ok, micros)
		}
	})
}

func TestDateEqualsPackageTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		y := rapid.IntRange(0, 9999).Draw(t, "y")
		m := rapid.IntRange(0, 14).Draw(t, "m")
		d := rapid.IntRange(0, 33).Draw(t, "d")
		s := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006") + "-" + string(appendTwo(nil, int64(m))) + "-" + string(appendTwo(nil, int64(d)))
		ref, err := time.Parse("2006-01-02", s)
		days, ok := ParseDate(s)
		if ok != (err == nil) {
			t.Fatalf("%s: ok %v, package time says %v", s, ok, err)
		}
		if ok && (int64(days)*86_400 != ref.Unix() || string(AppendDate(nil, days)) != s) {
			t.Fatalf("%s: %d days, want %d s", s, days, ref.Unix())
		}
	})
}

func TestEveryDay(t *testing.T) {
	want := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	for days := int32(-719_528); days < 2_932_897; days += 1 {
		y, m, d := civilFromDays(int64(days))
		if y2, m2, d2 := want.Date(); y != int64(y2) || m != int64(m2) || d != int64(d2) {
			t.Fatalf("day %d is %d-%d-%d, want %s", days, y, m, d, want)
		}
		if daysFromCivil(y, m, d) != days {
			t.Fatalf("day %d does not come back", days)
		}
		want = want.AddDate(0, 0, 1)
	}
}

func TestAppendDatetimeAtTheEnds(t *testing.T) {
	for micros, want := range map[int64]string{
		math.MaxInt64:   "294247-01-10 04:00:54.775807",
		math.MinInt64:   "-290308-12-21 19:59:05.224192",
		minDatetime - 1: "-0001-12-31 23:59:59.999999",
		maxDatetime + 1: "10000-01-01 00:00:00.000000",
	} {
		if got := string(AppendDatetime(nil, micros, 6)); got != want {
			t.Errorf("%d: %s, want %s", micros, got, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"24h": 24 * time.Hour, "30s": 30 * time.Second, "5m": 5 * time.Minute, "1d": 24 * time.Hour,
		"500ms": 500 * time.Millisecond, "0": 0, "0s": 0, "0d": 0, "-15m": -15 * time.Minute, "1d12h": 36 * time.Hour,
		"1.5d": 36 * time.Hour, "-7d": -168 * time.Hour, "1h30m": 90 * time.Minute, "10us": 10 * time.Microsecond, "-0": 0,
	} {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("%q: %v %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-", "d", "1", "1x", "--1s", "-+1s", "1d-1h", "-1d+1h", "1d0", "1h1d", "1dd", "200000d", "106751d24h", "1d1", " 1s"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q accepted as %v", s, got)
		}
	}
}

func FuzzParseDatetime(f *testing.F) {
	f.Add("2026-11-20 10:00:00.000Z")
	f.Fuzz(func(t *testing.T, s string) {
		micros, ok := ParseDatetime(s)
		if !ok {
			return
		}
		if back, ok := ParseDatetime(AppendDatetime(nil, micros, 6)); !ok || back != micros {
			t.Fatalf("%q: %d comes back as %d %v", s, micros, back, ok)
		}
	})
}

func BenchmarkParseDatetime(b *testing.B) {
	s := []byte("2026-11-20 10:00:00.123")
	for b.Loop() {
		if _, ok := ParseDatetime(s); !ok {
			b.Fatal("refused")
		}
	}
}

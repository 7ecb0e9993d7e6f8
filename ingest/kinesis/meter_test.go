package kinesis

import (
	"testing"
	"time"
)

// Each name that clients can ask for has a count of its own.
func TestMetricsHaveCounts(t *testing.T) {
	c := &Counts{1, 2, 3, 4, 5, 6, 7 * time.Millisecond}
	seen := map[float64]string{}
	for _, name := range metrics() {
		v := c.Metric(name)
		if v == 0 || seen[v] != "" {
			t.Errorf("%s is %v, as %q is", name, v, seen[v])
		}
		seen[v] = name
	}
	if v := c.Metric("Nothing"); v != 0 || len(seen) != 7 {
		t.Errorf("%v, %d metrics", v, len(seen))
	}
}

// A shard gives what AWS gives of one in a second: so many calls, records and bytes, and
// after more than that nothing until what was given would have been.
func TestReadsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		records, bytes int
		silent         time.Duration
	}{
		"little":       {1, 100, 0},
		"all records":  {2000, 2000, 500 * time.Microsecond},
		"many records": {10_000, 10_000, 4 * time.Second},
		"many bytes":   {10, 10 << 20, 5 * time.Second},
	} {
		m, now := &meter{}, time.Unix(1_800_000_000, 0)
		if !m.admitRead(now) {
			t.Fatalf("%s: the first one is refused", name)
		}
		m.read(c.records, c.bytes, 0, now)
		if c.silent > 0 && m.admitRead(now.Add(c.silent-time.Microsecond)) {
			t.Errorf("%s: another one is let through before %s", name, c.silent)
		}
		if !m.admitRead(now.Add(c.silent + time.Millisecond)) {
			t.Errorf("%s: none is let through after %s", name, c.silent)
		}
	}
	m, now := &meter{}, time.Unix(1_800_000_000, 0)
	for i := range 6 {
		if m.admitRead(now) != (i < readsPerSecond) {
			t.Errorf("call %d", i)
		}
	}
}

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

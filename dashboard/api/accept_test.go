package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	const none = format(255)
	for _, c := range []struct {
		accept string
		want   format
	}{
		{"", formatAuto},
		{"*/*", formatAuto}, // curl
		{"application/json", formatJSON},
		{"application/json, text/plain, */*", formatJSON}, // axios
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", formatAuto},
		{"Application/X-NDJSON", formatNDJSON},
		{"application/jsonl", formatNDJSON},
		{"text/csv", formatCSV},
		{"text/csv; charset=utf-8", formatCSV},
		{"text/event-stream", formatSSE},
		{"application/vnd.apache.arrow.stream", formatArrow},
		{"text/*", formatCSV},
		{"application/*", formatJSON},
		{"text/csv;q=0.5, application/x-ndjson", formatNDJSON},
		{"text/csv, application/x-ndjson", formatCSV},
		{"application/x-ndjson, text/csv", formatNDJSON},
		{"text/csv;q=0.1, */*;q=0.9", formatAuto},
		{"application/*;q=0.9, application/json;q=0.2", formatNDJSON},
		{"application/json;q=0, */*", formatAuto},
		{";;, text/csv", formatCSV},
		{"text/csv;q=2, text/event-stream;q=0.1", formatSSE},
		{"application/xml", none},
		{"text/csv;q=0", none},
		{"text/csv;q=NaN", none},
		{"csv", none},
	} {
		got, err := negotiate(http.Header{"Accept": {c.accept}})
		if err != nil {
			got = none
			if e := err.Error(); !strings.Contains(e, "no answer") {
				t.Errorf("%q: %s", c.accept, e)
			}
		}
		if got != c.want {
			t.Errorf("%q: format %d, want %d", c.accept, got, c.want)
		}
	}
	if got, err := negotiate(http.Header{"Accept": {"text/html", "text/csv"}}); err != nil || got != formatCSV {
		t.Errorf("two headers: %d %v", got, err)
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("text/*;q=0.3, text/html;q=0.7, */*;q=0.5")
	f.Fuzz(func(t *testing.T, accept string) {
		got, err := negotiate(http.Header{"Accept": {accept}})
		if err == nil && got > formatArrow || err != nil && got != formatAuto {
			t.Errorf("%q: %d %v", accept, got, err)
		}
	})
}

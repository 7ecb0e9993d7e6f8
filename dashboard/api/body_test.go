package api

import (
	"strings"
	"testing"
)

// TestBodyFaults: what is wrong with a body is said without Go's words for it,
// and with what to send instead.
func TestBodyFaults(t *testing.T) {
	_, url := start(t, &scripted{none: true})
	for _, c := range []struct {
		body, want string
		status     int
	}{
		{`{"sql":"SHOW STREAMS"}`, `"rows":[]`, 200},
		{``, `it is empty`, 400},
		{`{"sql":"SHOW`, `it breaks off`, 400},
		{`SHOW STREAMS`, `byte 1: invalid character 'S'`, 400},
		{`{"query":"x"}`, `unknown field \"query\"`, 400},
		{`{"sql":5}`, `member \"sql\" is no text: found number`, 400},
		{`[1]`, `it is no object: found array`, 400},
		{`{}`, `no member \"sql\"`, 400},
	} {
		status, got, _ := post(t, url, "application/json", c.body)
		if status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s: %d %s", c.body, status, got)
		}
		if status == 400 && (!strings.Contains(got, `"hint":"write {\"sql\"`) || strings.Contains(got, "json:") || strings.Contains(got, "unmarshal")) {
			t.Errorf("%s: %s", c.body, got)
		}
	}
	// curl -d says that this is a form; it means JSON.
	if status, got, _ := post(t, url, "application/x-www-form-urlencoded", ` {"sql":"SHOW STREAMS"}`); status != 200 {
		t.Errorf("%d %s", status, got)
	}
}

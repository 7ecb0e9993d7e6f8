//go:build unix

package influxdb

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/operators/sinks/sinktest"
)

// TestServer writes to a real server and reads what it understood.
func TestServer(t *testing.T) {
	server := sinktest.Influx(t)
	s := newSink(t, "http://"+server.Addr, func(c *Config) { c.DB, c.Measurement = `the "db"`, "a m,x" })
	if _, _, err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	one := ptr(int64(1))
	texts := []string{`plain`, `say "x"`, `a\`, "two\nlines", `,= `, "é日本", ""}
	var points []point
	var want [][]any
	for i, text := range texts {
		points = append(points, point{int64(i), ptr("k " + text + "=,"), one, ptr(text)})
		tag := strings.ReplaceAll("k "+text+"=,", "\n", " ")
		want = append(want, []any{json.Number(fmt.Sprint(i)), tag, json.Number("1"), text})
	}
	if out, err := deliver(t, s, 1, nil, points...); err != nil || out.Refused != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	query := func() [][]any {
		t.Helper()
		resp, err := http.Get("http://" + server.Addr + "/query?" + url.Values{"db": {`the "db"`}, "epoch": {"u"}, "q": {`SELECT "a tag", "n", "t,e=x t" FROM "a m,x"`}}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		defer http.DefaultClient.CloseIdleConnections()
		var answer struct {
			Results []struct {
				Series []struct{ Values [][]any }
			}
		}
		dec := json.NewDecoder(resp.Body)
		dec.UseNumber()
		if err := dec.Decode(&answer); err != nil || len(answer.Results) != 1 || len(answer.Results[0].Series) != 1 {
			t.Fatalf("%v: %+v", err, answer)
		}
		return answer.Results[0].Series[0].Values
	}
	if diff := cmp.Diff(want, query()); diff != "" {
		t.Errorf("(-row +server):\n%s", diff)
	}
	// Again, and one point more that the server cannot store: the rest is there once.
	points = append(points, point{1 << 62, ptr("far"), one, nil})
	if out, err := deliver(t, s, 2, nil, points...); err != nil || out.Refused != 1 || out.Why == "" {
		t.Errorf("%+v, %v", out, err)
	}
	if diff := cmp.Diff(want, query()); diff != "" {
		t.Errorf("sent twice (-row +server):\n%s", diff)
	}
}

package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAccountsOfEachScan: a query over several streams has accounts for each.
func TestAccountsOfEachScan(t *testing.T) {
	s := serveHere(t, t.TempDir())
	for _, name := range []string{"east", "west"} {
		s.must(t, "CREATE STREAM "+name+" (n BIGINT) WITH (shards = 1)")
	}
	s.must(t, "CREATE MATERIALIZED VIEW sides AS SELECT n FROM east WHERE n > 1 UNION ALL SELECT n FROM west UNION ALL SELECT -n AS n FROM east")
	for name, body := range map[string]string{"east": "{\"n\":1}\n{\"n\":2}\n{\"n\":3}", "west": "{\"n\":4}"} {
		if status, answer := post(t, s.url()+"/v1/streams/"+name+"/records", "", body, nil); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	s.must(t, "SELECT * FROM sides") // waits for what was acknowledged
	_, body := post(t, s.url()+"/v1/sql", "text/plain", "SHOW QUERIES", nil)
	var res struct {
		Columns []struct{ Name string }
		Rows    [][]any
	}
	if err := json.Unmarshal(body, &res); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var got []string
	for _, row := range res.Rows {
		got = append(got, fmt.Sprint(row[1], " in ", row[3], " used ", row[4], " filtered ", row[5]))
	}
	slices.Sort(got)
	want := []string{"east in 3 used 2 filtered 1", "east in 3 used 3 filtered 0", "west in 1 used 1 filtered 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accounts differ (-want +got):\n%s\n%s", diff, body)
	}
}

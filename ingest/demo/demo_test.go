package demo

import (
	"bytes"
	"encoding/json"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/operators/stream"
	"weir/sql"
	"weir/sql/ast"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// at returns the time of tick n of a run that began at noon.
func at(n int64) time.Time { return noon.Add(time.Duration(n) * tickEvery) }

// row is any scene's row.
type row struct {
	Site, Device  string
	Item, Country string
	Path          string
	Temp, Price   float64
	Qty, Status   int
	Latency       float64 `json:"latency_ms"`
	TS            string  `json:"ts"`
	late          time.Duration
	spiked        bool
}

func (r row) key() string { return r.Device + r.Item + r.Path }

// run returns the rows of ticks 0 to n - 1.
func run(t *testing.T, s scene, n int64) (ticks [][]row) {
	t.Helper()
	for i := range n {
		var rows []row
		for line := range bytes.Lines(s.rows(nil, 1, 1, i, at(i))) {
			var r row
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			ts, err := time.Parse("2006-01-02 15:04:05.000", r.TS)
			if err != nil {
				t.Fatal(err)
			}
			r.late = at(i).Sub(ts)
			since := time.Duration(i) * tickEvery
			r.spiked = since >= s.spikeAt && (since-s.spikeAt)%spikeEvery < spikeFor
			rows = append(rows, r)
		}
		ticks = append(ticks, rows)
	}
	return ticks
}

func TestSameSeedSameRows(t *testing.T) {
	for _, s := range scenes() {
		for i := range int64(300) {
			a, b := s.rows(nil, 7, 1, i, at(i)), s.rows([]byte("x"), 7, 1, i, at(i))
			if !bytes.Equal(a, b[1:]) {
				t.Fatalf("%s: tick %d differs from itself", s.stream, i)
			}
			if bytes.Equal(a, s.rows(nil, 8, 1, i, at(i))) {
				t.Fatalf("%s: tick %d does not depend on the seed", s.stream, i)
			}
			if bytes.Equal(a, s.rows(nil, 7, 1, i+1, at(i))) {
				t.Fatalf("%s: ticks %d and the next are the same", s.stream, i)
			}
		}
	}
}

// TestTimes holds the rows to what the package promises about event times.
func TestTimes(t *testing.T) {
	const ticks = 2000
	for _, s := range scenes() {
		var all, late int
		for i, rows := range run(t, s, ticks) {
			now := map[string]bool{}
			keys := map[string]bool{}
			for _, r := range rows {
				keys[r.key()] = true
				switch {
				case r.late == 0:
					now[r.key()] = true
				case r.late < 0 || r.late > latestLate:
					t.Fatalf("%s: tick %d has a row %s before its time", s.stream, i, r.late)
				case r.late > jitter && r.late < leastLate:
					t.Fatalf("%s: tick %d has a row %s late, which is neither on time nor late", s.stream, i, r.late)
				}
				all++
				if r.late >= leastLate {
					late++
				}
			}
			if len(now) != len(keys) {
				t.Fatalf("%s: tick %d has %d keys, and only %d with its time", s.stream, i, len(keys), len(now))
			}
		}
		// Each key's first row of a tick is never late, so the share is lower.
		share := float64(late) / float64(all)
		t.Logf("%s: %d rows a second, %.2f %% late", s.stream, all*10/ticks, share*100)
		if late == 0 || share > lateShare {
			t.Errorf("%s: a share of %.4f is late", s.stream, share)
		}
	}
}

func TestEveryShardMovesAtEachTick(t *testing.T) {
	for _, s := range scenes() {
		def := declared(t)[s.stream]
		if def.shards != 2 {
			t.Fatalf("%s has %d shards", s.stream, def.shards)
		}
		shards := ingest.NewShardMap(def.shards)
		for i, rows := range run(t, s, 50) {
			moved := map[stream.Shard]bool{}
			for _, r := range rows {
				if r.late == 0 {
					moved[shards.Route([]byte(r.key()))] = true
				}
			}
			if len(moved) != def.shards {
				t.Fatalf("%s: tick %d moves %d shards of %d", s.stream, i, len(moved), def.shards)
			}
		}
	}
}

// TestSpikes compares what each scene is about inside and outside its spikes.
func TestSpikes(t *testing.T) {
	measure := map[string]func(rows []row) float64{
		"sensors": func(rows []row) float64 {
			return mean(rows, func(r row) (float64, bool) { return r.Temp, r.Site == "harbour" })
		},
		"orders": func(rows []row) float64 { return sum(rows, func(r row) float64 { return float64(r.Qty) }, "umbrella") },
		"requests": func(rows []row) float64 {
			return mean(rows, func(r row) (float64, bool) { return r.Latency, r.Path == "/search" })
		},
	}
	for _, s := range scenes() {
		least, most := math.Inf(1), math.Inf(-1) // in spikes, outside of them
		var spikes int
		spiked := false
		for _, rows := range run(t, s, 1200) {
			v := measure[s.stream](rows)
			if rows[0].spiked {
				least = min(least, v)
			} else {
				most = max(most, v)
			}
			if rows[0].spiked && !spiked {
				spikes++
			}
			spiked = rows[0].spiked
		}
		if spikes < 5 || spikes > 6 {
			t.Errorf("%s: %d spikes in two minutes", s.stream, spikes)
		}
		if least <= most {
			t.Errorf("%s: a spike may be as low as %.1f, and all else as high as %.1f", s.stream, least, most)
		}
	}
}

func mean(rows []row, of func(row) (float64, bool)) float64 {
	var total, n float64
	for _, r := range rows {
		if v, ok := of(r); ok {
			total += v
			n++
		}
	}
	return total / n
}

func sum(rows []row, of func(row) float64, key string) (total float64) {
	for _, r := range rows {
		if r.key() == key {
			total += of(r)
		}
	}
	return total
}

// definition is a stream as its declaration has it.
type definition struct {
	columns []decode.Column
	key     string
	shards  int
}

func declared(t *testing.T) map[string]definition {
	t.Helper()
	parsed, err := sql.Parse(SQL())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]definition{}
	for _, p := range parsed {
		s, ok := p.(*ast.CreateStream)
		if !ok {
			continue
		}
		var d definition
		for _, c := range s.Columns {
			d.columns = append(d.columns, decode.Column{Name: c.Name.Text, Type: c.Type})
		}
		for _, o := range s.With {
			switch o.Name.Text {
			case "shards":
				if d.shards, err = strconv.Atoi(o.Value.Text); err != nil {
					t.Fatal(err)
				}
			case "partition_key":
				d.key = o.Value.Text
			}
		}
		found[s.Name.Text] = d
	}
	return found
}

// TestRowsFitTheDeclarations decodes what is generated as the server does, and
// expects no NULL: then every name fits too.
func TestRowsFitTheDeclarations(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	for _, s := range scenes() {
		def, ok := declared(t)[s.stream]
		if !ok {
			t.Fatalf("stream %s is not declared", s.stream)
		}
		d, err := decode.NewJSON(decode.Config{Columns: def.columns, Want: decode.All(len(def.columns)), Alloc: alloc})
		if err != nil {
			t.Fatal(err)
		}
		var body []byte
		for i := range int64(400) {
			body = s.rows(body, 3, 2.5, i, at(i))
		}
		res, err := d.Lines(body)
		if err != nil {
			t.Fatal(err)
		}
		if res.ErrorCount != 0 {
			t.Errorf("%s: %d bad rows: %v", s.stream, res.ErrorCount, res.Errors[0])
		}
		for c := range res.Batch.NumCols() {
			if n := res.Batch.Column(int(c)).NullN(); n != 0 {
				t.Errorf("%s: %d rows have no %s", s.stream, n, def.columns[c].Name)
			}
		}
		res.Batch.Release()
	}
}

func TestStatements(t *testing.T) {
	parsed, err := sql.Parse(SQL())
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed) != 8 {
		t.Errorf("%d statements, not three streams and five views", len(parsed))
	}
	queries := []string{Query()}
	if n := len(Panels()); n != 6 {
		t.Errorf("%d panels", n)
	}
	for _, p := range Panels() {
		if p.Plan == "" {
			queries = append(queries, p.SQL)
		} else if !strings.Contains(SQL(), "VIEW "+p.Plan+" AS") {
			t.Errorf("there is no view %s to show the plan of", p.Plan)
		}
	}
	for _, q := range queries {
		if _, err := sql.ParseOne(q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// TestCurl lets a shell take the command apart and looks at what it would send.
func TestCurl(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("SKIPPED: no POSIX shell here")
	}
	command := Curl("http://127.0.0.1:8494/")
	if strings.Contains(command, "\n") {
		t.Error("more than one line")
	}
	begun := time.Now().Add(-10 * time.Millisecond).Truncate(time.Second) // date may read a coarse clock
	out, err := exec.Command(sh, "-c", `curl() { printf '%s\n' "$@"; }; `+command).Output()
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(args) != 3 || args[0] != "http://127.0.0.1:8494/v1/streams/sensors/records" || args[1] != "-d" {
		t.Fatalf("curl gets %q", args)
	}
	d, err := decode.NewJSON(decode.Config{Columns: declared(t)["sensors"].columns, CheckAll: true})
	if err != nil {
		t.Fatal(err)
	}
	res, err := d.Lines([]byte(args[2]))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Batch.Release()
	if res.Total != 1 || res.ErrorCount != 0 {
		t.Errorf("%s is no good row: %v", args[2], res.Errors)
	}
	var r struct{ TS int64 }
	if err := json.Unmarshal([]byte(args[2]), &r); err != nil {
		t.Fatal(err)
	}
	if at, now := time.UnixMilli(r.TS), time.Now(); at.Before(begun) || at.After(now) {
		t.Errorf("its time is %s, and the shell ran from %s to %s", at, begun, now)
	}
}

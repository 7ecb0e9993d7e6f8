package dashboard

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/dashboard/api"
	"weir/dashboard/hub"
	"weir/operators/stream"
	"weir/sql/diag"
	"weir/sql/types"
)

var waveSchema = stream.Schema{
	{Name: "window_start", Type: types.DatetimeType(3)},
	{Name: "site", Type: types.VarcharType},
	{Name: "n", Type: types.BigintType},
	{Name: "temp", Type: types.DoubleType},
}

// waves is a source of moving curves: a row a site and a tick.
type waves struct{ every time.Duration }

// misspelt returns the error for statements that name `devce`.
func misspelt(text string) error {
	at := strings.Index(text, "devce")
	if at < 0 {
		return nil
	}
	return diag.New(diag.UnknownColumn, diag.Span{Start: at, End: at + len("devce")}, "unknown column `devce` in stream `sensors`").
		WithHint("did you mean `device`? columns of sensors: ts, device, temp")
}

func (s waves) Prepare(_ context.Context, req hub.Request) (hub.Plan, error) {
	if err := misspelt(req.SQL); err != nil {
		return nil, err
	}
	w := &wave{every: s.every, sites: []string{"Aarhus", "Bergen", "Cádiz"}, at: time.Now().Truncate(time.Second).Add(-10 * time.Minute)}
	w.past = 60
	w.waiting = strings.Contains(req.SQL, "nothing_yet")
	w.bag = strings.Contains(req.SQL, "tail")
	switch {
	case strings.Contains(req.SQL, "ranking"):
		return &standing{wave: w, cols: []int{1, 2, 3}, key: []int{0}}, nil
	case strings.Contains(req.SQL, "single"):
		w.sites = w.sites[:1]
		return &standing{wave: w, cols: []int{2}}, nil
	}
	if strings.Contains(req.SQL, "bench") {
		w.sites, w.past = append(w.sites, "Dublin"), 600
	}
	if strings.Contains(req.SQL, "many") {
		for i := range 20 {
			w.sites = append(w.sites, fmt.Sprintf("site %02d <b>x</b>", i))
		}
	}
	return w, nil
}

type wave struct {
	every        time.Duration
	sites        []string
	at           time.Time
	begun        bool
	past         int // steps of the snapshot
	waiting, bag bool
}

func (w *wave) ID() string                                                    { return "" }
func (w *wave) Whole() bool                                                   { return false }
func (w *wave) Start() uint64                                                 { return 0 }
func (w *wave) Floor() uint64                                                 { return 0 }
func (w *wave) Open(context.Context, hub.Place) (hub.Subscription, error)     { return w, nil }
func (s *standing) Open(context.Context, hub.Place) (hub.Subscription, error) { return s, nil }
func (s *standing) Whole() bool                                               { return true }

func (w *wave) Schema() stream.Schema { return waveSchema }
func (w *wave) Key() []int {
	if w.bag {
		return nil
	}
	return []int{0, 1}
}
func (w *wave) AppendOnly() bool { return w.bag }
func (w *wave) TimeColumn() int {
	if w.bag {
		return -1
	}
	return 0
}
func (w *wave) Close() error { return nil }

func (w *wave) Next(ctx context.Context) (hub.Update, error) {
	if !w.begun {
		w.begun = true
		steps := w.past
		if w.waiting {
			steps = 0
		}
		rows := w.rows(steps)
		return hub.Update{Kind: hub.Snap, Batches: []stream.Batch{rows}, W: stream.FromGo(w.at.Add(4 * time.Second))}, nil
	}
	select {
	case <-time.After(w.every):
	case <-ctx.Done():
		return hub.Update{}, ctx.Err()
	}
	if w.waiting {
		w.at = w.at.Add(time.Second)
		return hub.Update{Kind: hub.Mark, W: stream.FromGo(w.at)}, nil
	}
	return hub.Update{Kind: hub.Delta, Batches: []stream.Batch{w.rows(1)}, W: stream.FromGo(w.at.Add(4 * time.Second))}, nil
}

func (w *wave) rows(steps int) stream.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, waveSchema.Arrow())
	defer b.Release()
	for range steps {
		w.at = w.at.Add(10 * time.Second)
		for i, site := range w.sites {
			t := float64(w.at.Unix())/60 + float64(i)*1.3
			temp := 14 + 4*float64(i%7) + 3*math.Sin(t/1.7) + 0.7*math.Sin(t*5)
			if i == 1 && w.at.Unix()%200 < 10 {
				temp += 9
			}
			b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(w.at.UnixMicro()))
			b.Field(1).(*array.StringBuilder).Append(site)
			b.Field(2).(*array.Int64Builder).Append(int64(400 + 100*math.Cos(t)))
			b.Field(3).(*array.Float64Builder).Append(temp)
		}
	}
	return stream.Batch{RecordBatch: b.NewRecordBatch()}
}

// standing is a source without time: some columns of a wave's last step, which
// replace each other.
type standing struct {
	*wave
	cols []int
	key  []int
}

func (s *standing) Schema() stream.Schema {
	out := stream.Schema{}
	for _, c := range s.cols {
		out = append(out, waveSchema[c])
	}
	return out
}
func (s *standing) Key() []int       { return s.key }
func (s *standing) AppendOnly() bool { return false }
func (s *standing) TimeColumn() int  { return -1 }

func (s *standing) Next(ctx context.Context) (hub.Update, error) {
	if s.begun {
		select {
		case <-time.After(s.every):
		case <-ctx.Done():
			return hub.Update{}, ctx.Err()
		}
	}
	s.begun = true
	all := s.rows(1)
	defer all.Release()
	var cols []arrow.Array
	for _, c := range s.cols {
		cols = append(cols, all.Column(c))
	}
	rows := stream.Batch{RecordBatch: array.NewRecordBatch(s.Schema().Arrow(), cols, all.NumRows())}
	return hub.Update{Kind: hub.Snap, Batches: []stream.Batch{rows}, W: stream.FromGo(s.at)}, nil
}

// oneRow is an engine: every statement answers one row, or nothing if it creates.
type oneRow struct{}

func (oneRow) Ready() error { return nil }

func (oneRow) Execute(_ context.Context, text string) (api.Result, error) {
	if err := misspelt(text); err != nil {
		return nil, err
	}
	return &fixed{empty: strings.Contains(text, "CREATE")}, nil
}

type fixed struct{ empty, done bool }

func (f *fixed) Live() bool   { return false }
func (f *fixed) Close() error { return nil }
func (f *fixed) Schema() stream.Schema {
	if f.empty {
		return nil
	}
	return waveSchema
}

func (f *fixed) Next(context.Context) (stream.Batch, error) {
	if f.done {
		return stream.Batch{}, io.EOF
	}
	f.done = true
	return (&wave{sites: []string{"Aarhus"}, at: time.Unix(0, 0)}).rows(1), nil
}

// serve runs a dashboard over the fakes and returns its address.
func serve(t *testing.T, change func(*Config)) (*Handler, string) {
	t.Helper()
	cfg := Config{Engine: oneRow{}, Source: waves{every: 100 * time.Millisecond}}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		srv.Close()
	})
	return h, srv.URL
}

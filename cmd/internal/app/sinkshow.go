package app

import (
	"time"

	"weir/dashboard/api"
	"weir/operators/sinks"
	"weir/operators/stream"
	"weir/sql/catalog"
	"weir/sql/types"
)

// guarantee says what a destination holds after whatever went wrong.
func guarantee(connector string) string {
	if connector == "influxdb" {
		return "idempotent"
	}
	return "exactly once"
}

// sinkTarget is where a sink writes, without secrets.
func sinkTarget(def *catalog.Sink) string {
	shown := make(map[string]string)
	for _, s := range def.Settings() {
		shown[s.Name] = s.Value
	}
	switch def.Connector {
	case "file":
		return shown["path"]
	case "influxdb":
		return shown["url"] + " " + shown["db"] + "." + given(def, "measurement")
	}
	return shown["url"] + " " + given(def, "table")
}

// stats returns what the runner has done; one that could not be made has stopped.
func (d *delivery) stats() sinks.Stats {
	if d.runner == nil {
		return sinks.Stats{State: sinks.Stopped, Err: d.err.Error(), Clock: stream.MinTime}
	}
	return d.runner.Stats()
}

// lag is how far the destination is behind the view, in commits and in time.
func (d *delivery) lag(s sinks.Stats) (commits int64, behind time.Duration) {
	if d.view == nil {
		return 0, 0
	}
	now := d.view.view.State()
	if now.Commit <= s.Cursor {
		return 0, 0
	}
	if s.Clock != stream.MinTime && now.Clock > s.Clock {
		behind = now.Clock.Go().Sub(s.Clock.Go())
	}
	return int64(now.Commit - s.Cursor), behind
}

func sinkColumns() []string {
	return []string{
		"name", "connector", "view", "guarantee", "state", "target", "rows", "batches", "refused", "stayed", "retries",
		"commit", "lag_commits", "lag_ms", "last_error",
	}
}

// show is a row of SHOW SINKS.
func (d *delivery) show() []any {
	s := d.stats()
	state := string(s.State)
	if !s.Since.IsZero() {
		state += " since " + string(types.AppendDatetime(nil, s.Since.UnixMicro(), 0))
	}
	commits, behind := d.lag(s)
	return []any{
		d.def.Name, d.def.Connector, d.def.View, guarantee(d.def.Connector), state, sinkTarget(d.def),
		s.Rows, s.Batches, s.Refused, s.Stayed, s.Retries, int64(s.Cursor), commits, behind.Milliseconds(), s.Err,
	}
}

// describeSink lists a sink's options.
func (db *database) describeSink(def *catalog.Sink) *result {
	var rows [][]any
	for _, s := range def.Settings() {
		from := "default"
		if s.Given {
			from = "given"
		}
		rows = append(rows, []any{s.Name, s.Value, from})
	}
	return db.cells([]string{"option", "value", "from"}, rows)
}

// Sinks returns the sinks.
func (l lists) Sinks() []api.SinkInfo {
	var out []api.SinkInfo
	for _, d := range l.db.deliveries() {
		s := d.stats()
		commits, behind := d.lag(s)
		info := api.SinkInfo{
			Name: d.def.Name, Connector: d.def.Connector, View: d.def.View, Guarantee: guarantee(d.def.Connector), Target: sinkTarget(d.def),
			State: string(s.State), Rate: l.rates.of(rateKey{kind: sinkRate, id: d.def.ID}), Rows: s.Rows, Batches: s.Batches, Refused: s.Refused, Stayed: s.Stayed, Retries: s.Retries,
			Commit: int64(s.Cursor), CommitLag: commits, LagMS: behind.Milliseconds(), Error: s.Err, SQL: d.def.Create,
		}
		if !s.Since.IsZero() {
			at := s.Since.UTC()
			info.Since = &at
		}
		out = append(out, info)
	}
	return out
}

// sinkInstruments are the metrics of sinks.
type sinkInstruments struct {
	rows, batches, refused, stayed, retries, running, commitLag, lag metric
}

func newSinkInstruments() sinkInstruments {
	return sinkInstruments{
		rows:      counter("sink_rows_total", "Rows that a sink's destination took.", "sink"),
		batches:   counter("sink_batches_total", "Commits at a sink's destination.", "sink"),
		refused:   counter("sink_refused_rows_total", "Rows that a sink's destination did not take and never will.", "sink"),
		stayed:    counter("sink_stayed_rows_total", "Rows that left the view and cannot be removed from the destination.", "sink"),
		retries:   counter("sink_retries_total", "Attempts of a sink that failed.", "sink"),
		running:   gauge("sink_running", "1 while the destination takes rows, 0 while the sink tries again or has stopped.", "sink"),
		commitLag: gauge("sink_commit_lag", "Commits of its view that a sink has not delivered yet.", "sink"),
		lag:       gauge("sink_lag_seconds", "How far a sink's destination is behind its view, by the log's clock.", "sink"),
	}
}

func (m *metrics) collectSinks(emit emitter) {
	i := newSinkInstruments()
	for _, d := range m.s.db.deliveries() {
		s, name := d.stats(), d.def.Name
		commits, behind := d.lag(s)
		emit(i.rows, float64(s.Rows), name)
		emit(i.batches, float64(s.Batches), name)
		emit(i.refused, float64(s.Refused), name)
		emit(i.stayed, float64(s.Stayed), name)
		emit(i.retries, float64(s.Retries), name)
		emit(i.running, truth(s.State == sinks.Running), name)
		emit(i.commitLag, float64(commits), name)
		emit(i.lag, behind.Seconds(), name)
	}
}

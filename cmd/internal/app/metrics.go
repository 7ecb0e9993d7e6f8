package app

import (
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"weir/ingest/httpapi"
	"weir/ingest/wal"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
)

// metrics reads the components' own counters whenever it is asked: nothing is
// counted twice, and nothing is counted for nobody. docs/metrics.md explains
// each name.
type metrics struct {
	s        *server
	records  *httpapi.Handler
	requests *codes
}

// metric is one name.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("weir_"+name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("weir_"+name, help, labels, nil), prometheus.GaugeValue}
}

// instruments are all names that are weir's own.
var instruments = struct {
	build, ready, streams, views                                           metric
	logCommits, logRecords, logRequests, logRepeated, logRaw, logStored    metric
	logSyncs, logSyncSeconds, logQueue, logSegments, logSteps, logHead     metric
	ingestRequests, ingestBytes, ingestRows, ingestRepeats, ingestBusy     metric
	logBytes, logFirst, logHorizonAge, logDropped, logDroppedBytes         metric
	logBroken, logHolds, logDiskFree, logDiskLow                           metric
	streamRecords, streamBytes, streamOldest                               metric
	queryRows, queryPartlyLate, queryNulled, queryLag, queryCommitLag      metric
	queryRunning, viewRows, viewExpired, pumpWritten, pumpRefused          metric
	wsOpen, wsStrangers, wsSubscriptions, wsConnections, wsRefused, wsSlow metric
	wsBad, wsMessages, wsBytes, wsRows, wsDropped, refused                 metric
	queryResumed, queryReplayed                                            metric
	savedEpoch, savedWrites, savedErrors, savedStates, savedPages          metric
	savedBytes, savedSeconds, savedPause, savedAge                         metric
	wsRuns, wsEncoded, wsConflated, wsResumed, wsResets                    metric
}{
	build:   gauge("build_info", "Always 1; the version is in the label.", "version"),
	ready:   gauge("ready", "1 once the views show what the log held at the start."),
	streams: gauge("streams", "Streams in the catalog."),
	views:   gauge("views", "Views in the catalog, materialized or not."),

	logCommits:     counter("log_commits_total", "Group commits, control commits included."),
	logRecords:     counter("log_records_total", "Records written."),
	logRequests:    counter("log_requests_total", "Requests written, repeated ones not included."),
	logRepeated:    counter("log_repeated_total", "Requests answered by their idempotency key."),
	logRaw:         counter("log_raw_bytes_total", "Bytes of records as they came."),
	logStored:      counter("log_stored_bytes_total", "Bytes written, frames and all."),
	logSyncs:       counter("log_syncs_total", "Calls of fdatasync."),
	logSyncSeconds: counter("log_sync_seconds_total", "Time spent in fdatasync."),
	logQueue:       gauge("log_queue_bytes", "Bytes that wait for a commit or are being written."),
	logSegments:    gauge("log_segments", "Segment files."),
	logSteps:       counter("log_steps_total", "Steps begun."),
	logHead:        gauge("log_head_commit", "Number of the newest durable commit."),

	logBytes:        gauge("log_bytes", "Bytes of all segments."),
	logFirst:        gauge("log_first_commit", "Number of the oldest commit that can be read."),
	logHorizonAge:   gauge("log_horizon_age_seconds", "How long ago the oldest commit that can be read arrived."),
	logDropped:      counter("log_dropped_segments_total", "Segments removed because everything in them is beyond the retention."),
	logDroppedBytes: counter("log_dropped_bytes_total", "Bytes of the segments removed."),
	logBroken:       counter("log_behind_retention_total", "Readers and holds that wanted a segment that was removed."),
	logHolds:        gauge("log_holds", "Holds that keep segments beyond the retention, such as those of checkpoints."),
	logDiskFree:     gauge("log_disk_free_bytes", "Free bytes on the disk of the log; absent where the system does not say."),
	logDiskLow:      gauge("log_disk_low", "1 while records are refused because the disk is nearly full."),

	ingestRequests: counter("ingest_requests_total", "Requests below /v1/streams/{name}/, by status.", "code"),
	ingestBytes:    counter("ingest_bytes_total", "Bytes of bodies read."),
	ingestRows:     counter("ingest_rows_total", "Rows, by outcome: accepted or rejected.", "outcome"),
	ingestRepeats:  counter("ingest_repeats_total", "Requests answered from an earlier commit."),
	ingestBusy:     counter("ingest_busy_total", "Requests told to come back later."),
	streamRecords:  counter("stream_records_total", "Records of a stream in the log, ever.", "stream"),
	streamBytes:    gauge("stream_bytes", "Bytes that the records of a stream take in the log, in segments that still hold one that is kept.", "stream"),
	streamOldest:   gauge("stream_oldest_seconds", "How long ago the oldest record of a stream arrived, exact to a segment; absent where there is none.", "stream"),

	queryRows:       counter("query_rows_total", "Rows that a view's query read from a stream, by fate: used, filtered, late or error.", "view", "reads", "fate"),
	queryPartlyLate: counter("query_partly_late_rows_total", "Used rows that missed at least one of their windows.", "view"),
	queryNulled:     counter("query_nulled_values_total", "Values that could not be computed and became NULL.", "view"),
	queryLag:        gauge("query_watermark_lag_seconds", "Wall clock minus the watermark; absent while there is none or the stream has ended.", "view"),
	queryCommitLag:  gauge("query_commit_lag", "Commits of the log that the query has not read yet.", "view"),
	queryRunning:    gauge("query_running", "1 while the query runs, 0 once it has ended or failed.", "view"),
	viewRows:        gauge("view_rows", "Rows of a materialized view.", "view"),
	viewExpired:     counter("view_expired_rows_total", "Rows that left a materialized view because of their age.", "view"),
	pumpWritten:     counter("pump_written_rows_total", "Rows that a pump has written into its stream, ever.", "pump"),
	pumpRefused:     counter("pump_refused_rows_total", "Rows of a pump that its stream did not take, ever.", "pump"),

	wsOpen:          gauge("websocket_connections", "Websockets open now."),
	wsStrangers:     gauge("websocket_strangers", "Open websockets that still have to say hello."),
	wsSubscriptions: gauge("websocket_subscriptions", "Subscriptions now."),
	wsConnections:   counter("websocket_connections_total", "Websockets ever opened."),
	wsRefused:       counter("websocket_refused_total", "Websockets closed because there were too many."),
	wsSlow:          counter("websocket_slow_closes_total", "Websockets closed because the client was slow."),
	wsBad:           counter("websocket_bad_message_closes_total", "Websockets closed because of what the client sent."),
	wsMessages:      counter("websocket_messages_total", "Messages written."),
	wsBytes:         counter("websocket_bytes_total", "Payload of the messages written."),
	wsRows:          counter("websocket_rows_total", "Rows in the messages written."),
	queryResumed:    gauge("query_resumed_commit", "Commit of the checkpoint that the query went on from; 0: it read the log from its beginning.", "view"),
	queryReplayed:   gauge("query_read_commits", "Commits of the log that the query has read since the start.", "view"),
	savedEpoch:      gauge("checkpoint_epoch", "Number of the newest checkpoint."),
	savedWrites:     counter("checkpoint_writes_total", "Writes to the state store: results, and state where it was due."),
	savedErrors:     counter("checkpoint_errors_total", "Checkpoints that were not saved. Queries go on; a restart reads more of the log."),
	savedStates:     counter("checkpoint_states_total", "States of queries that were saved."),
	savedPages:      counter("checkpoint_pages_total", "Pages written; a page that did not change is not."),
	savedBytes:      counter("checkpoint_bytes_total", "Bytes written, compressed."),
	savedSeconds:    counter("checkpoint_seconds_total", "Time from the copy of the state to the last sync, of all writes."),
	savedPause:      counter("checkpoint_pause_seconds_total", "Time that queries waited while their state was copied."),
	savedAge:        gauge("checkpoint_age_seconds", "Time since state was saved last, or since the start."),

	wsDropped:   counter("websocket_dropped_rows_total", "Rows that messages say they left out."),
	wsRuns:      gauge("websocket_runs", "Queries that run for subscribers; those of the same statement share one."),
	wsEncoded:   counter("websocket_encoded_total", "Messages with rows or marks that were encoded; each goes to all subscribers of a rate."),
	wsConflated: counter("websocket_conflated_rows_total", "Changes that later ones replaced or took back before they were sent."),
	wsResumed:   counter("websocket_resumed_total", "Subscriptions that went on behind their token."),
	wsResets:    counter("websocket_resets_total", "Times that a subscriber was told to begin anew."),
	refused:     counter("http_refused_total", "Requests that the guard did not let in, by reason: host, origin, token or attempts.", "reason"),
}

// metricsHandler serves /metrics from a registry of its own.
func (s *server) metricsHandler(records *httpapi.Handler, requests *codes) (http.Handler, error) {
	r := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		&metrics{s, records, requests},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn), MaxRequestsInFlight: 4,
	}), nil
}

// Describe says nothing: which views and codes there are changes.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect reads all counters.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	emit := func(x metric, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(x.desc, x.kind, v, labels...)
	}
	i, db := &instruments, m.s.db
	emit(i.build, 1, version())
	emit(i.ready, truth(m.s.ready.Load()))
	emit(i.streams, float64(len(db.catalog.Streams())))
	emit(i.views, float64(len(db.shownViews())))
	m.collectLog(emit)
	m.collectIngest(emit)
	m.collectQueries(emit)
	m.collectSinks(emit)
	m.collectSockets(emit)
	m.collectSaver(emit)
	m.collectKinesis(emit)
}

type emitter func(x metric, v float64, labels ...string)

func (m *metrics) collectLog(emit emitter) {
	i, st := &instruments, m.s.log.Stats()
	head, _ := m.s.log.Head()
	emit(i.logCommits, float64(st.Commits))
	emit(i.logRecords, float64(st.Records))
	emit(i.logRequests, float64(st.Requests))
	emit(i.logRepeated, float64(st.Repeated))
	emit(i.logRaw, float64(st.RawBytes))
	emit(i.logStored, float64(st.StoredBytes))
	emit(i.logSyncs, float64(st.Syncs))
	emit(i.logSyncSeconds, float64(st.SyncNanos)/1e9)
	emit(i.logQueue, float64(st.QueueBytes))
	emit(i.logSegments, float64(st.Segments))
	emit(i.logSteps, float64(st.Steps))
	emit(i.logHead, float64(head))
	m.collectRetention(emit, &st)
}

func (m *metrics) collectRetention(emit emitter, st *wal.Stats) {
	i := &instruments
	emit(i.logBytes, float64(st.Bytes))
	emit(i.logFirst, float64(st.First))
	emit(i.logHorizonAge, time.Since(st.Oldest.Go()).Seconds())
	emit(i.logDropped, float64(st.DroppedSegments))
	emit(i.logDroppedBytes, float64(st.DroppedBytes))
	emit(i.logBroken, float64(st.Broken))
	emit(i.logHolds, float64(st.Holds))
	emit(i.logDiskLow, truth(st.DiskLow))
	if st.DiskFree >= 0 {
		emit(i.logDiskFree, float64(st.DiskFree))
	}
}

func (m *metrics) collectIngest(emit emitter) {
	i, st := &instruments, m.records.Stats()
	for code, n := range m.requests.all() {
		emit(i.ingestRequests, float64(n), strconv.Itoa(code))
	}
	emit(i.ingestBytes, float64(st.Bytes))
	emit(i.ingestRows, float64(st.Accepted), "accepted")
	emit(i.ingestRows, float64(st.Rejected), "rejected")
	emit(i.ingestRepeats, float64(st.Repeats))
	emit(i.ingestBusy, float64(st.Busy))
	for _, s := range m.s.db.catalog.Streams() {
		if n, shards := m.s.db.records(s); shards != nil {
			emit(i.streamRecords, float64(n), s.Name)
			bytes, oldest := m.s.db.retained(s)
			emit(i.streamBytes, float64(bytes), s.Name)
			if oldest != stream.MinTime {
				emit(i.streamOldest, time.Since(oldest.Go()).Seconds(), s.Name)
			}
		}
	}
}

// accounts are those of a query by what it reads, which may be one stream twice.
func accounts(p engine.Progress, plan *physical.Plan) map[string]stream.Ledger {
	out := map[string]stream.Ledger{}
	for i, scan := range physical.Scans(plan.Root) {
		if i < len(p.Inputs) {
			l := out[scan.Relation]
			l.Add(p.Inputs[i].Ledger)
			out[scan.Relation] = l
		}
	}
	return out
}

func (m *metrics) collectQueries(emit emitter) {
	i := &instruments
	head, _ := m.s.log.Head()
	for _, q := range m.s.db.running() {
		name, p := q.def.Name, q.progress()
		for reads, l := range accounts(p, q.plan) {
			emit(i.queryRows, float64(l.Used), name, reads, "used")
			emit(i.queryRows, float64(l.Filtered), name, reads, "filtered")
			emit(i.queryRows, float64(l.Late), name, reads, "late")
			emit(i.queryRows, float64(l.Errors), name, reads, "error")
		}
		emit(i.queryPartlyLate, float64(p.Ledger.PartlyLate), name)
		emit(i.queryNulled, float64(p.Ledger.Nulled), name)
		if p.W != stream.MinTime && p.W != stream.MaxTime {
			emit(i.queryLag, time.Since(time.UnixMicro(int64(p.W))).Seconds(), name)
		}
		emit(i.queryCommitLag, math.Max(0, float64(head)-float64(p.Commit)), name)
		emit(i.queryRunning, truth(q.describeState() == "running"), name)
		if q.pump != nil {
			st := q.pump.stats()
			emit(i.pumpWritten, float64(st.written), name)
			emit(i.pumpRefused, float64(st.refused), name)
		} else {
			emit(i.viewRows, float64(q.view.State().Rows), name)
			emit(i.viewExpired, float64(q.view.State().Expired), name)
		}
		emit(i.queryResumed, float64(q.resumed), name)
		emit(i.queryReplayed, float64(p.Commit-q.resumed), name)
	}
}

func (m *metrics) collectSaver(emit emitter) {
	i, st := &instruments, saverStats{}
	if s := m.s.db.saver; s != nil {
		st = s.Stats()
	}
	emit(i.savedEpoch, float64(st.Epoch))
	emit(i.savedWrites, float64(st.Writes))
	emit(i.savedErrors, float64(st.Errors))
	emit(i.savedStates, float64(st.States))
	emit(i.savedPages, float64(st.Pages))
	emit(i.savedBytes, float64(st.Bytes))
	emit(i.savedSeconds, st.Took.Seconds())
	emit(i.savedPause, st.Paused.Seconds())
	if st.Last.IsZero() {
		st.Last = m.s.began
	}
	emit(i.savedAge, time.Since(st.Last).Seconds())
}

func (m *metrics) collectSockets(emit emitter) {
	i, st, no := &instruments, m.s.page.Sockets(), m.s.page.Refusals()
	emit(i.wsOpen, float64(st.Open))
	emit(i.wsStrangers, float64(st.Strangers))
	emit(i.wsSubscriptions, float64(st.Subscriptions))
	emit(i.wsConnections, float64(st.Connections))
	emit(i.wsRefused, float64(st.Refused))
	emit(i.wsSlow, float64(st.Slow))
	emit(i.wsBad, float64(st.BadMessages))
	emit(i.wsMessages, float64(st.Messages))
	emit(i.wsBytes, float64(st.Bytes))
	emit(i.wsRows, float64(st.Rows))
	emit(i.wsDropped, float64(st.DroppedRows))
	emit(i.wsRuns, float64(st.Runs))
	emit(i.wsEncoded, float64(st.Encoded))
	emit(i.wsConflated, float64(st.ConflatedRows))
	emit(i.wsResumed, float64(st.Resumed))
	emit(i.wsResets, float64(st.Resets))
	emit(i.refused, float64(no.Host), "host")
	emit(i.refused, float64(no.Origin), "origin")
	emit(i.refused, float64(no.Token), "token")
	emit(i.refused, float64(no.Attempts), "attempts")
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// codes counts answers by their status, of which there are few.
type codes struct {
	mu sync.Mutex
	by map[int]int64
}

// count returns next, counted.
func (c *codes) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cw := &codeWriter{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(cw, r)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.by[cw.code]++
	})
}

func (c *codes) all() map[int]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[int]int64, len(c.by))
	for k, v := range c.by {
		out[k] = v
	}
	return out
}

// codeWriter remembers the status.
type codeWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader remembers the status and passes it on.
func (w *codeWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w *codeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

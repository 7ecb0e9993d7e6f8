package app

import (
	"slices"
	"time"

	"weir/dashboard/api"
	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/catalog"
)

// lists is the database as the routes that list it see it. It implements
// api.Catalog.
type lists struct {
	db    *database
	rates *rates
}

// Streams returns the streams.
func (l lists) Streams() []api.StreamInfo {
	var out []api.StreamInfo
	for _, s := range l.db.catalog.Streams() {
		info, _ := l.info(s)
		out = append(out, info)
	}
	return out
}

func (l lists) info(s *catalog.Stream) (info api.StreamInfo, byShard []int64) {
	total, byShard := l.db.records(s)
	source := "log"
	if s.Connector != "" {
		source = s.Connector
	}
	if s.Raw != "" {
		source = s.Raw
	}
	bytes, oldest := l.db.retained(s)
	return api.StreamInfo{
		Retention: retentionText(l.db.logOf(s)), Bytes: bytes, Oldest: instant(oldest),
		Name: s.Name, Source: source, Format: s.Format, Shards: l.db.shards(s), PartitionKey: s.PartitionKey,
		Records: total, Rate: l.rates.of(rateKey{id: s.ID}),
	}, byShard
}

// Stream returns one stream.
func (l lists) Stream(name string) (api.StreamDetail, bool) {
	s, ok := l.db.catalog.Stream(name)
	if !ok {
		return api.StreamDetail{}, false
	}
	d := api.StreamDetail{Watermark: "_arrival", SQL: s.Text, Readers: []string{}, Columns: []api.ColumnInfo{}}
	d.StreamInfo, d.RecordsPerShard = l.info(s)
	for _, c := range s.Columns {
		d.Columns = append(d.Columns, api.ColumnInfo{Name: c.Name, Type: c.Type.String()})
	}
	if s.Watermark != nil {
		d.Watermark = sql.PrintExpr(s.Watermark.Expr)
	}
	if s.IdleTimeout > 0 {
		d.IdleTimeout = s.IdleTimeout.String()
	}
	for _, m := range l.db.running() {
		if slices.Contains(relationsOf(m.plan), s.Name) {
			d.Readers = append(d.Readers, m.def.Name)
		}
	}
	return d, true
}

// Views returns the views.
func (l lists) Views() []api.ViewInfo {
	var out []api.ViewInfo
	for _, v := range l.db.shownViews() {
		info := api.ViewInfo{Name: v.Name, Materialized: v.Materialized, SQL: v.Text, Columns: []string{}}
		for _, f := range v.Schema {
			info.Columns = append(info.Columns, f.Name)
		}
		if m := l.db.runningView(v.ID); m != nil {
			st := m.view.State()
			rows := int64(st.Rows)
			info.Rows, info.Watermark = &rows, instant(st.W)
		}
		out = append(out, info)
	}
	return out
}

// Queries returns the queries of the materialized views, then those of clients.
func (l lists) Queries() []api.QueryInfo {
	var out []api.QueryInfo
	for _, m := range l.db.running() {
		k := rateKey{kind: viewRate, id: m.def.ID}
		info := api.QueryInfo{
			Name: m.def.Name, Kind: "view", SQL: m.def.Text, State: m.describeState(), Reads: reads(m.plan),
			Rate: l.rates.of(k), RateOut: l.rates.of(k.out()),
		}
		if m.def.Into != "" {
			info.Kind, info.Into = "insert", m.def.Into
		}
		if m.pump != nil {
			st := m.pump.stats()
			info.Written, info.Refused, info.LastRefused = int64(st.written), int64(st.refused), st.refusal
		}
		l.progress(&info, m.progress(), m.plan)
		out = append(out, info)
	}
	for _, w := range l.db.live.all() {
		k := rateKey{kind: liveRate, id: w.id}
		info := api.QueryInfo{
			Name: w.name(), Kind: w.kind, SQL: w.sql, State: "running", Reads: reads(w.plan),
			Rate: l.rates.of(k), RateOut: l.rates.of(k.out()),
			ID: w.id, Client: w.client, Since: &w.since, Rows: w.rows.Load(),
		}
		if w.query != nil {
			l.progress(&info, w.query.Progress(), w.plan)
		}
		out = append(out, info)
	}
	return out
}

// progress tells how far a query is.
func (l lists) progress(info *api.QueryInfo, p engine.Progress, plan *physical.Plan) {
	head, _ := l.db.log.Head()
	info.Commit, info.CommitLag = int64(p.Commit), max(0, int64(head)-int64(p.Commit))
	info.Watermark, info.Ended = instant(p.W), p.W == stream.MaxTime
	info.WaitingFor = waitingFor(p, plan)
	info.Ledger = &api.LedgerInfo{
		In: p.Ledger.In, Used: p.Ledger.Used, Filtered: p.Ledger.Filtered, Late: p.Ledger.Late,
		Error: p.Ledger.Errors, PartlyLate: p.Ledger.PartlyLate, Nulled: p.Ledger.Nulled,
	}
}

// instant is a watermark as a time, nil where it is none.
func instant(t stream.Time) *time.Time {
	if t == stream.MinTime || t == stream.MaxTime {
		return nil
	}
	at := time.UnixMicro(int64(t)).UTC()
	return &at
}

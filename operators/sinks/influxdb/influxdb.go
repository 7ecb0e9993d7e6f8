package influxdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"weir/operators/sinks"
	"weir/operators/stream"
	"weir/sql/types"
)

// Config is what a Sink needs.
type Config struct {
	URL         string // http://host:port; its userinfo is sent as HTTP Basic
	DB          string
	Policy      string // retention policy; "": the database's
	Measurement string
	User        string
	Password    func() (string, error) // asked at every Open; nil: none
	Precision   Precision
	Gzip        bool
	Create      bool // make the database
	ID          string
	Schema      stream.Schema
	Tags        []int // columns
	Time        int   // column
	BatchRows   int
	BatchBytes  int
	Timeout     time.Duration // of one request
	Cursors     sinks.Cursors
}

// Sink writes to one database. It implements sinks.Sink.
type Sink struct {
	cfg      Config
	layout   *layout
	url      *url.URL // without userinfo
	client   *http.Client
	user     string
	password string

	lines   []byte
	count   int // of lines
	scratch [2][]byte
	out     sinks.Outcome // since Begin
}

// New returns a sink; Open reaches for the server.
func New(cfg Config) (*Sink, error) {
	if cfg.Time < 0 || cfg.Time >= len(cfg.Schema) || cfg.Schema[cfg.Time].Type.Kind != types.Datetime {
		return nil, errors.New("the time of a point has to be a DATETIME column")
	}
	if cfg.BatchRows <= 0 || cfg.BatchBytes <= 0 || cfg.Cursors == nil {
		return nil, errors.New("an InfluxDB sink needs limits of a batch and a place for its cursor")
	}
	l, err := newLayout(cfg.Measurement, cfg.Schema, cfg.Tags, cfg.Time, cfg.Precision)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("the URL of the server cannot be read") // the error would repeat it
	}
	s := &Sink{cfg: cfg, layout: l, user: cfg.User}
	if u.User != nil {
		s.password, _ = u.User.Password()
		if s.user == "" {
			s.user = u.User.Username()
		}
	}
	s.url = &url.URL{Scheme: u.Scheme, Host: u.Host}
	return s, nil
}

// Open makes the database, or looks whether the server is there.
func (s *Sink) Open(ctx context.Context) (cursor stream.Commit, ok bool, err error) {
	if s.cfg.Password != nil {
		if s.password, err = s.cfg.Password(); err != nil {
			return 0, false, err
		}
	}
	s.client = &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, ResponseHeaderTimeout: s.cfg.Timeout},
		// Whoever answers elsewhere must not get the password.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       s.cfg.Timeout,
	}
	if s.cfg.Create {
		err = s.createDatabase(ctx)
	} else {
		err = s.ping(ctx)
	}
	if err != nil {
		return 0, false, err
	}
	if cursor, ok, err = s.cfg.Cursors.Load(s.cfg.ID); err != nil {
		return 0, false, fmt.Errorf("load cursor: %w", err)
	}
	return cursor, ok, nil
}

// Begin does nothing: whatever comes is written over what is there.
func (s *Sink) Begin(context.Context, sinks.Mode) error { return nil }

// Write adds rows to the batch, which it sends whenever it is full.
func (s *Sink) Write(ctx context.Context, _ stream.Commit, b stream.Batch) error {
	for i := range int(b.NumRows()) {
		if b.Ops != nil && b.Ops[i] == stream.Delete {
			s.leave(b, i)
			continue
		}
		var why string
		if s.lines, why = s.layout.appendLine(s.lines, b.RecordBatch, i); why != "" {
			s.out.Refused++
			s.out.Why = why
			continue
		}
		if s.count++; s.count >= s.cfg.BatchRows || len(s.lines) >= s.cfg.BatchBytes {
			if err := s.send(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// leave counts a row that leaves, unless the next one writes over it. An update
// is the old row and, right behind it, the new one.
func (s *Sink) leave(b stream.Batch, row int) {
	next := row + 1
	if next < int(b.NumRows()) && b.Ops[next] == stream.Insert && s.samePoint(b, row, next) && !s.loses(b, row, next) {
		return
	}
	s.out.Stayed++
}

func (s *Sink) samePoint(b stream.Batch, i, j int) bool {
	var at [2]int64
	var ok bool
	for n, row := range []int{i, j} {
		s.scratch[n], at[n], ok = s.layout.appendIdentity(s.scratch[n][:0], b.RecordBatch, row)
		if !ok {
			return false
		}
	}
	return at[0] == at[1] && bytes.Equal(s.scratch[0], s.scratch[1])
}

// loses tells whether a field of the old row is NULL in the new one: the old
// value stays.
func (s *Sink) loses(b stream.Batch, old, row int) bool {
	return slices.ContainsFunc(s.layout.fields, func(f column) bool {
		a := b.Column(f.at)
		return isField(a, old) && !isField(a, row)
	})
}

// Bytes returns the size of the lines that were not sent.
func (s *Sink) Bytes() int64 { return int64(len(s.lines)) }

// Commit sends what is left and keeps the cursor.
func (s *Sink) Commit(ctx context.Context, to stream.Commit) (sinks.Outcome, error) {
	if err := s.send(ctx); err != nil {
		return sinks.Outcome{}, err
	}
	if err := s.cfg.Cursors.Save(ctx, s.cfg.ID, to); err != nil {
		return sinks.Outcome{}, fmt.Errorf("save cursor: %w", err)
	}
	out := s.out
	s.out = sinks.Outcome{}
	return out, nil
}

// Close forgets what was not sent.
func (s *Sink) Close() error {
	s.lines, s.count, s.out = s.lines[:0], 0, sinks.Outcome{}
	if s.client != nil {
		s.client.CloseIdleConnections()
		s.client = nil
	}
	return nil
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"weir/operators/sinks"
	"weir/operators/stream"
)

// Config is what a Sink needs.
type Config struct {
	URL       string                 // a URL or key=value pairs, as libpq reads them
	Password  func() (string, error) // asked at every Open; nil: what URL says
	Table     string                 // or schema.table
	Create    bool                   // make the table if it is missing
	ID        string                 // the sink's name in weir_sinks: letters, digits, - and _
	Schema    stream.Schema
	Key       []int // columns; nil: rows are only added
	Append    bool  // rows never leave the view
	BatchRows int
	Timeout   time.Duration // of connecting
}

const (
	bufferBytes = 4 << 20 // of rows that wait for the batch to be full
	applyName   = "weir"
	closeWait   = 2 * time.Second
)

// ErrAddress says that the URL of a server is none. It does not repeat the URL,
// which may hold a password.
var ErrAddress = errors.New("the address of the server cannot be read")

// Sink writes to one table. It implements sinks.Sink.
type Sink struct {
	cfg  Config
	text statements

	conn   *pgconn.PgConn
	marked bool // weir_sinks has a row for the sink
	cursor stream.Commit
	inTx   bool
	rows   rows
}

// New returns a sink; Open reaches for the server.
func New(cfg Config) (*Sink, error) {
	if _, err := pgconn.ParseConfig(cfg.URL); err != nil {
		return nil, ErrAddress // the library's error shows parts of a password that it cannot tell from the rest
	}
	if cfg.Key != nil && len(cfg.Key) == 0 {
		return nil, errors.New("the view is one row without a key, and a table's rows are found by their key: put a GROUP BY into the view")
	}
	if cfg.BatchRows <= 0 || cfg.ID == "" {
		return nil, errors.New("a PostgreSQL sink needs a limit of a batch and an id")
	}
	s := &Sink{cfg: cfg}
	var err error
	if s.text, err = newStatements(cfg); err != nil {
		return nil, err
	}
	s.rows = newRows(cfg)
	return s, nil
}

// Open connects, makes the tables or looks whether they fit, and reads the mark.
func (s *Sink) Open(ctx context.Context) (cursor stream.Commit, ok bool, err error) {
	cfg, err := pgconn.ParseConfig(s.cfg.URL)
	if err != nil {
		return 0, false, ErrAddress // it was good in New: something that it names has changed
	}
	if s.cfg.Password != nil {
		if cfg.Password, err = s.cfg.Password(); err != nil {
			return 0, false, err
		}
	}
	cfg.ConnectTimeout = s.cfg.Timeout
	cfg.RuntimeParams["application_name"] = applyName
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["client_encoding"] = "UTF8"
	if s.conn, err = pgconn.ConnectConfig(ctx, cfg); err != nil {
		return 0, false, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	if err := s.prepare(ctx); err != nil {
		return 0, false, err
	}
	found, err := s.query(ctx, s.text.readMark)
	if err != nil {
		return 0, false, fmt.Errorf("read how far the sink has come: %w", err)
	}
	s.cursor, s.marked = 0, len(found) > 0
	if s.marked {
		n, err := strconv.ParseUint(found[0][0], 10, 64)
		if err != nil {
			return 0, false, fmt.Errorf("read how far the sink has come: %w", err)
		}
		s.cursor = stream.Commit(n)
	}
	return s.cursor, s.marked, nil
}

// Begin opens a transaction. A table that begins anew is emptied in it, unless
// rows never leave the view: then what is there stays true.
func (s *Sink) Begin(ctx context.Context, mode sinks.Mode) error {
	text := "BEGIN"
	if mode == sinks.Resync {
		if s.cfg.Key == nil {
			return sinks.Permanent(errors.New("a table without a key cannot begin anew"))
		}
		if !s.cfg.Append {
			text += "; DELETE FROM " + s.text.table
		}
	}
	if err := s.exec(ctx, text); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	s.inTx = true
	return nil
}

// Write gathers rows, and sends them whenever the batch is full.
func (s *Sink) Write(ctx context.Context, _ stream.Commit, b stream.Batch) error {
	for i := range int(b.NumRows()) {
		if err := s.rows.add(b, i); err != nil {
			return err
		}
		if s.rows.live >= s.cfg.BatchRows || len(s.rows.text) >= bufferBytes {
			if err := s.flushInTime(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// flushInTime is flush with the time that the server has for an answer: somebody
// may hold a lock on the table for ever.
func (s *Sink) flushInTime(ctx context.Context) error {
	if s.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.cfg.Timeout)
		defer cancel()
	}
	return s.flush(ctx)
}

// Bytes is no measure here: a batch is sent when it has its rows.
func (s *Sink) Bytes() int64 { return 0 }

// flush sends what was gathered into the transaction.
func (s *Sink) flush(ctx context.Context) error {
	in, out := s.rows.split()
	defer s.rows.reset()
	var err error
	switch {
	case s.cfg.Key == nil:
		err = s.copyRows(ctx, s.text.copyTable, in)
	default:
		if len(out) > 0 {
			err = s.apply(ctx, s.text.copyOut, out, s.text.remove(s.rows.nullKeys))
		}
		if err == nil && len(in) > 0 {
			err = s.apply(ctx, s.text.copyIn, in, s.text.upsert)
		}
	}
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

// apply copies rows to a table of the session and then runs a statement over it.
func (s *Sink) apply(ctx context.Context, to string, rows [][]byte, statement string) error {
	if err := s.copyRows(ctx, to, rows); err != nil {
		return err
	}
	return s.exec(ctx, statement)
}

func (s *Sink) copyRows(ctx context.Context, to string, rows [][]byte) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := s.conn.CopyFrom(ctx, &pieces{rest: rows}, to)
	return err
}

// Commit sends what is left, moves the mark and ends the transaction.
func (s *Sink) Commit(ctx context.Context, to stream.Commit) (sinks.Outcome, error) {
	if err := s.flush(ctx); err != nil {
		return sinks.Outcome{}, err
	}
	n, err := s.affected(ctx, s.text.mark(s.marked, s.cursor, to))
	if err != nil {
		return sinks.Outcome{}, fmt.Errorf("note how far the sink has come: %w", err)
	}
	if n != 1 {
		return sinks.Outcome{}, errors.New("somebody else writes as this sink: its row of weir_sinks has changed")
	}
	if err := s.exec(ctx, "COMMIT"); err != nil {
		return sinks.Outcome{}, fmt.Errorf("commit: %w", err)
	}
	s.inTx, s.marked, s.cursor = false, true, to
	return sinks.Outcome{}, nil
}

// Close ends the connection, and with it a transaction that is open.
func (s *Sink) Close() error {
	s.rows.reset()
	s.inTx = false
	if s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	_ = s.conn.Close(ctx) // what was open is rolled back either way
	s.conn = nil
	return nil
}

// exec runs statements without parameters.
func (s *Sink) exec(ctx context.Context, text string) error {
	_, err := s.conn.Exec(ctx, text).ReadAll()
	return explain(err)
}

// affected runs a statement and returns how many rows it changed.
func (s *Sink) affected(ctx context.Context, text string) (int64, error) {
	results, err := s.conn.Exec(ctx, text).ReadAll()
	if err != nil || len(results) == 0 {
		return 0, explain(err)
	}
	return results[len(results)-1].CommandTag.RowsAffected(), nil
}

// query returns the rows of a statement as text; NULL is "".
func (s *Sink) query(ctx context.Context, text string) ([][]string, error) {
	results, err := s.conn.Exec(ctx, text).ReadAll()
	if err != nil || len(results) == 0 {
		return nil, explain(err)
	}
	var out [][]string
	for _, row := range results[len(results)-1].Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = string(c)
		}
		out = append(out, cells)
	}
	return out, nil
}

// explain puts what the server says in front of the code.
func explain(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	said := []string{e.Message}
	if e.Detail != "" {
		said = append(said, e.Detail)
	}
	if e.Hint != "" {
		said = append(said, e.Hint)
	}
	return fmt.Errorf("%s (%w)", strings.Join(said, "; "), codeError(e.Code))
}

// codeError is the SQLSTATE of an answer.
type codeError string

// Error names the code.
func (c codeError) Error() string { return "SQLSTATE " + string(c) }

package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"weir/ingest"
	"weir/ingest/kinesis"
	"weir/ingest/wal"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// kinesisConfig says which clients of Kinesis are let in, and what they may.
type kinesisConfig struct {
	Keys      *keyFile // nil: there are none
	Open      bool     // everybody is, while there are no keys
	AWSLimits bool     // as in kinesis.Config
}

// who says which clients are let in, for a person.
func (c kinesisConfig) who() string {
	switch n := c.Keys.count(); {
	case n == 1:
		return "who signs with the access key in " + c.Keys.path
	case n > 1:
		return fmt.Sprintf("who signs with one of %d access keys in %s", n, c.Keys.path)
	case c.Open:
		return "everybody, for there is no access key in " + c.Keys.path + "; weir keys add makes one"
	}
	return "nobody, for there is no access key in " + c.Keys.path + "; weir keys add makes one"
}

// kinesisStreams is the catalog as clients of Kinesis see it.
type kinesisStreams struct{ db *database }

// Stream returns a stream of the log.
func (k kinesisStreams) Stream(name string) (kinesis.Stream, bool) {
	s, ok := k.db.catalog.Stream(name)
	if !ok || !hasRecords(s) {
		return kinesis.Stream{}, false
	}
	return k.db.kinesisStream(s), true
}

// Instead says what a name is that is no stream of the log.
func (k kinesisStreams) Instead(name string) string {
	if s, ok := k.db.catalog.Stream(name); ok && s.Raw != "" {
		return "SQL shows the records of " + s.Raw + " by that name: put and get them there."
	}
	if _, ok := k.db.catalog.View(name); ok {
		return "A view has that name, which SQL alone reads."
	}
	return ""
}

// ByID returns the stream with a number.
func (k kinesisStreams) ByID(id uint32) (kinesis.Stream, bool) {
	s, ok := k.db.catalog.StreamByID(id)
	if !ok || !hasRecords(s) {
		return kinesis.Stream{}, false
	}
	return k.db.kinesisStream(s), true
}

func (db *database) kinesisStream(s *catalog.Stream) kinesis.Stream {
	return kinesis.Stream{
		ID: s.ID, Name: s.Name, Created: s.Created, Retention: s.Retention, Since: s.Since, Shards: db.router(s), Settings: db.settings(s.ID),
		Columns: decodeColumns(s), PartitionKey: partitionColumn(s), TimeUnit: s.TimeUnit,
	}
}

// settings returns what Kinesis keeps of a stream; nobody may change it.
func (db *database) settings(id uint32) *kinesis.Settings {
	if s, ok := db.kinesis.Load(id); ok {
		return s.(*kinesis.Settings)
	}
	return new(kinesis.Settings)
}

// Names returns the names of all streams of the log, sorted.
func (k kinesisStreams) Names() []string {
	var names []string
	for _, s := range k.db.catalog.Streams() {
		if hasRecords(s) {
			names = append(names, s.Name)
		}
	}
	return names
}

// hasRecords tells whether the log has records of the stream itself.
func hasRecords(s *catalog.Stream) bool { return s.Connector == "" && s.Raw == "" }

// Create makes a stream of records that SQL knows no columns of.
func (k kinesisStreams) Create(ctx context.Context, name string, shards int, settings kinesis.Settings) error {
	def := &ast.CreateStream{Name: ast.Name{Text: name}, With: []ast.Option{option("format", "raw"), option("shards", fmt.Sprint(shards))}}
	// From its text, which is what the log keeps.
	s, err := sql.ParseOne(sql.Print(def))
	if err != nil {
		return err
	}
	return asKinesis(k.db.createStreamWith(ctx, s.(*ast.CreateStream), &settings, func(string, ...any) {}))
}

func option(name, value string) ast.Option {
	return ast.Option{Name: ast.Name{Text: name}, Value: ast.Name{Text: value}}
}

// Delete drops a stream.
func (k kinesisStreams) Delete(ctx context.Context, name string) error {
	return asKinesis(k.db.drop(ctx, &ast.Drop{Kind: ast.StreamObject, Name: ast.Name{Text: name}}))
}

// asKinesis turns what SQL says into what the door understands.
func asKinesis(err error) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case diag.UnknownObject:
		return fmt.Errorf("%w: %s", kinesis.ErrGone, e.Message)
	case diag.ObjectExists:
		return fmt.Errorf("%w: %s", kinesis.ErrInUse, e.Message)
	case diag.DependedOn:
		return fmt.Errorf("%w: %s; %s", kinesis.ErrInUse, e.Message, e.Hint)
	case diag.Internal:
		return err
	}
	return fmt.Errorf("%w: %s", kinesis.ErrRefused, e.Message)
}

// Retain changes how long a stream keeps its records.
func (k kinesisStreams) Retain(ctx context.Context, id uint32, change func(now kinesis.Stream) (time.Duration, error)) error {
	return asKinesis(k.db.retainFor(ctx, id, func(s *catalog.Stream) (time.Duration, error) { return change(k.db.kinesisStream(s)) }))
}

// Account returns the settings of the account, not to be changed.
func (k kinesisStreams) Account() *kinesis.Account {
	if a := k.db.account.Load(); a != nil {
		return a
	}
	return new(kinesis.Account)
}

// AmendAccount changes the settings of the account.
func (k kinesisStreams) AmendAccount(ctx context.Context, change func(*kinesis.Account) error) error {
	db := k.db
	db.ddl.Lock()
	defer db.ddl.Unlock()
	account := *k.Account()
	if err := change(&account); err != nil {
		return err
	}
	payload, err := json.Marshal(changeOfAccount(&account))
	if err != nil {
		return err
	}
	commit, err := db.log.Control(context.WithoutCancel(ctx), wal.Control{Kind: wal.DDL, Payload: payload})
	if err == nil {
		db.storeAccount(ctx, commit, &account)
	}
	return err
}

func changeOfAccount(a *kinesis.Account) change { return change{Version: changeVersion, Account: a} }

// accountKey is where the store has the settings of the account.
const accountKey = "ca"

// storeAccount brings the store to the settings of a commit.
func (db *database) storeAccount(ctx context.Context, commit stream.Commit, a *kinesis.Account) {
	db.account.Store(a)
	if db.store == nil {
		return
	}
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // it is plain data
	}
	var b state.Batch
	b.Put([]byte(accountKey), text)
	db.writeCatalog(ctx, commit, nil, &b)
}

// loadAccount reads the settings of the account from the store.
func (db *database) loadAccount() error {
	text, err := db.store.Get([]byte(accountKey))
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	var a kinesis.Account
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		return fmt.Errorf("settings of the account: %w", err)
	}
	db.account.Store(&a)
	return nil
}

// Amend changes the settings of a stream. They are in the log like a statement.
func (k kinesisStreams) Amend(ctx context.Context, id uint32, change func(*kinesis.Settings) error) error {
	db := k.db
	db.ddl.Lock()
	defer db.ddl.Unlock()
	s, ok := db.catalog.StreamByID(id)
	if !ok {
		return kinesis.ErrGone
	}
	settings := db.settings(id).Clone()
	if err := change(settings); err != nil {
		return err
	}
	if settings.KeyID != "" && db.settings(id).KeyID == "" {
		if _, _, err := db.sealer.ready(); err != nil {
			return err
		}
	}
	payload, err := json.Marshal(changeOf(id, settings))
	if err != nil {
		return err
	}
	commit, err := db.log.Control(context.WithoutCancel(ctx), wal.Control{Kind: wal.DDL, Payload: payload})
	if err != nil {
		return err
	}
	db.amendSettings(ctx, commit, s, settings)
	return nil
}

func (db *database) amendSettings(ctx context.Context, commit stream.Commit, s *catalog.Stream, settings *kinesis.Settings) {
	db.kinesis.Store(s.ID, settings)
	db.amend(ctx, commit, s, func(o *object) { o.Kinesis = settings })
}

func changeOf(id uint32, settings *kinesis.Settings) change {
	return change{Version: changeVersion, ID: id, Kinesis: settings}
}

// Reshard splits or merges shards as plan says.
func (k kinesisStreams) Reshard(ctx context.Context, id uint32, plan ingest.Plan) (done bool, err error) {
	s, ok := k.db.catalog.StreamByID(id)
	if !ok {
		return false, kinesis.ErrGone
	}
	done, err = k.db.reshard(ctx, s, plan)
	return done, asKinesis(err)
}

// secretKey is where the store has what iterators are signed with.
const secretKey = "ck"

// kinesisSecret returns what iterators are signed with: the same in each run of a
// server, so that they outlive a restart.
func (db *database) kinesisSecret(ctx context.Context) ([]byte, error) {
	secret, err := db.store.Get([]byte(secretKey))
	if !errors.Is(err, state.ErrNotFound) {
		return slices.Clone(secret), err
	}
	secret = make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	var b state.Batch
	b.Put([]byte(secretKey), secret)
	if err := putMark(db.log, &b); err != nil {
		return nil, err
	}
	return secret, db.store.Write(ctx, &b)
}

// kinesisHandler serves clients of Kinesis at POST /, and everybody else by next.
func (s *server) kinesisHandler(next http.Handler) (http.Handler, error) {
	secret, err := s.db.kinesisSecret(s.db.ctx)
	if err != nil {
		return nil, fmt.Errorf("secret of kinesis iterators: %w", err)
	}
	cfg := kinesis.Config{
		Streams: kinesisStreams{s.db}, Log: s.log, Logger: s.cfg.Logger, Secret: secret, Open: s.cfg.Kinesis.Open,
		Now: s.cfg.Clock, StreamsMax: catalog.ObjectsMax, AWSLimits: s.cfg.Kinesis.AWSLimits,
	}
	if s.cfg.Kinesis.Keys != nil {
		cfg.Keys = s.cfg.Kinesis.Keys
	}
	h, err := kinesis.New(cfg)
	if err != nil {
		return nil, err
	}
	s.kinesis = h
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kinesis.Is(r) {
			h.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

package kinesis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"weir/ingest"
	"weir/ingest/keyed"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// entry is a record that is put.
type entry struct {
	Data            *[]byte
	PartitionKey    string
	ExplicitHashKey string
}

type putRecord struct {
	Named
	entry
	SequenceNumberForOrdering string
	DryRun                    bool
}

func (c *call) putRecord(in *putRecord) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	if err := in.check(s, -1); err != nil {
		return nil, err
	}
	if in.SequenceNumberForOrdering != "" {
		// A shard's records are in the order in which they are appended, and who puts the
		// next one has the answer to the one before: the order is there by itself.
		if s.Settings.AutoDistribution {
			return nil, fail(invalidArgument, "SequenceNumberForOrdering cannot be used with the record distribution strategy AUTO.")
		}
		if _, err := ingest.ParseSequenceNumber(in.SequenceNumberForOrdering); err != nil {
			return nil, fail(invalidArgument, "ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under account %s is invalid.",
				clip(in.SequenceNumberForOrdering), s.Name, c.account)
		}
	}
	if in.DryRun {
		return nil, errDryRun
	}
	places, err := c.h.put(c.ctx, s, []entry{in.entry})
	if err != nil {
		return nil, err
	}
	if places[0].refused {
		return nil, exceeded(s, places[0].Shard, c.account)
	}
	return struct {
		ShardId, SequenceNumber, EncryptionType string
	}{shardID(places[0].Shard), places[0].String(), s.Settings.encryption()}, nil
}

type putRecords struct {
	Named
	Records []entry
	DryRun  bool
}

const (
	// requestRecords and requestBytes bound a PutRecords; the bytes are those of data
	// and keys.
	requestRecords = 500
	requestBytes   = 10 << 20
)

// putResult is what became of one record.
type putResult struct {
	SequenceNumber string `json:",omitempty"`
	ShardId        string `json:",omitempty"`
	ErrorCode      string `json:",omitempty"`
	ErrorMessage   string `json:",omitempty"`
}

// putAnswer is what became of all.
type putAnswer struct {
	FailedRecordCount int
	Records           []putResult
	EncryptionType    string
}

func (a putAnswer) appendJSON(b []byte) []byte {
	b = slices.Grow(b, 64+128*len(a.Records))
	b = append(b, `{"FailedRecordCount":`...)
	b = strconv.AppendInt(b, int64(a.FailedRecordCount), 10)
	b = append(b, `,"Records":[`...)
	for i := range a.Records {
		if i > 0 {
			b = append(b, ',')
		}
		r := &a.Records[i]
		if r.ErrorCode == "" {
			b = appendText(append(b, `{"SequenceNumber":`...), r.SequenceNumber)
			b = appendText(append(b, `,"ShardId":`...), r.ShardId)
		} else {
			b = appendText(append(b, `{"ErrorCode":`...), r.ErrorCode)
			b = appendText(append(b, `,"ErrorMessage":`...), r.ErrorMessage)
		}
		b = append(b, '}')
	}
	b = appendText(append(b, `],"EncryptionType":`...), a.EncryptionType)
	return append(b, '}')
}

func (c *call) putRecords(in *putRecords) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	total := 0
	for i := range in.Records {
		if err := in.Records[i].check(s, i); err != nil {
			return nil, err
		}
		total += len(in.Records[i].PartitionKey) + len(*in.Records[i].Data)
	}
	if total > requestBytes {
		return nil, fail(invalidArgument, "Records size exceeds %d MB limit", requestBytes>>20)
	}
	if in.DryRun {
		return nil, errDryRun
	}
	places, err := c.h.put(c.ctx, s, in.Records)
	if err != nil {
		return nil, err
	}
	out := putAnswer{Records: make([]putResult, len(places)), EncryptionType: s.Settings.encryption()}
	id, of := "", stream.Shard(0)
	for i, n := range places {
		if n.refused {
			err := exceeded(s, n.Shard, c.account)
			out.FailedRecordCount++
			out.Records[i] = putResult{ErrorCode: err.Type, ErrorMessage: err.Message}
			continue
		}
		if id == "" || n.Shard != of {
			id, of = shardID(n.Shard), n.Shard
		}
		out.Records[i] = putResult{SequenceNumber: n.String(), ShardId: id}
	}
	return out, nil
}

var errDryRun = fail(dryRunSuccess, "The request would have succeeded; DryRun is set.")

// memberOf returns the name of a member of the i-th record or, with -1, of the only one.
func memberOf(i int, name string) string {
	if i < 0 {
		return name
	}
	return fmt.Sprintf("records.%d.member.%s", i+1, name)
}

// rules says what is wrong with a record of whatever stream.
func (e *entry) rules(i int) error {
	switch {
	case e.Data == nil:
		return missing(memberOf(i, "data"))
	case len(e.PartitionKey) > partitionKeyMax && utf8.RuneCountInString(e.PartitionKey) > partitionKeyMax:
		return invalid(e.PartitionKey, memberOf(i, "partitionKey"), "have length less than or equal to %d", partitionKeyMax)
	case e.ExplicitHashKey != "" && !isHash(e.ExplicitHashKey):
		return invalid(e.ExplicitHashKey, memberOf(i, "explicitHashKey"), "satisfy regular expression pattern: %s", hashPattern)
	}
	return nil
}

// partitionKeyMax is how many characters a partition key has at most.
const partitionKeyMax = 256

// check says what is wrong with a record of this stream.
func (e *entry) check(s Stream, i int) error {
	if e.PartitionKey == "" && !s.Settings.AutoDistribution {
		return invalid(e.PartitionKey, memberOf(i, "partitionKey"), "have length greater than or equal to 1")
	}
	if limit := s.Settings.maxRecord(); len(*e.Data)+len(e.PartitionKey) > limit {
		return invalid(itoa(len(*e.Data))+" bytes", memberOf(i, "data"), "have length less than or equal to %d", limit)
	}
	if e.ExplicitHashKey == "" {
		return nil
	}
	if _, err := ingest.ParseHash(e.ExplicitHashKey); err != nil {
		return fail(invalidArgument, "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s", clip(e.ExplicitHashKey))
	}
	return nil
}

// placed is where a record is, or that its shard had no room.
type placed struct {
	ingest.SequenceNumber
	refused bool
}

// put appends records that were checked, and returns where each is, in their order.
func (h *Handler) put(ctx context.Context, s Stream, records []entry) ([]placed, error) {
	m, release := s.Shards.Hold() // until the records are in the log
	defer release()
	all, now := m.All(), time.Now()
	out := make([]placed, len(records))
	blocks := map[stream.Shard]*putBlock{}
	for i := range records {
		e, at := &records[i], &out[i]
		at.Shard = h.route(s, m, e)
		b, ok := blocks[at.Shard]
		if !ok {
			b = &putBlock{meter: h.meters.of(s.ID, at.Shard)}
			blocks[at.Shard] = b
		}
		size := len(e.PartitionKey) + len(*e.Data)
		if h.cfg.AWSLimits && !b.meter.admitWrite(size, now) {
			at.refused = true
			continue
		}
		b.count++
		b.bytes += size
		b.size += keyed.Size(len(e.PartitionKey), len(*e.Data))
	}
	var req wal.Request
	for i := range records {
		if out[i].refused {
			continue
		}
		b := blocks[out[i].Shard]
		if b.data == nil {
			b.place = len(req.Blocks)
			b.data = make([]byte, 0, b.size)
			req.Blocks = append(req.Blocks, wal.Block{Stream: s.ID, Shard: out[i].Shard, Encoding: wal.Keyed, Count: b.count})
		}
		b.data = keyed.Append(b.data, records[i].PartitionKey, *records[i].Data)
	}
	if len(req.Blocks) == 0 {
		return out, nil
	}
	for _, b := range blocks {
		if b.data != nil {
			req.Blocks[b.place].Data = b.data
		}
	}
	ack, err := h.cfg.Log.Append(ctx, req)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		b.meter.wrote(b.count, b.bytes)
	}
	for i := range out {
		if at := &out[i]; !at.refused {
			next := &ack.First[blocks[at.Shard].place]
			at.Created, at.Seq, at.Arrived = all[at.Shard].Birth(s.Created), *next, ack.Arrival
			*next++
		}
	}
	return out, nil
}

// putBlock is the records of a request that go to one shard.
type putBlock struct {
	meter *meter
	count int
	bytes int // of keys and data
	size  int // of data, once it is filled
	data  []byte
	place int // among the blocks of the request
}

// route returns the shard of a record.
func (h *Handler) route(s Stream, m *ingest.ShardMap, e *entry) stream.Shard {
	switch {
	case s.Settings.AutoDistribution:
		return m.Open()[h.turn.Add(1)%uint32(len(m.Open()))]
	case e.ExplicitHashKey != "":
		hash, _ := ingest.ParseHash(e.ExplicitHashKey) // it was checked
		return m.Find(hash)
	}
	return m.Route([]byte(e.PartitionKey))
}

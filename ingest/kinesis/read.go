package kinesis

import (
	"errors"
	"fmt"
	"time"

	"weir/ingest"
	"weir/ingest/keyed"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// place is where a reader of a shard is: behind a commit, at a sequence. Records of
// later commits with an earlier sequence were read.
type place struct {
	after stream.Commit
	seq   stream.Seq
}

// Record is a record on the wire.
type Record struct {
	SequenceNumber              string
	ApproximateArrivalTimestamp Timestamp
	Data                        []byte
	PartitionKey                string `json:",omitempty"` // "": the service chose the shard, and nobody gave a key
	EncryptionType              string `json:",omitempty"`
}

const (
	// readBytesMax is how much one read returns, as long as one record is not larger.
	readBytesMax = 10 << 20
	// scanBytesMax is how much of the log one read looks at: what other shards have
	// written has to be passed over.
	scanBytesMax = 64 << 20
	// scanCommitsMax bounds it in commits.
	scanCommitsMax = 100_000
)

// readLimit is how much a read returns; one record may be larger.
type readLimit struct{ records, bytes int }

// run is what a read gives.
type run struct {
	records []Record // not nil: on the wire that is no list
	bytes   int
	next    place
	over    bool        // the shard is closed, and all of it was read
	behind  stream.Time // how far the reader is behind the head of the log; 0: not at all
}

// newRun is a run without records.
func newRun(from place) *run { return &run{records: []Record{}, next: from} }

// read returns records of a shard from a place on, up to a number of them, as far as
// they are in the log now.
func (c *call) read(s Stream, shard stream.Shard, from place, limit readLimit) (*run, error) {
	upTo := c.h.cfg.Log.NextSeq(s.ID, shard) // all records before it are in the log up to head
	head, newest := c.h.cfg.Log.Newest()
	sh := s.Shards.Map().All()[shard]
	out := newRun(from)
	atHead := func() {
		out.behind, out.next.seq = 0, max(out.next.seq, upTo)
		out.over = !sh.Open() && out.next.after >= sh.Closed
	}
	if !sh.Open() && sh.Closed < head {
		head = sh.Closed // nothing of the shard follows
	}
	if c.h.cfg.Log.NextSeq(s.ID, shard) <= from.seq {
		out.next.after = max(from.after, head) // what there is belongs to others
	}
	if out.next.after >= head {
		atHead()
		return out, nil
	}
	r, err := c.h.cfg.Log.NewReader(from.after)
	var behind *wal.BehindRetentionError
	if errors.As(err, &behind) {
		out.next = place{c.h.cfg.Log.Horizon(s.ID).After, from.seq}
		r, err = c.h.cfg.Log.NewReader(out.next.after)
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	rd := &shardReader{c: c, s: s, shard: shard, created: sh.Birth(s.Created), limit: limit, out: out}
	for scanned, commits := 0, 0; out.next.after < head && scanned < scanBytesMax && commits < scanCommitsMax; commits++ {
		f, err := r.Next(c.ctx)
		if err != nil {
			return nil, err
		}
		if f.StepDone {
			continue
		}
		for i := range f.Blocks {
			scanned += f.Blocks[i].RawBytes
		}
		whole, err := rd.frame(f)
		if err != nil {
			return nil, fmt.Errorf("commit %d: %w", f.Commit, err)
		}
		// What is left is at least a millisecond away: 0 says that there is nothing.
		out.behind = max(newest-f.Arrival, stream.Time(time.Millisecond/time.Microsecond))
		if !whole {
			return out, nil
		}
		out.next.after = f.Commit
	}
	if out.next.after >= head {
		atHead()
	}
	return out, nil
}

// shardReader collects the records of one shard.
type shardReader struct {
	c       *call
	s       Stream
	shard   stream.Shard
	created stream.Time
	limit   readLimit
	out     *run
}

// frame takes the records of a commit. whole is false if some did not fit.
func (rd *shardReader) frame(f *wal.Frame) (whole bool, err error) {
	for i := range f.Blocks {
		b := &f.Blocks[i]
		if b.Stream != rd.s.ID || b.Shard != rd.shard || b.First+stream.Seq(b.Count) <= rd.out.next.seq {
			continue
		}
		data, err := f.Data(i)
		if err != nil {
			return false, err
		}
		records, err := rd.c.h.recordsOf(rd.s, b, data)
		if err != nil {
			return false, err
		}
		for j, r := range records {
			seq := b.First + stream.Seq(j)
			if seq < rd.out.next.seq {
				continue
			}
			if !rd.take(seq, r, f.Arrival, b.Sealed()) {
				return false, nil
			}
		}
	}
	return true, nil
}

// take adds a record, unless there is no more room.
func (rd *shardReader) take(seq stream.Seq, r keyed.Record, arrival stream.Time, sealed bool) bool {
	size := len(r.Key) + len(r.Data)
	out := rd.out
	// Where memory is short answers are, too. A record is there twice: as it was, and
	// as it is written.
	full := !rd.c.out.take(2*size) || out.bytes+size > rd.limit.bytes
	if len(out.records) == rd.limit.records || len(out.records) > 0 && full {
		return false
	}
	n := ingest.SequenceNumber{Created: rd.created, Shard: rd.shard, Seq: seq, Arrived: arrival}
	key := string(r.Key)
	if r.Key == nil {
		key = shardID(rd.shard) // it came by another door, and without one
	}
	out.records = append(out.records, Record{
		SequenceNumber: n.String(), ApproximateArrivalTimestamp: Timestamp(arrival),
		Data: r.Data, PartitionKey: key, EncryptionType: encryptionOf(sealed), // by then, not by now
	})
	out.bytes += size
	out.next.seq = seq + 1
	return true
}

// recordsOf takes a block apart. Key is nil in records without one.
func (h *Handler) recordsOf(s Stream, b *wal.FrameBlock, data []byte) ([]keyed.Record, error) {
	records := make([]keyed.Record, 0, b.Count)
	switch b.Encoding {
	case wal.Keyed:
		for len(data) > 0 {
			r, rest, err := keyed.Next(data)
			if err != nil {
				return nil, err
			}
			if r.Key == nil {
				r.Key = []byte{}
			}
			records, data = append(records, r), rest
		}
	case wal.JSON, wal.CSV:
		var err error
		if records, err = rowsOf(s, b.Encoding, data, records); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("no reader for encoding %d", b.Encoding)
	}
	if len(records) != b.Count {
		return nil, fmt.Errorf("%d records where the log counted %d", len(records), b.Count)
	}
	return records, nil
}

// begin returns the place where a position in a shard is.
func (c *call) begin(s Stream, shard stream.Shard, p position) (place, error) {
	log := c.h.cfg.Log
	sh := s.Shards.Map().All()[shard]
	oldest := place{after: max(log.Horizon(s.ID).After, sh.Born)}
	switch p.Type {
	case "TRIM_HORIZON":
		return oldest, nil
	case "LATEST":
		head, _ := log.Newest()
		if !sh.Open() {
			head = max(head, sh.Closed)
		}
		return place{after: head, seq: log.NextSeq(s.ID, shard)}, nil
	case "AT_TIMESTAMP":
		if p.Timestamp == nil {
			return place{}, fail(invalidArgument, "Must either specify timestamp or startingSequenceNumber for AT_TIMESTAMP.")
		}
		at := stream.Time(*p.Timestamp)
		if at > c.now().Add(futureMax) {
			return place{}, fail(invalidArgument, "The timestamp of the position lies in the future.")
		}
		return place{after: max(oldest.after, log.CommitAt(at))}, nil
	default: // AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER
		n, err := c.numberIn(s, shard, &sh, p.SequenceNumber)
		if err != nil {
			return place{}, err
		}
		if n.Seq == ingest.EndOfShard { // of a shard that is closed
			return place{after: max(oldest.after, sh.Closed), seq: n.Seq}, nil
		}
		seq := n.Seq
		if n.Mark == ingest.BehindRecord || n.Mark == ingest.OfRecord && p.Type == "AFTER_SEQUENCE_NUMBER" && n.Arrived > 0 {
			seq++ // a number without an arrival is where the shard begins
		}
		// The commit arrived in the second that the number has, or later.
		return place{after: max(oldest.after, log.CommitAt(n.Arrived)), seq: seq}, nil
	}
}

// position is where a client wants to begin.
type position struct {
	Type           string
	SequenceNumber string
	Timestamp      *Timestamp
}

// numberIn reads a sequence number that must be of a shard.
func (c *call) numberIn(s Stream, shard stream.Shard, sh *ingest.Shard, text string) (ingest.SequenceNumber, error) {
	if text == "" {
		return ingest.SequenceNumber{}, fail(invalidArgument, "Must specify a sequence number for AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER.")
	}
	n, err := ingest.ParseSequenceNumber(text)
	if err != nil || n.Shard != shard || ingest.Seconds(n.Created) != ingest.Seconds(sh.Birth(s.Created)) {
		return ingest.SequenceNumber{}, fail(invalidArgument,
			"StartingSequenceNumber %s used on shard %s in stream %s under account %s is invalid because it did not come from this stream.",
			clip(text), shardID(shard), s.Name, c.account)
	}
	if (n.Seq != ingest.EndOfShard || sh.Open()) && n.Seq > c.h.cfg.Log.NextSeq(s.ID, shard) {
		return ingest.SequenceNumber{}, fail(invalidArgument,
			"StartingSequenceNumber %s used on shard %s in stream %s under account %s is invalid: no record has it.",
			clip(text), shardID(shard), s.Name, c.account)
	}
	return n, nil
}

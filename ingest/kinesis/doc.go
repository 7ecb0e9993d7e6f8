// Package kinesis is the door for clients of Amazon Kinesis Data Streams that nobody
// changed: they are given weir's address as their endpoint.
//
// Nouns:
//
//   - An operation is a POST to / whose X-Amz-Target names it. Bodies are JSON 1.1 or
//     CBOR 1.1 (wire.go); an answer is of the kind of its request.
//   - A stream is a stream of the log, also one that CREATE STREAM made.
//   - A sequence number is the shard's birth, the record's dense sequence in its
//     shard, and its arrival, in the layout that AWS documents (sequence.go).
//   - A place is where a reader of a shard is: a commit of the log, and a sequence. An
//     iterator is a place that is signed and handed out, so nothing is kept for it.
//   - Settings are what Kinesis keeps of a stream and SQL does not know: tags,
//     consumers, the capacity mode. The catalog stores them for us.
//
// Invariants:
//
//   - What is answered with a sequence number is durable.
//   - A record is read exactly once from each iterator on, in the order of its shard,
//     whatever is split or merged meanwhile.
//   - A request has bounds in bytes, records and time; all requests together have one
//     in bytes.
//
// The package knows nothing of SQL, of queries and of the dashboard; the catalog is
// behind Streams.
package kinesis

// Package kpl takes records apart that the Kinesis Producer Library has put together.
//
//   - A blob is the data of one record of Kinesis, the outer record.
//   - An inner record is one of those that the producer's program put. It has its own
//     partition key, and its place in the blob is its sub-sequence number.
//
// A blob is
//
//	magic     F3 89 9A C2
//	message   AggregatedRecord of protocol buffers (aggregation-format.md of the library)
//	MD5       of the message, 16 bytes
//
// What is no such blob to the last byte is a plain record: wrong magic, wrong MD5, a
// message that cannot be read, an index beyond its table. This is how Amazon's own
// consumers judge (AggregatorUtil of the Kinesis Client Library), and what comes of it
// follows from the bytes alone.
//
// Invariants: inner records refer to the blob and are no more than it has bytes; their
// keys, written out for each, take no more than KeysMax bytes for each byte of the blob.
//
// The package is pure. It knows nothing of shards, streams and the log.
package kpl

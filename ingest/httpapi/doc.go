// Package httpapi is the HTTP front of ingestion:
//
//	POST /v1/streams/{name}/records   NDJSON, one JSON array of objects, or CSV with a header;
//	                                  plain, gzip or zstd; ?partition_key= for all rows
//	POST /v1/streams/{name}/end       no more records will come
//
// Its nouns: a Target finds a Stream by name; a Log keeps what was accepted; an
// answer says how many rows were accepted, how many rejected, and why.
//
// Invariants:
//
//   - 200 is written after the log has synced the rows to disk, never before.
//   - Every row of a body is counted once, as accepted or as rejected. A bad row
//     never takes a good one with it.
//   - An accepted row's bytes go to the log as they came.
//   - Rows of one shard stay in the order of the body.
//   - A request with an Idempotency-Key that was answered before gets the same
//     commit and counts again, and appends nothing.
//   - The bodies that are held in memory at once have a limit; beyond it a
//     producer is told to come back. Limits count decompressed bytes.
//   - The shards' pieces of a CSV body each carry its header, so that a block is
//     read the same way whatever is declared later.
//
// The package must not know how the log lies on disk, who reads it, what the
// catalog is, or what SQL says.
package httpapi

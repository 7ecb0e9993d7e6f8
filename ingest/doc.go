// Package ingest is where records come in: this package has what all the doors
// share, the packages below it are the doors, the log and its scans.
//
//   - A partition key is what a producer groups records by.
//   - A ShardMap says which shard a partition key belongs to: the MD5 of the key
//     is a number of 128 bits, and each shard owns a range of them. The ranges are
//     those that Kinesis makes, so a stream that moves here keeps its order.
//
// Invariant: a key's shard depends on the key's bytes and the map alone.
//
// The package knows nothing of SQL, of queries and of the dashboard.
package ingest

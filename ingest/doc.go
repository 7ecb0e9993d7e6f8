// Package ingest is where records come in: this package has what all the doors
// share, the packages below it are the doors, the log and its scans.
//
//   - A partition key is what a producer groups records by.
//   - A ShardMap says which shard a partition key belongs to: the MD5 of the key
//     is a number of 128 bits, and each shard owns a range of them. The ranges are
//     those that Kinesis makes, so a stream that moves here keeps its order.
//   - A Reshard closes shards and opens others over the same hashes: a split, or a
//     merge. It is a commit of the log.
//   - A Router holds the map of a stream while it changes.
//
// Invariants: a key's shard depends on the key's bytes and the map alone; all records
// of a shard lie behind the reshard that opened it, and before the one that closed it.
//
// The package knows nothing of SQL, of queries and of the dashboard.
package ingest

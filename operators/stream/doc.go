// Package stream is the vocabulary that everything behind the log shares.
//
//   - Time is an instant of event time or arrival time, in microseconds.
//   - Commit is the number of a group commit in the log; Step the number of a
//     run of commits. A query's Position is the last commit it has read.
//   - Shard is one partition of a stream; Row sequences are dense per shard.
//   - Batch is a run of rows of one shard, or of a changelog, in Arrow columns.
//   - StepData is what a source hands over: all rows of one step and what its
//     cut needs to know.
//   - Cut is the end of a step: where windows fire and results leave.
//   - Ledger counts each row that a query read exactly once.
//
// It is a leaf: of weir it imports sql/types alone. It does no I/O.
package stream

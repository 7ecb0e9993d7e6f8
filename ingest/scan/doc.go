// Package scan reads the commits of one stream out of the log as steps of Arrow
// batches.
//
//   - A Source is one reader of one stream. It reads ahead and decodes in
//     parallel, and hands the steps over in the order of the log.
//   - A Decoder turns the bytes of a block into a batch.
//
// Invariants:
//
//   - Every step of the log gives one StepData, also one without a row of this
//     stream: its cut moves the clock. So a replay and a query at the head make
//     the same cuts.
//   - The clock of a step is the arrival of its last commit, whoever's it is.
//   - Rows are ordered by (commit, shard, sequence).
//   - What is read ahead is bounded in bytes; only the step that is handed over
//     next may be larger than the bound.
//   - Each record of a block is a row or is counted as bad.
//
// The package knows nothing of queries, watermarks and HTTP.
package scan

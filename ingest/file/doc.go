// Package file is the bounded source: a file, or another reader such as
// standard input, read once from beginning to end.
//
//   - A chunk is 4 MiB of the input, cut where a row ends. It is a step.
//   - One goroutine reads and cuts, a few decode, Next hands over in order.
//
// A file is one shard and one lane. It has no clock: batches carry
// stream.MinTime as their arrival. What a step holds depends on the bytes of
// the input alone, not on how they come. Every declared column is checked, so
// which rows are good does not depend on the columns in use. A row that does
// not decode is counted and never hides a good one.
//
// Memory is bounded by the number of chunks on the way, whatever the size of
// the input.
//
// The package knows formats and rows. It knows nothing of queries and HTTP.
package file

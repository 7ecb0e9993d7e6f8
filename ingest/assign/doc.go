// Package assign makes records of the rows that INSERT writes.
//
// A Writer takes columns of results and writes each row as a JSON object for a
// stream, which then goes through the same door as an object that a producer
// sends: what a column takes is decided there, in package decode, and nowhere
// else. What this package adds is what MySQL does on assignment and JSON does not
// know: a number, and a text that is one, is rounded to an integer, a DATETIME loses its time of day in a
// DATE column, TRUE is 1 in a column of numbers, a text becomes a JSON value.
//
// Invariants:
//
//   - What is written of a row depends on the row and the two types alone.
//   - A value that no record can hold, such as an infinite DOUBLE, is told apart
//     from NULL: Append names the column, and the row is refused.
//
// The package knows nothing of SQL text, of queries, of shards and of the log.
package assign

// Package topn puts the rows of a bounded input in order, and ends a result
// after so many rows.
//
// Sort keeps rows until the input ends; with a limit it keeps about as many as
// it needs. Rows that are equal in all keys keep the order in which they came,
// so the result does not depend on how the input was cut into batches. Limit
// tells the engine that it wants no more, so that a long file is not read to
// its end for its first ten rows.
package topn

// Package render writes batches as text: NDJSON, CSV, TSV and tables. It is the
// one place where a value becomes text for people and programs, so that the
// shell, the HTTP answers and the browser show the same.
//
// A Writer borrows the batches that it is given and writes rows in their order.
// What a row is written as does not depend on where a batch begins or ends,
// except that a table sizes its columns by its first rows.
//
// It knows nothing of queries: a changelog's Ops, counts and notes are the
// business of whoever writes them.
package render

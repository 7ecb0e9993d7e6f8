// Package render is the text of batches: JSON lines, CSV, TSV, a table for
// people, and single values as JSON.
//
// It is the one place where a value becomes text, so that the terminal, HTTP and
// the websocket print the same: DOUBLE in its shortest form, DECIMAL with its
// scale, DATETIME with the column's precision, UTC. In JSON, DECIMAL and BIGINT
// beyond 2^53 are strings, because JavaScript would round them.
//
// A Writer appends to one reused buffer: no allocation per row.
package render

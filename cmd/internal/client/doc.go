// Package client is the side of weir that talks to a server: the shell and the
// sender of files.
//
// Its nouns:
//
//   - A Client knows where a server is and turns its answers into errors.
//   - An Answer is what the server says to one statement: columns and rows, which
//     may come for ever.
//   - A Printer writes answers as a table, NDJSON, CSV or TSV.
//   - The Splitter cuts what is typed into statements.
//   - The Shell reads statements from an Editor and prints their answers.
//   - Put sends the lines of an input in pieces, each of which counts once.
//
// Its invariants: memory does not grow with an input or an answer; pieces of an
// input are sent one after the other, in order; an interrupt ends what runs and
// not the shell.
//
// It must not know the planner, the engine, the log or the catalog: what it
// shows is what any HTTP client can get.
package client

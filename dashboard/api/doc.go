// Package api is the REST side of weir: statements over POST /v1/sql, health
// over GET /healthz and /readyz, and the guard that every request passes.
//
// Its nouns:
//
//   - Engine runs statements; whoever wires the process implements it.
//   - Result is what a statement answers: finite rows, or an endless changelog.
//   - An encoder writes a Result in the format that the Accept header chose: JSON,
//     NDJSON, CSV, server-sent events or an Arrow stream.
//   - Guard decides whether a request may come in at all: by Host, by Origin, and
//     by Access.
//   - Access knows the tokens, and the sessions of browsers that have logged in.
//   - Catalog tells what there is, for the routes that list it.
//   - A failure is what a client reads when something went wrong: one shape for
//     mistakes in SQL and mistakes in HTTP.
//
// Its invariants: a row is written when it is produced, no result is held as a
// whole; an answer that ends early says so, or its connection is cut; every
// error body is {"error":{"code","message",…}}; a status is chosen in one place;
// spans count bytes of the SQL text after JSON decoding; no token is kept, logged
// or sent back, only its hash is compared; what strangers can make the package
// remember is bounded.
//
// It must not know the planner, the operators, the log or the websocket.
package api

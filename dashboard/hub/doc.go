// Package hub sends the changes of queries to browsers over websockets. It is
// the only importer of the websocket library.
//
// Its nouns:
//
//   - Source opens a Subscription to a statement; whoever wires the process
//     implements both.
//   - Update is what a subscription hands over: a snapshot, a piece of one, a
//     change, or news of the watermark alone.
//   - conn is one websocket; feed is one subscription on it.
//   - outbox is the bounded queue of a conn's messages.
//
// # The protocol weir.v1
//
// Messages are JSON texts. From the client:
//
//	{"t":"sub","id":"p1","sql":"SELECT …","start":"-15m"}
//	{"t":"unsub","id":"p1"}
//	{"t":"ping"}
//	{"t":"hello","token":"…"}
//
// Where the handshake brought neither token nor log-in, a hello has to come first
// and soon; it is answered by {"t":"welcome"}, or by closing with 4401.
//
// From the server, for each id in this order: one schema, one snapshot, then
// changes and marks, until done or error:
//
//	{"t":"schema","id","cols":[{"n","type","role"}],"key":["…"],"append":false,"time":"window_start"}
//	{"t":"snap","id","n":2,"cols":[[…],[…]],"more":false,"tok","wm"}
//	{"t":"delta","id","n":3,"op":"iud","cols":[[…],[…]],"tok","wm","dropped":0}
//	{"t":"mark","id","wm","tok"}
//	{"t":"done","id"}
//	{"t":"error","id","code","message","span":[4,9],"label","hint"}
//	{"t":"pong"}
//
// Columns come one array each. Times are epoch milliseconds, BIGINT beyond
// 2^53 and DECIMAL are strings, wm is the watermark in epoch milliseconds or
// null while there is none. op has a letter a row: i enters, d leaves, u
// replaces the row with the same key; without op all rows enter. A snap after one with "more":true
// goes on with it, any other replaces all that came before. A delta with
// "more":true is one change together with the deltas up to the one without.
// dropped counts rows that were left out just before, which happens to
// append-only results without a key alone.
//
// # Invariants
//
//   - Snapshot plus changes equals the view.
//   - A client never holds back the engine: what a slow one has not taken is
//     bounded, and beyond the bound its connection is closed with 4408.
//   - Each goroutine belongs to a conn, has its context, and ends before Close
//     returns.
//   - Every Update is released exactly once.
//
// It must not know SQL, plans, the log or the page.
package hub

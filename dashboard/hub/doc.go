// Package hub sends the changes of queries to browsers over websockets. It is
// the only importer of the websocket library.
//
// Its nouns:
//
//   - Source plans a statement; Plan is what can run; Subscription is it running.
//     Whoever wires the process implements them.
//   - Update is one step of a Subscription: a content, a change, or news of the
//     watermark alone.
//   - run is a Subscription and everybody who follows it: all subscriptions with
//     the same Plan.ID, of any connection. member is one of them.
//   - class is the members of a run that want the same number of frames a second;
//     each frame is encoded once for the class, which is a channel of the protocol.
//   - fold adds changes up; table is the content of a run; ring its newest changes.
//   - conn is one websocket; outbox is the bounded queue of its messages.
//
// The protocol weir.v1 is described in docs/http.md.
//
// # Invariants
//
//   - Snapshot plus changes equals the result. A member joins a class behind a
//     frame, never in the middle of one, so nothing is missing or doubled.
//   - A token names a commit; the changes behind it are a function of the log, so
//     it is good in any process that has the log.
//   - A run never waits for a client, and neither does the engine. Who has no room
//     for a frame leaves the class; with room again it gets what it missed as one
//     change, or the content. Who takes nothing is closed with 4408.
//   - What a run keeps is bounded: the content, the newest changes, what waits for
//     the next frame. A run without members lives on for a while for those who
//     come back.
//   - Rows are rendered when they come; nothing of Arrow is kept. Every Update is
//     released exactly once.
//   - Each goroutine belongs to a conn or a run, has its context, and ends before
//     Close returns.
//
// It must not know SQL, plans, the log or the page.
package hub

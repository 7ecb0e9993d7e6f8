// Package demo makes up the events of `weir demo` and posts them, as any other
// producer would, to the server's own public API.
//
// Its nouns: a tick is a tenth of a second; at each tick a scene (sensors,
// orders or requests, one for each stream) gives a body of rows.
//
// Invariants:
//
//   - The rows of a tick depend on the seed, the scene, the tick's number and the
//     tick's time alone, however the ticks before went.
//   - Each tick has a row with the tick's own time for every key of the scene, so
//     every shard's watermark moves ten times a second.
//   - Other rows are up to 800 ms older, which the declared watermark allows; one
//     in a hundred is at least 3 s older, which is late for windows of a second.
//   - Each scene has a season and, every 20 s, a spike of two seconds.
//
// The package must not know how the server works: it has a URL and statements.
package demo

// Package sinks brings the changes of a view to other systems.
//
// Its nouns:
//
//   - Sink: a destination. It takes changes and makes them durable at once, with
//     the commit that they reach up to: its cursor.
//   - Runner: the goroutine that reads a view's changes and drives one Sink.
//   - Source and Feed: the view as a Runner sees it.
//
// Its invariants:
//
//   - The cursor lies with the data. After whatever went wrong, the runner asks
//     the destination how far it has come and goes on behind that.
//   - Between two Commits of a sink everything counts or nothing does.
//   - A sink that does not answer holds nobody back: its runner lets go of the
//     view while it waits, and reads what it missed when it comes back.
//   - What cannot be delivered any more without a gap is not delivered: the runner
//     starts again from the view's content where the destination can take that,
//     and else stops and says so.
//
// The package knows nothing of SQL, of views and of HTTP. Each destination has a
// folder below this one.
package sinks

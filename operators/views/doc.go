// Package views holds what queries that never end have computed: materialized
// views, for readers, subscribers and sinks.
//
// Its nouns:
//
//   - View: the output of one query; it holds the sum of all its changes.
//   - Feed: a reader's source over a View: its content, then its changes, or the
//     changes behind a commit that the reader has seen.
//
// Its invariants:
//
//   - A View is seen as it was at the end of a step, never inside one.
//   - Content at a commit plus the changes behind it is the content later: a
//     reader who comes back with its commit misses nothing and gets nothing twice,
//     or is told with ErrForgotten that this cannot be had any more.
//   - A slow reader holds nobody back.
//
// The package knows nothing of queries, of SQL and of HTTP.
package views

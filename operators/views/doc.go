// Package views holds what queries that never end have computed: materialized
// views, for readers, subscribers and sinks.
//
// Its nouns:
//
//   - View: the output of one query; it holds the sum of all its changes.
//   - Page: a run of changes, which never changes itself. A page is changelog
//     while it is new, and content while some of its rows are shown. A bitmap
//     tells which; it is what changes.
//   - Feed: a reader's source over a View: its content, then its changes, or the
//     changes behind a commit that the reader has seen. It is a place in the
//     changelog, not a queue.
//   - Hold: keeps the changelog behind a commit, for a reader who must have all.
//   - Cache: pages of all views of a store that are in memory.
//
// Its invariants:
//
//   - A View is seen as it was at the end of a step, never inside one.
//   - What a reader began to read stays as it was until it has read it.
//   - Content at a commit plus the changes behind it is the content later, but for
//     rows that expired: a reader who comes back with its commit misses nothing and
//     gets nothing twice, or is told with ErrForgotten that this cannot be had any
//     more.
//   - Rows are read in the order in which they appeared; a row that takes the place
//     of another of its key in one step stands where that one stood. A restart
//     changes nothing about it.
//   - A slow reader holds nobody back.
//   - What Flush wrote is the view at one commit. What was not written, or cannot
//     be read, is made again from the log.
//
// Rows expire (Config.Retention) at cuts, by the watermark alone. That is no
// change: who follows the view keeps them. A retraction of a row that expired
// does nothing to the content. The changelog has it all the same, for a sink that
// has the row; a feed that began when the row had gone leaves it out.
//
// A View has one lock, taken inside of a Feed's and outside of the Cache's. Steps
// read and, where more than Config.SpillBytes wait for a flush, write the store
// with the lock held.
//
// The package knows nothing of queries, of SQL and of HTTP.
package views

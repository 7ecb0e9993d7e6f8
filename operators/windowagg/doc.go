// Package windowagg aggregates rows per window and group, in two halves.
//
// The partial half runs in every lane. It judges each row by its own shard's
// watermark and adds it to exactly one table: that of its (slice, first window
// end that the row still counts for). At a cut the tables whose first end the
// merged W has passed leave as rows of states.
//
// The final half runs once per query. At a cut it merges the lanes' states in
// shard order, combines slices to windows and fires those with end <= W, in
// order of their ends and then of the memcomparable group key.
//
// Of a plan with updates every cut takes what the lanes have, and the final half
// keeps the current row of each group, per window where there is one. What leaves
// is how these rows changed: the old one is deleted, then the new one inserted.
//
// Its nouns:
//
//   - groups: a dictionary from group keys to dense ids;
//   - acc: the states of one aggregate, indexed by id;
//   - entry: the table of one (slice, first end) in a lane;
//   - slice number: k = (slice start - offset) / width; a window covers the
//     slices [K - n, K), K being its end's number.
//
// Invariants:
//
//   - The result does not depend on batch sizes: a lane adds rows in log order,
//     the final half combines in an order that follows from slice numbers, shard
//     numbers and cuts alone. So DOUBLE sums are the same to the bit.
//   - The cost of a row does not depend on size / slide; closing a window costs
//     a few operations per group in it.
//   - Windows without rows cost nothing, however far W jumps.
//   - Without allowed lateness no row comes for a window that has fired; the
//     final half returns an error if one does.
//
// It knows nothing of streams, sources or SQL text; time comes as columns.
package windowagg

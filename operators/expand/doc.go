// Package expand repeats rows for the grouping sets of ROLLUP, CUBE and GROUPING
// SETS.
//
// It keeps no state and copies no values: for each set it emits the batch once more,
// with columns of NULLs in the place of the keys that the set leaves out. What
// follows is an aggregation, for which a copy is a row of its own; for the ledger it
// is not, so only the first copy counts there.
package expand

// Package filter drops rows that do not satisfy a predicate.
//
// It keeps no state, so it has nothing to snapshot, and it never moves a
// watermark: removing rows cannot make the stream later. Every row that it
// drops is counted in the ledger as filtered.
package filter

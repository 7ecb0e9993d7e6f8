// Package pace holds the changes of a query back until the log's clock passes a
// multiple of a time: EMIT EVERY. What changed in between leaves as its net: of
// a row that came and went again nothing is left, of one that changed often the
// first old one and the last new one.
//
// The clock is the arrival time of the cuts, which is in the log, so the same log
// gives the same changes at the same cuts. As long as rows are held back, somebody
// must see to it that the log ticks: Due says when.
package pace

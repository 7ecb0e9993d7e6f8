// Package windowrows shows each row once for every window that it is in, with the
// bounds of the window behind its own columns.
//
// It keeps no state, and no row is late for it: what closes windows stands behind
// it. A row between two hops is in no window and counts as filtered; one in several
// counts in the ledger as often as it is shown.
package windowrows

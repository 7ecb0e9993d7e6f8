// Package windowrows shows each row once for every window that it is in, with the
// bounds of the window behind its own columns.
//
// It keeps no state, and no row is late for it: what closes windows stands behind
// it. A row counts once in the ledger, by what becomes of all that is shown of it: it
// is used if one of these rows is, else late if one is late, else filtered, as is a
// row between two hops, which is in no window.
package windowrows

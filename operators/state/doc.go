// Package state is where operators, views and the catalog keep what must outlive
// the process: the contract between them and what is on disk.
//
// Its nouns:
//
//   - Store: keys and values in order, with writes that are durable when they
//     return. The only one that ships is state/badger; Memory is for tests and
//     for programs without a disk.
//   - Batch: what one Write changes. Its pages come first and may be any amount;
//     the rest is one atomic change behind them, so that what names a page is
//     never there without it.
//   - Writer, Reader: an operator's own pages in a snapshot, and back at Open.
//
// Its invariants:
//
//   - A page that was named is never changed: a new state is a new page.
//   - What Get and Scan return is what was put, or an error: a damaged value is
//     never handed out and never left out in silence.
//
// The first byte of a key is its owner:
//
//	c  the catalog
//	m  manifests of checkpoints
//	s  pages of operators
//	v  views
//	k  cursors of sinks
package state

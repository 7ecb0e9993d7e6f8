// Package topn orders rows and limits how many there are.
//
// Sort needs all rows of a bounded input before it can emit the first, so it
// holds them, and the watermark, until the final cut. Limit passes rows until
// it has enough and then says that it wants no more.
//
// Invariants: rows that tie in all keys keep the order in which they came, so
// the result is a function of the input's order and not of its batches; a
// Delete takes back one equal row that came before it.
package topn

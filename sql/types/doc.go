// Package types holds the SQL types, and what each looks like as text.
//
// A Type is a small comparable value: a kind and, where the kind has one, a
// precision, a scale or a length. The package also owns the one reading and
// the one printing of dates and times, so that the decoder, the expression
// evaluator, the shell and the browser cannot disagree.
//
// It is the first of the leaf packages and imports nothing of weir.
package types

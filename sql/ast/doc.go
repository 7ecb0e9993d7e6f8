// Package ast is what a statement says, in weir's own terms.
//
// Nodes carry the span of bytes that they were written in, so that every later
// stage can point at what the user typed. Nothing of the parser that produced
// them shows through.
package ast

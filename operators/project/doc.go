// Package project computes the columns of its output from those of its input.
//
// It keeps no state and every row: row i of the output is row i of the input,
// with the same Op and the same shard. A plain column is passed without a copy.
package project

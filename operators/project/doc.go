// Package project computes the columns of its output from those of its input.
//
// It keeps no state and every row: the rows of a batch leave in their order, with
// the same Op and the same shard, in several batches where their texts would be
// too much memory for one. A plain column is passed without a copy.
package project

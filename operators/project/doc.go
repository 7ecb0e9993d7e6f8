// Package project computes columns.
//
// It keeps no state and neither adds nor drops rows. Columns that are passed on
// as they are share their memory with the input.
package project

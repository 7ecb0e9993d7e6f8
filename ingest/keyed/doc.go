// Package keyed is how records that are a partition key and bytes lie in a block of
// the log: one behind the other, each as
//
//	length of the key   uvarint
//	the key
//	length of the data  uvarint
//	the data
//
// A Record is one of them, and refers to the block that it was read from.
//
// Invariant: every block can be appended to another, and then holds the records of both.
//
// The package knows nothing of what the bytes mean, nor of the log.
package keyed

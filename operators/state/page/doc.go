// Package page is the form in which an operator's tables lie in a page: a version,
// then numbers and runs of bytes of fixed layout, little-endian.
//
// A Writer only appends, so a page of a table of flat slices costs about as much
// as copying them. A Reader checks every length against what is there before it
// makes anything: bytes that are not a page, or are cut short, are an error and
// never a panic, and take no more memory than they have themselves.
//
// The package knows nothing of what the pages mean, nor of compression and
// checksums, which are the business of whoever stores them.
package page

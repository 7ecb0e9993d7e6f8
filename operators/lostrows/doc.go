// Package lostrows finds the rows that another query counts and does not use: late
// rows, and rows with errors.
//
// Nothing is stored for them. Whether a row is late is a function of the row, its
// shard's watermark before it and the filters in front of the window; whether it
// has an error is a function of the row. So the operators here judge the rows of a
// scan again, and pass those that are lost. They keep no state.
package lostrows

// Package fill adds the windows that a group has no rows in: FILL(NULL | PREV |
// LINEAR | value).
//
// It stands right behind the final half of an aggregation over windows of a grid,
// whose rows come once, at the cut at which their window closes. From a group's
// first window on, each cut adds those of its windows that the watermark passed and
// that nothing came for. At the end of the input, where the watermark has passed
// everything, the newest window that any group has a row in is the last one.
//
// LINEAR needs a group's next window with rows, so what lies in between comes
// together with that. The other modes never wait, and so add to the rows of a cut
// only windows that closed at it.
//
// A group is filled as long as the query runs. A jump of the watermark that would
// add more than RowsMax windows to one group, or CutRowsMax rows at all, is an
// error, for it is more likely a wrong time than a long silence.
package fill

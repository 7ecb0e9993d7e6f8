// Package windows is the arithmetic of event time: which windows and slices a
// row belongs to, and how far each shard's watermark has come.
//
// It is pure: no I/O, no goroutine, no clock of its own. Its nouns are
//
//   - Spec: a window clause;
//   - Grid: the numbers of slices, stretches that all windows over them share, and
//     of window ends, in fixed lengths or in those of a calendar;
//   - Tracker: the watermarks of one (query, scan): one W per shard, merged at
//     each cut by the rules of ARCHITECTURE.md, "Steps".
package windows

// Package stamp appends the hidden column `$w` to rows that are results: groups
// that another aggregation takes again.
//
// It keeps one number, the watermark that it forwarded at the cut before. A row
// that leaves at a cut is judged by that: it has not come later than what was
// promised then. Why this makes no row late is said in planner, at `again`.
package stamp

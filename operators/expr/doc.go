// Package expr turns the typed expressions of a plan into vectorised evaluators.
//
// Compile makes one node per sub-expression. A node computes all rows of a
// batch in one typed loop and leaves the result in a vec that it owns and uses
// again for the next batch; only the root's result becomes Arrow memory, which
// the caller owns. So evaluating allocates nothing per row, and an Evaluator
// belongs to one goroutine at a time.
//
//   - vec is a column between two nodes: flat values, and a bitmap of what is
//     not NULL. A constant is a vec of one value that stands for every row.
//   - frame is what is evaluated: the batch, and the rows that count.
//
// Invariants:
//
//   - The value of a row depends on that row alone, never on where a batch
//     begins or ends.
//   - A value that cannot be computed (division by zero, overflow, impossible
//     cast) is NULL and counted in Ledger.Nulled, once, and only if the row
//     needed it: CASE, IF, COALESCE, AND, OR and IN look at their arguments
//     from left to right and only as far as they must.
//   - DOUBLE results are rounded after each operation (no fused multiply-add),
//     are never NaN or infinite, and do not depend on the machine, except for
//     what POWER, logarithms and the like take from package math.
//   - A DECIMAL(p,s) never has more than p digits; a DATETIME lies in the years
//     0000 to 9999.
//
// It knows nothing of SQL text, names or casts that nobody wrote: the planner
// has resolved them.
package expr

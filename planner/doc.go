// Package planner turns a parsed SELECT into the plan that the engine runs.
//
// It is a pipeline of three stages, and Plan is the one place that names them:
//
//   - bind resolves names against Relations, gives every expression a type,
//     inserts the casts that the operators need, and yields a tree of
//     planner/logical nodes. Every mistake of the person who wrote the
//     statement is found here, with the bytes that it stands in.
//   - rules (planner/rules) make the tree cheaper.
//   - lower turns it into planner/physical nodes: lanes, exchange, the final half.
//
// What a query may say depends on its input. A bounded input (a file, the
// content of a view) may be grouped, sorted and cut at will. A live stream never
// ends, so what would need its end is refused with the form that does not: a
// window instead of a bare GROUP BY, ORDER BY on the view instead of the stream.
//
// The planner reads no clock and no catalog of its own, keeps nothing between
// two statements, and knows nothing of how operators work. Constant folding,
// which needs the evaluator, is handed in.
package planner

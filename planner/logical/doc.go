// Package logical is a bound query before it is decided how to run it: a chain
// of relational nodes over typed expressions.
//
//   - Scan reads all columns of a relation, the hidden ones behind them.
//   - Filter, Project, Aggregate, Sort and Limit do what their names say.
//
// Expressions are those of planner/physical; a Column is a position in the
// schema of the node's input. Nodes are never written to after they were bound:
// a rule returns new ones. The only exception is the binder itself, which may
// append expressions to the Project of a view that it is planning in place.
//
// The package knows no catalog and no SQL text.
package logical

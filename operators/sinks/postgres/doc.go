// Package postgres writes the changes of a view to a table of PostgreSQL.
//
// Its nouns:
//
//   - Table: what the view is kept in. With a key, it is what the view is: rows
//     are put in the place of those with the same key, and go when they leave.
//     Without one, rows are added.
//   - Mark: the row of the table weir_sinks that says how far a sink has come.
//
// Its invariants:
//
//   - The mark is changed in the transaction that changes the table, so both are
//     durable or neither is, and Open reads what really happened.
//   - The mark is only moved from where this sink left it: of two writers one gets
//     an error.
//   - Rows travel as COPY; nothing of a row is ever part of a statement.
//
// The package knows nothing of views and of SQL's tree.
package postgres

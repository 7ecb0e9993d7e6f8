// Package rules makes a logical plan cheaper without changing its answer.
//
// One file holds one rule; Apply runs them in the order that they need. Each
// rule keeps the root's schema (names, types, order), and every row of the
// result. A rule may change which rows the ledger counts as filtered instead of
// late, because a filter that runs earlier drops a row before it is judged.
package rules

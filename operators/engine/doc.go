// Package engine runs plans: it drives one chain of operators per shard (a
// lane) and one chain behind the exchange, makes the cuts, keeps the ledger and
// hands each step's net change to an output.
//
// Its nouns:
//
//   - Query: one running plan; it pulls steps from a Source and pushes changes
//     into an Output.
//   - lane: one shard's operators, and what the shard knows of event time.
//
// Its invariants:
//
//   - What leaves at a cut follows from the log alone. Lanes share nothing, so
//     the size of batches, the order of lanes and the number of goroutines
//     cannot show.
//   - Every row that a Query reads is in its Ledger once, and at each cut the
//     sums close.
//   - A panic in an operator or in an Output ends the Query and nothing else.
//
// The package knows nothing of SQL, of the log's files and of HTTP.
package engine

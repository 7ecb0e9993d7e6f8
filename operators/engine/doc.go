// Package engine runs plans: it drives one chain of operators per shard (a
// lane) and one chain behind the exchange, makes the cuts, keeps the ledger and
// hands each step's net change to an output.
package engine

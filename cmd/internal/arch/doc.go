// Package arch has no code of its own: its tests hold the rest of weir to the
// shape that ARCHITECTURE.md draws.
//
// Its nouns are an edge (one package imports another) and a rule (which edges
// must not exist, and the reason). The rules are data in rules_test.go; what a
// file itself must look like is in files_test.go; selftest_test.go feeds both
// with wrong input, because a check that cannot fail is worth nothing.
//
// The package must not know what any other package does, only where it stands.
package arch

// Package operators is the contract between the engine and an operator, and
// nothing else. Each family of operators has a folder of its own.
package operators

// Package statetest checks what every state.Store promises, by comparing one with
// state.Memory. Only tests import it.
package statetest

// Package diag is the one error that a person sees about a statement.
//
// An Error says what is wrong, where (a span of bytes in the text that the
// person typed), why, and what to do. It is made once, where the trouble is
// found, and rendered at each edge: with a caret on a terminal, as JSON over
// HTTP and the websocket, as a squiggle in the editor.
//
// diag knows nothing of SQL, of plans or of HTTP.
package diag

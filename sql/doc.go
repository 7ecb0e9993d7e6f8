// Package sql turns the text of statements into weir's own syntax tree.
//
// A statement goes through four stages, each of which may refuse it with a
// *diag.Error that points into what the user typed:
//
//  1. The token scan cuts the text into tokens and holds it to the limits
//     (size, nesting, joins, lists, digits), so that nothing behind it meets a bomb.
//  2. The heads of CREATE, DROP, SHOW, DESCRIBE and EXPLAIN, the column types and
//     the options are read by a small recursive descent.
//  3. A query, and the expression of a watermark, goes through the pre-pass: every
//     construct of the streaming dialect is replaced, token by token, by something
//     of the same length that a MySQL parser accepts. So the parser's byte offsets
//     are the user's, and no map of offsets exists. What a MySQL parser would accept
//     and misread is refused here by name.
//  4. The walker goes through the parser's tree and our tokens side by side and
//     builds the nodes of package ast. Only node types and tokens that it knows pass:
//     whatever the parser understood that we did not is refused.
//
// The nouns: a token is what the user typed; a lexeme is a token as the parser
// behind reads it; a marker is an invented name that stands for something the
// parser must not see; a rewrite is one such replacement, listed by EXPLAIN REWRITE.
//
// Invariants: a span never leaves the text; a rewriting never changes the length;
// Parse(Print(s)) prints the same; no panic escapes.
//
// The package knows no catalog: whether a stream, a column or a function exists is
// the planner's business. It is the only importer of the TiDB parser.
package sql

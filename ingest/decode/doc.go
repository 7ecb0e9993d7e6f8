// Package decode turns the bytes of records into Arrow columns.
//
// A decoder is compiled once for a stream's declared columns and for those of
// them that somebody wants, and then fed with bodies or chunks: NDJSON, a JSON
// array, JSON objects in a row as the log keeps them, or CSV. Each call gives a
// batch of the good rows and says of every bad row where it is and what is
// wrong with it. A bad row never takes a good one with it.
//
//   - A row is one JSON object or one CSV record. Its ordinal counts rows, good
//     and bad, from the beginning of the input; blank lines are no rows.
//   - A Column is declared; Want lists those that are built.
//   - A Span is a good row's bytes in the input, for who stores them.
//   - A RowError has a code (BAD_JSON, BAD_TYPE, …), a column and a sentence.
//
// Whether a row is good depends on its bytes and on the Config alone, never on
// the rows around it, nor on how the input was cut. Syntax and UTF-8 are
// checked in full always, types for the wanted columns, or for all with
// CheckAll. If several things are wrong with a row, the first of this list is
// told: ROW_TOO_LARGE, BAD_UTF8, BAD_JSON or BAD_CSV, TOO_DEEP, NOT_OBJECT,
// then the first bad column in order of declaration.
//
// # Values
//
// JSON keys and CSV headers name a column exactly or, where only one column
// fits, in another case. A missing key is NULL, unknown keys are skipped, and
// of a repeated key the last counts. Then, by column:
//
//   - BIGINT takes numbers that are integral (12, 12.0, 1.2e1) and the same as
//     text ("12"); beyond 64 bits is OUT_OF_RANGE.
//   - DOUBLE takes numbers and the same as text; -0 becomes 0; what rounds to
//     infinity is OUT_OF_RANGE.
//   - DECIMAL(p,s) takes the same, exactly; more than s digits behind the point
//     are rounded half away from zero; more than p digits is OUT_OF_RANGE.
//   - BOOLEAN takes true and false, also as text and in any case; not numbers.
//   - VARCHAR takes text; other values give their JSON text, byte for byte.
//     More than n characters are BAD_TYPE for VARCHAR(n). A lone surrogate
//     escape becomes U+FFFD.
//   - DATETIME takes text as types.ParseDatetime has it, and numbers as time
//     since the epoch in Config.TimeUnit, exactly, cut to microseconds towards
//     the past. Microseconds are kept whatever the column's precision. DATE
//     takes YYYY-MM-DD. All else is BAD_TIME.
//   - null is NULL.
//
// Numbers as text may have a plus sign, leading zeros, and no digit on one side
// of the point. CSV values are text: an empty field without quotes is NULL,
// blanks around other values than VARCHAR do not count, and a number in a
// DATETIME column is one since the epoch. In TSV \N is NULL too.
//
// # How it is fast
//
// The scanner guesses that a row has the keys, the order and the white space of
// a row before it: it compares the bytes between the values, reads the values
// straight into the columns' memory, and goes the general way, from the
// beginning of the row, where the guess fails. Both ways give the same rows;
// a fuzz test holds them to it, and to encoding/json.
//
// The package knows nothing of streams, shards, files and HTTP.
package decode

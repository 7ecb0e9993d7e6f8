// Package keys writes column values as memcomparable bytes: comparing the bytes
// of two keys compares the keys as SQL orders them, column by column.
//
//   - NULL comes first and equals NULL.
//   - Numbers and times come in numeric order; -0 equals 0; NaN equals NaN and
//     is the greatest DOUBLE.
//   - VARCHAR comes in order of its bytes, a prefix before what it begins.
//   - No key is a prefix of another key of the same types, so keys of several
//     columns are simply appended to each other, and each can be read back.
//
// The format is stored, so it must not change within a plan version: a byte 0
// for NULL, else a byte 1 and the value: big-endian integers with the sign bit
// flipped, DOUBLE as its ordered bits, VARCHAR with 0x00 written as 00 FF and
// ended by 00 01.
package keys

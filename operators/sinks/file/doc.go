// Package file writes the changes of a view to files of one directory.
//
// Its nouns:
//
//   - Part: a finished file. Its name, part-<from>-<to>, says which commits it
//     holds; the last part is the sink's cursor.
//   - Owner: the file .weir-sink, which says whose directory it is.
//
// Its invariants:
//
//   - Every row is in exactly one part, whatever happened in between: a part gets
//     its name once it is whole and on the disk, and what has no name yet is
//     thrown away at the start.
//   - A part never changes.
//   - Nothing outside of the os.Root is touched.
//
// The package knows nothing of views and of SQL.
package file

// Package badger is the state.Store on disk: a Badger database behind one
// committer, with checksums and a high-water mark of our own, because Badger
// itself drops damaged data in silence.
//
// Its nouns:
//
//   - Store: one directory, one process. Reads go to Badger at once; writes queue
//     to the committer, the one goroutine that begins transactions.
//   - transaction: what Badger makes durable at once. Transactions are numbered
//     densely; each leaves its number in the ring.
//   - ring: the numbers of the last 65,536 transactions. One that is missing
//     was lost.
//   - HEAD: a file beside Badger's with the number of the last transaction that
//     somebody was told of. A database that ends before it has lost its tail.
//   - chunk: 256 KiB of a long value. Badger's value log, which swallows errors,
//     stays empty that way.
//
// Its invariants:
//
//   - When Write returns nil, everything of it is synced, and HEAD says so.
//   - Every value carries a CRC-32C over its key and itself.
//   - Open checks every block of every table before Badger sees them, so that a
//     compaction cannot give damaged data new checksums. It takes about a second
//     a gigabyte.
//   - After an error of a commit nothing more is written: what it left is unknown.
//
// What it cannot notice: damage to a table while the process runs that makes keys
// unreadable instead of values wrong, and a directory that was replaced as a whole
// by an older copy of itself.
//
// Keys in Badger:
//
//	k<key>          a value, or the head of a long one
//	x<gen><index>   a chunk
//	l<key>          this key has a long value: its head once more, without a scan of k
//	i<gen>          chunks are being written; who finds it at Open deletes them
//	t<slot>         the ring
package badger

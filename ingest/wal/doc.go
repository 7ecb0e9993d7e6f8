// Package wal is the shard log: every record that a producer was told is safe
// lies here, and every result is a function of what lies here.
//
// Nouns:
//
//   - A commit is one group commit: one frame, one fdatasync. Commits are
//     numbered from 1 without a gap. Each has an arrival time, which never falls.
//   - A frame is how a commit lies on disk: a header, the idempotency keys of its
//     requests, a directory, and a block for each (stream, shard).
//   - A block is a run of records of one shard. Their sequences are dense.
//   - A control commit carries no record: a tick, the start of the process, a
//     reshard, the end of a stream, a DDL statement.
//   - A step is a run of commits with the same step number. The log raises the
//     number with the first commit that comes more than 5 ms (monotonic) after the
//     step's first, and with every control commit, which is a step of its own.
//   - A segment is one file. One segment is active, the others are sealed and end
//     with a footer, which lets Open skip their frames.
//   - HEAD is a small file with a lower bound of the last acknowledged commit.
//
// Invariants:
//
//   - Append answers after its frame is synced, and readers see a frame only then.
//   - A write or sync error is fatal: nothing is acknowledged afterwards, because
//     the kernel may have dropped the bytes while a second sync says all is well.
//   - Replay and a live reader get the same frames and the same ends of steps.
//   - A gap, in commits or in sequences, is an error and never the end. Open cuts
//     a torn tail, which nobody was promised; it refuses damage anywhere else.
//   - What is remembered per key of idempotency is bounded: the last 100,000 keys.
//
// Caveat: a frame that was damaged after it was acknowledged, that is the last in
// the log, and that HEAD does not know of (HEAD is written with every commit, but
// synced only when a segment or the log is closed) looks like a torn tail. It
// takes a power cut and a bad disk in the same second.
//
// The package knows nothing of schemas, of what a record holds, of HTTP, or of
// queries.
package wal

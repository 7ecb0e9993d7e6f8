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
//   - The retention of a stream is how long its records are kept, by their
//     arrival. Its horizon is the last commit beyond that. A new reader of the
//     stream begins behind the horizon, whether files with older records are
//     still there or not; one that began earlier goes on.
//   - BASE is a small file that says where the log begins and what must be known
//     of the segments before: the next sequence of every shard, the last step and
//     arrival, the ends of streams, the newest control commit, the marks of
//     producers, and the idempotency keys that are still remembered.
//   - A mark says how far a producer has come that makes its records of this log. It
//     lies in the frame of these records.
//   - A hold keeps the commits behind a position under a name, say the oldest
//     checkpoint of a query. Readers keep what they have not read.
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
//   - A segment is removed only if it is the oldest, it is sealed, each of its
//     records is beyond its stream's retention or of a stream that was dropped,
//     its reshards, ends and DDL commits are kept elsewhere (ReleaseControls), and
//     no reader or hold wants it. What readers and holds keep beyond the retention
//     is limited; past that the oldest goes, and who wants it gets a
//     *BehindRetentionError. Nothing is ever skipped.
//   - BASE is durable before the first file goes (temporary file, sync, rename,
//     sync of the directory), so at every moment the segments from its first
//     commit on are there; Open removes older ones that a crash left. Sequences
//     are never used twice, also where all records of a shard are gone.
//   - A segment is cut by size, or once its oldest record is as old as 1/24 of the
//     shortest retention, also when nobody writes.
//   - Below the disk reserve Append fails with ErrDiskReserve; control commits
//     are still taken, because a DROP may be what helps.
//   - What is remembered per key of idempotency is bounded: the last 100,000 keys.
//
// Caveat: a frame that was damaged after it was acknowledged, that is the last in
// the log, and that HEAD does not know of (HEAD is written with every commit, but
// synced only when a segment or the log is closed) looks like a torn tail. It
// takes a power cut and a bad disk in the same second.
//
// Caveat: the clock of retention is the wall clock, or the newest arrival where
// that is later. A wall clock that is set years ahead expires everything.
//
// The package knows nothing of schemas, of what a record holds, of HTTP, or of
// queries.
package wal

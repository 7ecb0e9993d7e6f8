// Package influxdb writes the changes of a view to InfluxDB 1.x, or to whatever
// takes its line protocol at /write.
//
// Its nouns:
//
//   - Point: a row. Measurement, tags and time say which point it is; writing it
//     again writes over it.
//   - Layout: which column is a tag, which the time and which a field.
//
// Its invariants:
//
//   - Whatever a row holds, its line is read back as that row; what the protocol
//     has no words for is told in docs/sinks.md.
//   - Sending a row twice is as good as once, so a batch is sent again until it
//     was answered. The cursor is kept behind the answer.
//   - A row that the server refuses is counted, and no other waits for it.
//
// The package knows nothing of views and of SQL.
package influxdb

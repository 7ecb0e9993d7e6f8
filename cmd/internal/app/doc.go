// Package app wires everything: the log, the catalog, the planner, the engine,
// the HTTP fronts and the commands. Nothing else knows everybody.
//
//   - Main is the command line: query, serve, sql, put, demo, version.
//   - database runs statements. Over a log it is a server's; without one it is
//     `weir query`, where streams are files.
//   - server adds the listener, the HTTP handlers and the life cycle.
package app

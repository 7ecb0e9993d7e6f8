// Package sinktest starts the servers that sinks write to, for tests: PostgreSQL
// and InfluxDB as Debian has them, and a MariaDB to compare results with.
//
// A server gets a directory and a port of its own, listens on loopback alone, and
// is ended by its process id when the test ends. A machine that lacks it is asked
// to install it; where that cannot be, the test is skipped and says so.
package sinktest

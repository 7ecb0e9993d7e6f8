// Command weir is the streaming SQL engine: see `weir --help`.
package main

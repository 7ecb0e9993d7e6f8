// Command weir is the streaming SQL engine: see `weir --help`.
package main

import (
	"os"

	"weir/cmd/internal/app"
)

func main() { os.Exit(app.Main(os.Args[1:], app.Stdio())) }

package main

import (
	"os"

	"weir/cmd/internal/app"
)

func main() { os.Exit(app.Main(os.Args[1:], app.Stdio())) }

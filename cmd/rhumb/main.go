// Command rhumb turns texts into embeddings.
//
// Results go to standard output, everything else to standard error. It exits
// with 0 when all is done, 1 when something failed and 2 for a wrong command line.
package main

import (
	"os"

	"github.com/rhumb-go/rhumb/internal/command"
)

func main() { os.Exit(command.Main(nil)) }

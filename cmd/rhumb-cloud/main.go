// Command rhumb-cloud is the command rhumb with objects of S3, Google Cloud Storage and Azure
// Blob Storage in place of files of rows: inputs and outputs of batch and merge, and what
// embed, search and the like read. It is a module of its own, as their clients are large.
package main

import (
	"os"

	"github.com/rhumb-go/rhumb/internal/command"
)

func main() { os.Exit(command.Main(newStore())) }

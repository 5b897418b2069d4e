// Command rhumb-man writes the manual pages of rhumb, one of each command, into a folder:
//
//	go run . DIR && man DIR/rhumb-embed.1
//
// It is a module of its own, as the generator is nothing that rhumb needs.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/rhumb-go/rhumb/internal/command"
	"github.com/spf13/cobra/doc"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rhumb-man:", err)
		os.Exit(1)
	}
}

// run writes the pages into the folder that args name, which it makes.
func run(args []string) error {
	if len(args) != 1 {
		return errors.New("expected one argument, the folder of the pages")
	}
	if err := os.Unsetenv("RHUMB_MODEL"); err != nil { // which would be a default in the pages
		return err
	}
	if err := os.MkdirAll(args[0], 0o777); err != nil {
		return err
	}
	root := command.Root()
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true // the day says nothing of the version
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "rhumb"}, args[0])
}

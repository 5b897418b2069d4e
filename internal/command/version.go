package command

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func (c *console) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of rhumb and of Go",
		Args:  cobra.NoArgs,
		RunE: action(func(context.Context, *cobra.Command, []string) error {
			_, err := fmt.Fprintf(c.stdout, "rhumb %s\n%s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		}),
	}
}

// version returns the module's version and the commit, as the build recorded them.
func version() string {
	b := buildOf()
	words := []string{b.version}
	if b.revision != "" {
		words = append(words, b.revision)
	}
	if b.modified {
		words = append(words, "modified")
	}
	return strings.Join(words, " ")
}

// A build is what a program knows of how it was made.
type build struct {
	version  string
	revision string // the commit; "" = it is not known
	modified bool   // since that
}

func buildOf() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{version: "unknown"}
	}
	b := build{version: cmp.Or(info.Main.Version, "(devel)")}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.modified":
			b.modified = s.Value == "true"
		}
	}
	return b
}

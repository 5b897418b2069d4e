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
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of rhumb, its commit and the version of Go",
		Args:  arguments(0, 0),
	}
	asJSON := addJSON(cmd)
	cmd.RunE = action(func(context.Context, *cobra.Command, []string) error {
		if *asJSON {
			return writeReport(c.stdout, newVersionJSON())
		}
		b := buildOf()
		_, err := fmt.Fprintf(c.stdout, "rhumb %s\n%s %s/%s\n", b, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		if b.time != "" && err == nil {
			_, err = fmt.Fprintf(c.stdout, "commit of %s\n", b.time)
		}
		return err
	})
	return cmd
}

// versionJSON is the JSON form of the version, one that scripts rely on.
type versionJSON struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func newVersionJSON() versionJSON {
	b := buildOf()
	return versionJSON{b.version, b.revision, b.time, b.modified, runtime.Version(), runtime.GOOS, runtime.GOARCH}
}

// version returns the module's version and the commit, as the build recorded them.
func version() string { return buildOf().String() }

// A build is what a program knows of how it was made.
type build struct {
	version  string
	revision string // the commit; "" = it is not known
	time     string // of that, as in RFC 3339; "" = it is not known
	modified bool   // since that
}

// String returns the version, the commit and whether there were changes since, as one line.
func (b build) String() string {
	words := []string{b.version}
	if b.revision != "" {
		words = append(words, b.revision)
	}
	if b.modified {
		words = append(words, "modified")
	}
	return strings.Join(words, " ")
}

func buildOf() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{version: "unknown"}
	}
	return buildFrom(info)
}

// buildFrom returns what info says. A version of a module that was downloaded has no commit.
func buildFrom(info *debug.BuildInfo) build {
	b := build{version: cmp.Or(info.Main.Version, "(devel)")}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.time":
			b.time = s.Value
		case "vcs.modified":
			b.modified = s.Value == "true"
		}
	}
	return b
}

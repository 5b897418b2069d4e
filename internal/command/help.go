package command

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how long a line of help is at most, in columns.
const helpWidth = 100

// A helpGroup is flags, or commands, under one heading of help.
type helpGroup struct {
	title string
	names []string // of flags patterns of path.Match
}

// serveGroups are those of serve. A flag is in the first one that has its name, and in one
// of its own at the end where none has.
var serveGroups = []helpGroup{
	{"Models", []string{"model*", "alias", "as", "base", "default", "download", "keep-alive", "memory", "progress", "transformers", "trust-model-type"}},
	{"Computation", []string{"precision", "pooling", "threads", "kernels", "cache*"}},
	{"Listening", []string{"addr", "host", "tls-*"}},
	{"Keys and browsers", []string{"*-key", "*-keys", "cors-*"}},
	{"Limits", []string{"max-*", "queue-*", "ignore-unknown"}},
	{"Operation", []string{"config", "drain-*", "shutdown-*"}},
	{"Log", []string{"log-*"}},
}

// commonGroups are those of the other commands that have more than fewFlags.
var commonGroups = []helpGroup{
	{"Model", []string{"model", "rerank-model", "tokenizer", "as", "base", "download", "transformers", "trust-model-type"}},
	{"Computation", []string{"precision", "pooling", "threads", "kernels", "cache*"}},
	{"Input", []string{"input*", "corpus", "dir", "text-field", "id-field", "keep-blank"}},
	{"Request", []string{
		"prompt*", "query", "document", "dimensions", "layers", "max-*", "truncate", "no-*", "long", "late", "chunk-*", "overlap", "tokens",
		"encoding", "ranges",
	}},
	{"Output", []string{"output*", "on-error", "json", "ids", "pieces", "top", "raw", "sort", "keep", "drop", "collection"}},
	{"Job", []string{"shard", "chunk", "keep-job", "restart"}},
	{"Measurement", []string{"seconds", "shapes", "scaling", "gemm"}},
	{"Reference", []string{"reference*", "tolerance"}},
}

// commandGroups are the commands under rhumb by what they are for; others come behind them.
var commandGroups = []helpGroup{
	{"Texts", []string{"embed", "batch", "merge", "similarity", "search", "rerank", "classify", "chunk", "tokenize"}},
	{"Services", []string{"serve", "mcp"}},
	{"Models", []string{"models", "pull", "info", "quantize", "calibrate"}},
	{"This machine", []string{"doctor", "verify", "bench"}},
}

// fewFlags are no more than need no groups.
const fewFlags = 10

// groupsOf returns those of a command, nil where it has few flags.
func groupsOf(cmd, serve *cobra.Command) []helpGroup {
	n := 0
	cmd.LocalFlags().VisitAll(func(*pflag.Flag) { n++ })
	switch {
	case cmd == serve:
		return serveGroups
	case n > fewFlags:
		return commonGroups
	}
	return nil
}

// setHelp makes the help of all commands fit helpWidth. Many flags come in groups, and those
// of serve with the variables that give them.
func setHelp(root *cobra.Command, serve *cobra.Command) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		about := strings.TrimSpace(cmd.Long)
		if about == "" {
			about = wrap(cmd.Short, "", "")
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n%s", about, cmd.UsageString())
	})
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		writeUsage(cmd.OutOrStderr(), cmd, serve)
		return nil
	})
}

func writeUsage(w io.Writer, cmd, serve *cobra.Command) {
	fmt.Fprintf(w, "Usage:\n")
	if cmd.Runnable() {
		fmt.Fprintf(w, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s [command]\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	writeCommands(w, cmd)
	shown := pflag.NewFlagSet("", pflag.ContinueOnError)
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		of := *flag
		if cmd == serve && isSetting(flag.Name) {
			of.Usage += "; env " + variable(flag.Name)
		}
		shown.AddFlag(&of)
	})
	for _, g := range grouped(shown, groupsOf(cmd, serve)) {
		fmt.Fprintf(w, "\n%s:\n%s", g.title, g.flags.FlagUsagesWrapped(helpWidth))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n%s\n", wrap(fmt.Sprintf("'%s [command] --help' says more about a command.", cmd.CommandPath()), "", ""))
	}
}

// writeCommands writes those under cmd; the many of rhumb come in groups, in their order.
func writeCommands(w io.Writer, cmd *cobra.Command) {
	write := func(title string, list []*cobra.Command) {
		if len(list) > 0 {
			fmt.Fprintf(w, "\n%s:\n", title)
		}
		for _, sub := range list {
			name := fmt.Sprintf("  %-*s ", sub.NamePadding(), sub.Name())
			fmt.Fprintln(w, wrap(sub.Short, name, strings.Repeat(" ", len(name))))
		}
	}
	rest := slices.DeleteFunc(slices.Clone(cmd.Commands()), func(sub *cobra.Command) bool {
		return !sub.IsAvailableCommand() && sub.Name() != "help"
	})
	if cmd.HasParent() {
		write("Commands", rest)
		return
	}
	for _, g := range commandGroups {
		var list []*cobra.Command
		for _, name := range g.names {
			if i := slices.IndexFunc(rest, func(sub *cobra.Command) bool { return sub.Name() == name }); i >= 0 {
				list, rest = append(list, rest[i]), slices.Delete(rest, i, i+1)
			}
		}
		write(g.title, list)
	}
	write("Other", rest)
}

type titledFlags struct {
	title string
	flags *pflag.FlagSet
}

// grouped returns the flags by groups, those that are not empty; without groups it is one.
func grouped(flags *pflag.FlagSet, groups []helpGroup) (list []titledFlags) {
	all := slices.Concat(groups, []helpGroup{{"Flags", []string{"*"}}})
	for _, g := range all {
		list = append(list, titledFlags{g.title, pflag.NewFlagSet(g.title, pflag.ContinueOnError)})
	}
	flags.VisitAll(func(flag *pflag.Flag) {
		i := slices.IndexFunc(all, func(g helpGroup) bool {
			return slices.ContainsFunc(g.names, func(pattern string) bool {
				ok, _ := path.Match(pattern, flag.Name) // the patterns are well-formed
				return ok
			})
		})
		list[i].flags.AddFlag(flag)
	})
	if groups != nil {
		list[len(list)-1].title = "Other"
	}
	return slices.DeleteFunc(list, func(g titledFlags) bool { return !g.flags.HasAvailableFlags() })
}

// wrap returns the words of text in lines of at most helpWidth columns, the first one after
// head and the others after indent.
func wrap(text, head, indent string) string {
	var b strings.Builder
	line := head
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && len([]rune(line))+1+len([]rune(word)) > helpWidth {
			b.WriteString(line + "\n")
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	return b.String() + line
}

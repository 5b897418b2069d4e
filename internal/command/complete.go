package command

import (
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed/hub"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/spf13/cobra"
)

// complete makes f offer values of the flag of that name. The error would be for a flag that
// there is not, or that has completions.
func complete(cmd *cobra.Command, name string, f cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(name, f)
}

// completeModels offers the names that --model takes, and files: those of completeCached, and
// the one inside the binary.
func completeModels(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names, directive := completeCached(cmd, args, typed)
	return append(matching(typed, builtin), names...), directive
}

// completeCached offers the names of the models that are on this machine, and files.
func completeCached(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	list, _ := cachedModels() // of what cannot be read nothing is offered
	var names []string
	for _, m := range list {
		if m.Commit == "" || slices.Contains(m.Revisions, mainRevision) {
			names = append(names, m.Name)
		}
	}
	return matching(typed, names...), cobra.ShellCompDirectiveDefault
}

// completeIDs offers the ids of the models in the cache, which may have newer revisions.
func completeIDs(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	list, _ := hub.List("") // as above
	var ids []string
	for _, m := range list {
		ids = append(ids, m.Name)
	}
	return matching(typed, slices.Compact(ids)...), cobra.ShellCompDirectiveNoFileComp
}

// completeNamed is completeModels behind NAME=.
func completeNamed(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	head := typed[:strings.LastIndexByte(typed, '=')+1]
	names, directive := completeModels(cmd, args, typed[len(head):])
	for i := range names {
		names[i] = head + names[i]
	}
	return names, directive
}

// completeList returns what offers words of a list with commas between, each once.
func completeList(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		head := typed[:strings.LastIndexByte(typed, ',')+1]
		taken := strings.Split(head, ",")
		var list []cobra.Completion
		for _, word := range matching(typed[len(head):], words...) {
			if !slices.Contains(taken, word) {
				list = append(list, head+word)
			}
		}
		return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// kernelNames returns the names that --kernels takes.
func kernelNames() (names []string) {
	for _, set := range kernel.Sets() {
		names = append(names, set.Name())
	}
	return names
}

// matching returns the words that begin with what was typed.
func matching(typed string, words ...string) (list []cobra.Completion) {
	for _, word := range words {
		if strings.HasPrefix(word, typed) {
			list = append(list, word)
		}
	}
	return list
}

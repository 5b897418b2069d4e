package command

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// explain returns an error of the flags on a command line in words: what a flag takes that
// was given something else, and which flag may have been meant by one that there is not.
func explain(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &invalid):
		flag := invalid.GetFlag()
		if expected, known := expectation(flag); known {
			return fmt.Errorf("invalid argument %q for %q flag: expected %s%s", invalid.GetValue(), "--"+flag.Name, expected, tooLarge(err))
		}
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if short := unknown.GetSpecifiedShortnames(); short != "" {
			name = short // -model
		}
		var flags []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { flags = append(flags, flag.Name) })
		if meant := nearest(flags, strings.ReplaceAll(name, "_", "-")); meant != "" {
			return fmt.Errorf("%w; did you mean --%s?", err, meant)
		}
	}
	return err
}

// tooLarge says so of an error of a number that is.
func tooLarge(err error) string {
	if errors.Is(err, strconv.ErrRange) {
		return " that is not so large"
	}
	return ""
}

// What cobra says of flags that do not go together.
var (
	notTogether = regexp.MustCompile(`^if any flags in the group \[.*\] are set none of the others can be; \[(.*)\] were all set$`)
	allTogether = regexp.MustCompile(`^if any flags in the group \[(.*)\] are set they must all be set; missing \[(.*)\]$`)
	required    = regexp.MustCompile(`^required flag\(s\) (".*") not set$`)
)

// explainUsage returns an error of a command line in words: which flags do not go together, and
// which command may have been meant by one that there is not.
func explainUsage(root *cobra.Command, err error) error {
	if m := notTogether.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%s: give one of them", dashed(strings.Fields(m[1])))
	}
	if m := allTogether.FindStringSubmatch(err.Error()); m != nil {
		missing := strings.Fields(m[2])
		given := slices.DeleteFunc(strings.Fields(m[1]), func(name string) bool { return slices.Contains(missing, name) })
		return fmt.Errorf("%s: missing, expected beside %s", dashed(missing), dashed(given))
	}
	if m := required.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%s: missing, the command needs it", dashed(strings.Split(strings.ReplaceAll(m[1], `"`, ""), ", ")))
	}
	var name string
	if n, _ := fmt.Sscanf(err.Error(), "unknown command %q", &name); n == 0 {
		return err
	}
	var commands []string
	for _, cmd := range root.Commands() {
		commands = append(commands, cmd.Name())
	}
	if meant := nearest(commands, name); meant != "" {
		return fmt.Errorf("%w; did you mean %s?", err, meant)
	}
	return err
}

// dashed returns the names of flags as they are written, with "and" before the last.
func dashed(names []string) string {
	words := "--" + names[0]
	for i, name := range names[1:] {
		if i == len(names)-2 {
			words += " and --" + name
		} else {
			words += ", --" + name
		}
	}
	return words
}

// arguments returns what takes least to most arguments, most < 0 being any number, and else says what the
// command's usage has in their place.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch _, expected, _ := strings.Cut(cmd.Use, " "); {
		case len(args) >= least && (most < 0 || len(args) <= most):
			return nil
		case most == 0:
			return fmt.Errorf("%q: found an argument, expected none", args[0])
		default:
			return fmt.Errorf("%s, expected %s", counted(len(args), "argument"), expected)
		}
	}
}

// nearest returns which of names is most like name, "" where none is: where more than two
// letters differ, or a third of them.
func nearest(names []string, name string) (best string) {
	name = strings.ToLower(name)
	least := min(2, len(name)/3) + 1
	for _, known := range names {
		if d := edits(name, known); d < least {
			best, least = known, d
		}
	}
	return best
}

// edits returns how many letters of a have to be changed, added, removed, or exchanged with the
// next one, to make b of it: the optimal string alignment distance.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			changed := last[j]
			if a[i] != b[j] {
				changed++
			}
			row[j+1] = min(changed, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

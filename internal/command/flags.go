package command

import (
	"errors"
	"fmt"
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

// explainCommand adds to the error of a command that there is not which one may have been meant.
func explainCommand(root *cobra.Command, err error) error {
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

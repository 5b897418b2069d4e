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
		if meant := nearest(cmd.Flags(), name); meant != "" {
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

// nearest returns the name of the flag that is most like name, "" where none is: where more than
// two letters differ, or a third of them.
func nearest(flags *pflag.FlagSet, name string) (best string) {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	least := min(2, len(name)/3) + 1
	flags.VisitAll(func(flag *pflag.Flag) {
		if d := edits(name, flag.Name); d < least && !flag.Hidden {
			best, least = flag.Name, d
		}
	})
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

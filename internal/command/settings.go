package command

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settings are the flags of a command that the environment and a file of --config may
// give too, each of them by one rule. The command line goes before the environment,
// that before the file, and that before the flag's default.
type settings struct {
	file    string
	origins map[string]origin // by flag
}

// An origin is where else than on the command line the values of a flag came from.
type origin struct {
	place  string // a variable, or file:line
	values []string
}

// addSettings lets the environment and a file give the flags of cmd, those too that are
// added later. cmd has its RunE.
func addSettings(cmd *cobra.Command) {
	var s settings
	cmd.Flags().StringVar(&s.file, "config", "", "`FILE` in YAML of flags by their names, without the dashes before them (default: none)")
	cmd.PreRunE = func(*cobra.Command, []string) error { return s.fill(cmd.Flags()) }
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if note := s.note(err); note != "" {
			return fmt.Errorf("%w (%s)", err, note)
		}
		return err
	}
}

// variable returns the name of the variable that gives a flag: RHUMB_MAX_ITEMS that of --max-items.
func variable(flag string) string {
	return "RHUMB_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// isSetting reports whether the environment, and, but for config, a file may give the flag of that name.
func isSetting(name string) bool { return name != "help" }

// isList reports whether a flag may be given more than once.
func isList(flag *pflag.Flag) bool { return flag.Value.Type() == "stringArray" }

// fill sets the flags that the command line has not set.
func (s *settings) fill(flags *pflag.FlagSet) error {
	s.origins = map[string]origin{}
	var unset []*pflag.Flag
	flags.VisitAll(func(flag *pflag.Flag) {
		if !flag.Changed && isSetting(flag.Name) {
			unset = append(unset, flag)
		}
	})
	for _, flag := range unset {
		name := variable(flag.Name)
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		values := []string{value}
		if isList(flag) {
			if values = splitList(value); len(values) == 0 {
				return fmt.Errorf("%s: found %q, expected values between commas", name, value)
			}
		}
		if err := set(flags, flag, values); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.origins[flag.Name] = origin{name, values}
	}
	if s.file == "" {
		return nil
	}
	entries, err := readSettings(s.file, flags)
	if err != nil {
		return &failure{err}
	}
	for _, e := range entries {
		if e.flag.Changed {
			continue
		}
		if err := set(flags, e.flag, e.values); err != nil {
			return &failure{fmt.Errorf("%s: %s: %w", e.place, e.flag.Name, err)}
		}
		s.origins[e.flag.Name] = origin{e.place, e.values}
	}
	return nil
}

// splitList returns what of s is between commas or ends of lines, without the space around it.
func splitList(s string) (values []string) {
	for _, value := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' }) {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// set gives a flag its values.
func set(flags *pflag.FlagSet, flag *pflag.Flag, values []string) error {
	for _, value := range values {
		err := flags.Set(flag.Name, value)
		if err == nil {
			continue
		}
		if expected, known := expectation(flag); known {
			return fmt.Errorf("found %q, expected %s%s", value, expected, tooLarge(err))
		}
		var invalid *pflag.InvalidValueError // which names the command line
		if errors.As(err, &invalid) {
			err = invalid.Unwrap()
		}
		return fmt.Errorf("found %q: %w", value, err)
	}
	return nil
}

// expectation says what a flag takes, by its type; false where only the flag itself knows.
func expectation(flag *pflag.Flag) (string, bool) {
	switch t := strings.TrimRight(flag.Value.Type(), "0123456789"); t {
	case "bool":
		return "true or false", true
	case "int":
		return "a whole number", true
	case "uint", "count":
		return "a whole number, 0 or more", true
	case "float":
		return "a number", true
	case "duration":
		return "a duration such as 30s or 1m30s", true
	case "string":
		return "a text", true
	case "stringArray":
		return "a list of texts", true
	}
	return "", false
}

var flagPattern = regexp.MustCompile(`--[a-z][a-z0-9-]*`)

// note says where the flags of which an error speaks were set, "" where that was the command
// line. It speaks of a flag by its name, or by a text that it was set to.
func (s *settings) note(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	named := flagPattern.FindAllString(text, -1)
	var notes []string
	for name, o := range s.origins {
		if slices.Contains(named, "--"+name) || slices.ContainsFunc(o.values, func(v string) bool { return tells(text, v) }) {
			notes = append(notes, "--"+name+" is from "+o.place)
		}
	}
	slices.Sort(notes)
	return strings.Join(notes, ", ")
}

// tells reports whether an error has a value, or what follows the name in NAME=VALUE, and
// that is long enough not to be there by chance.
func tells(text, value string) bool {
	_, of, _ := strings.Cut(value, "=")
	return slices.ContainsFunc([]string{value, of}, func(v string) bool { return len(v) > 4 && strings.Contains(text, v) })
}

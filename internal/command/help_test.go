package command

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No line of help is longer than helpWidth, of whatever command.
func TestHelpWidth(t *testing.T) {
	t.Setenv("RHUMB_MODEL", "")
	commands := everyCommand()
	require.Greater(t, len(commands), 25)
	for _, cmd := range commands {
		code, help, stderr := rhumb(t, "", append(under(cmd), "--help")...)
		require.Zero(t, code, stderr)
		assert.NotContains(t, help, "\n\n\n", cmd.CommandPath())
		for line := range strings.Lines(help) {
			assert.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\n"))), helpWidth, "%s: %s", cmd.CommandPath(), line)
		}
	}
}

// The flags of serve come in groups, each with the variable that gives it.
func TestHelpOfServe(t *testing.T) {
	_, help, _ := rhumb(t, "", "serve", "--help")
	last := 0
	for _, g := range serveGroups {
		at := strings.Index(help, "\n"+g.title+":\n")
		assert.Greater(t, at, last, g.title)
		last = at
	}
	words := " " + strings.Join(strings.Fields(help), " ") + " "
	(&console{}).serveCommand().Flags().VisitAll(func(flag *pflag.Flag) {
		assert.Equal(t, 1, len(regexp.MustCompile(`\n  (   |-.,) --`+flag.Name+" ").FindAllString(help, -1)), flag.Name)
		assert.Contains(t, words, " env "+variable(flag.Name)+" ", flag.Name)
	})
}

// The flags of commands that have many come in groups, each flag in one, and few in the last.
func TestHelpGroups(t *testing.T) {
	t.Setenv("RHUMB_MODEL", "")
	grouped := 0
	for _, cmd := range everyCommand() {
		_, help, _ := rhumb(t, "", append(under(cmd), "--help")...)
		flags := regexp.MustCompile(`\n  (?:   |-.,) --([a-z-]+)`)
		if len(flags.FindAllString(help, -1)) <= fewFlags {
			continue
		}
		grouped++
		assert.NotContains(t, help, "\nFlags:\n", cmd.Name())
		_, other, ok := strings.Cut(help, "\nOther:\n")
		require.True(t, ok, cmd.Name())
		for _, m := range flags.FindAllStringSubmatch("\n"+other, -1) {
			assert.Contains(t, []string{"help", "progress", "quiet"}, m[1], cmd.Name())
		}
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			assert.Len(t, regexp.MustCompile(`\n  (   |-.,) --`+flag.Name+"[ \n]").FindAllString(help, -1), 1, "%s --%s", cmd.Name(), flag.Name)
		})
	}
	assert.GreaterOrEqual(t, grouped, 12)
}

// The commands come in groups, each in one, and what each group names there is.
func TestHelpOfRoot(t *testing.T) {
	_, help, _ := rhumb(t, "", "--help")
	var names []string
	for _, cmd := range everyCommand()[1:] {
		if cmd.Parent().HasParent() {
			continue
		}
		names = append(names, cmd.Name())
		assert.Len(t, regexp.MustCompile(`\n  `+cmd.Name()+` +[A-Z]`).FindAllString(help, -1), 1, cmd.Name())
	}
	_, other, ok := strings.Cut(help, "\nOther:\n")
	require.True(t, ok)
	other, _, _ = strings.Cut(other, "\n\n")
	for _, name := range names {
		if strings.Contains(other, "  "+name+" ") {
			assert.Contains(t, []string{"completion", "help", "version"}, name)
		}
	}
	for _, g := range commandGroups {
		assert.Subset(t, append(names, "verify"), g.names)
	}
}

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

package command

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everyCommand returns all commands, those below others too.
func everyCommand() []*cobra.Command {
	root := Root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	list := []*cobra.Command{root}
	for i := 0; i < len(list); i++ {
		list = append(list, list[i].Commands()...)
	}
	return list
}

// under returns the words after rhumb that call a command.
func under(cmd *cobra.Command) []string { return strings.Fields(cmd.CommandPath())[1:] }

func TestMistyped(t *testing.T) {
	t.Setenv("RHUMB_MODEL", tiny)
	for args, want := range map[string]string{
		"embed --modle x a":       "unknown flag: --modle; did you mean --model?",
		"embed --max_tokens 3 a":  "unknown flag: --max_tokens; did you mean --max-tokens?",
		"embed --Model x a":       "unknown flag: --Model; did you mean --model?",
		"embed --outptu=x a":      "unknown flag: --outptu; did you mean --output?",
		"embed -precision int8 a": "unknown shorthand flag: 'p' in -precision; did you mean --precision?",
		"embed --something a":     "unknown flag: --something\n",
		"embed --x a":             "unknown flag: --x\n",
		"serve --max-item 3":      "unknown flag: --max-item; did you mean --max-items?",
		"serch summer":            "unknown command \"serch\" for \"rhumb\"; did you mean search?\nSee 'rhumb --help'.\n",
		"Embed summer":            "unknown command \"Embed\" for \"rhumb\"; did you mean embed?\n",
		"nothing":                 "unknown command \"nothing\" for \"rhumb\"\nSee",
		"--versoin":               "unknown flag: --versoin; did you mean --version?",
	} {
		code, stdout, stderr := rhumb(t, "", strings.Fields(args)...)
		assert.Equal(t, 2, code, args)
		assert.Empty(t, stdout, args)
		assert.Contains(t, stderr, want, args)
	}
}

func TestEdits(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"model", "model", 0}, {"", "abc", 3}, {"abc", "", 3}, {"modle", "model", 1},
		{"kitten", "sitting", 3}, {"ca", "abc", 3}, {"ab", "ba", 1}, {"modell", "model", 1}, {"mdel", "model", 1}, {"nodel", "model", 1},
	} {
		assert.Equal(t, test.want, edits(test.a, test.b), "%s %s", test.a, test.b)
		assert.Equal(t, test.want, edits(test.b, test.a), "%s %s", test.b, test.a)
	}
}

// What a flag takes is said in words, of whatever command.
func TestBadNumbers(t *testing.T) {
	tried := 0
	for _, cmd := range everyCommand() {
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			want := map[string]string{
				"int": "a whole number", "int64": "a whole number", "float64": "a number", "duration": "a duration such as", "bool": "true or false",
			}[flag.Value.Type()]
			if want == "" {
				assert.NotRegexp(t, `^(u?int|float|count)[0-9]*$`, flag.Value.Type(), flag.Name)
				return
			}
			for _, value := range []string{"x", "1e999", "", "123456789012345678901234567890"} {
				if value == "" && want == "true or false" {
					continue
				}
				if strings.HasPrefix(value, "123") && flag.Value.Type() == "float64" {
					continue // a number
				}
				tried++
				code, _, stderr := rhumb(t, "", append(under(cmd), "--"+flag.Name+"="+value)...)
				assert.Equal(t, 2, code, "%s --%s=%s", cmd.CommandPath(), flag.Name, value)
				assert.Contains(t, stderr, "expected "+want, "%s --%s=%s", cmd.CommandPath(), flag.Name, value)
				assert.Contains(t, stderr, "--"+flag.Name)
				assert.NotRegexp(t, `strconv|parsing|time:`, stderr)
			}
		})
	}
	assert.Greater(t, tried, 300)
	_, _, stderr := rhumb(t, "", "embed", "--layers", "123456789012345678901234567890", "a")
	assert.Contains(t, stderr, `expected a whole number that is not so large`)
}

func TestQuiet(t *testing.T) {
	t.Setenv("RHUMB_MODEL", tiny)
	long := strings.Repeat("word,", 50)
	_, want, note := rhumb(t, "", "similarity", "--progress", "always", long)
	require.Contains(t, note, "token")
	for _, flag := range []string{"-q", "--quiet"} {
		code, stdout, stderr := rhumb(t, "", "similarity", "--progress", "always", flag, long)
		assert.Zero(t, code)
		assert.Empty(t, stderr)
		assert.Equal(t, want, stdout)
	}
	code, _, stderr := rhumb(t, "", "embed", "-q", "--truncate", "none", long)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "rhumb: ")
	code, _, stderr = rhumb(t, "", "embed", "-q", "--layers", "0", "summer")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "--layers 0")
	code, _, stderr = rhumb(t, "", "serve", "-q")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "unknown shorthand flag: 'q'")
}

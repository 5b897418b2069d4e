package command

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goWords are what a message for people has none of: packages, types and formats of Go.
const goWords = `strconv|pflag|cobra|reflect|(json|yaml): (cannot|invalid|unmarshal|unknown|line)|invalid syntax|%!|\*[a-z]+\.[A-Z]|\[\]|map\[|interface \{|arg\(s\)|flag\(s\)|in the group`

// A bad value of any flag of any command ends it, with a message that names the flag or the value and
// has no word of Go.
func TestBadValues(t *testing.T) {
	model, err := filepath.Abs(tiny)
	require.NoError(t, err)
	t.Setenv("RHUMB_MODEL", model)
	text := write(t, "in.txt", "summer\n")
	t.Chdir(t.TempDir())
	// What the commands need beside the flag.
	lines := map[string][]string{
		"embed": {"summer"}, "batch": {text, "out.jsonl"}, "merge": {"all.jsonl", text}, "tokenize": {"summer"}, "similarity": {"summer"},
		"search": {"--corpus", text, "summer"}, "rerank": {"--query", "winter", "summer"}, "classify": {"summer"}, "chunk": {text},
		"serve": {"--addr", "127.0.0.1:0"}, "quantize": {model, "copy"}, "calibrate": {"--input", text}, "bench": {"--seconds", "0"},
		"pull": {"../b"}, "mcp": {}, "info": {}, "models": {}, "doctor": {}, "version": {},
	}
	// Flags that take any text.
	anything := "prompt query text-field id-field host output cache revision"
	tried := 0
	for _, cmd := range everyCommand() {
		base, ours := lines[cmd.Name()]
		if !ours {
			continue
		}
		delete(lines, cmd.Name())
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			value := "no/such"
			switch kind := flag.Value.Type(); {
			case kind == "int" || kind == "int64" || kind == "float64" || kind == "duration":
				value = "-3"
			case strings.Contains(" "+anything+" ", " "+flag.Name+" "):
				return
			}
			if cmd.Name() == "bench" && (flag.Name == "input-charset" || flag.Name == "input-format") {
				return // of --input alone
			}
			tried++
			args := append(append(under(cmd), base...), "--"+flag.Name+"="+value)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the end of a server that starts
			defer cancel()
			var out, errs bytes.Buffer
			code := run(ctx, args, strings.NewReader(""), &out, &errs)
			stderr := errs.String()
			assert.NotZero(t, code, args)
			assert.Regexp(t, "^rhumb: [^\n]+\n(See 'rhumb "+cmd.Name()+" --help'.\n)?$", stderr, args)
			assert.Equal(t, code == 2, strings.Contains(stderr, "--help"), args)
			assert.Regexp(t, flag.Name+"|"+value+"|expected a reranker", stderr, args)
			assert.NotRegexp(t, goWords, stderr, args)
		})
	}
	assert.Empty(t, lines, "each is a command")
	assert.Greater(t, tried, 200)
}

// What cobra says of flags and arguments is said in the words of the others.
func TestUsage(t *testing.T) {
	t.Setenv("RHUMB_MODEL", tiny)
	for args, want := range map[string]string{
		"embed --query --document summer":             "--document and --query: give one of them",
		"embed --long mean --chunk-tokens 8 a":        "--chunk-tokens and --long: give one of them",
		"embed --query --document --prompt-name x a":  "--document, --prompt-name and --query: give one of them",
		"serve --tls-cert a.pem":                      "--tls-key: missing, expected beside --tls-cert",
		"rerank summer":                               "--query: missing, the command needs it",
		"search summer":                               "--corpus: missing, the command needs it",
		"search --corpus -":                           "0 arguments, expected --corpus FILE QUERY…",
		"version summer":                              `"summer": found an argument, expected none`,
		"quantize a":                                  "1 argument, expected DIR OUT",
		"merge":                                       "0 arguments, expected OUT PART…",
		"help serch":                                  `unknown command "serch" for "rhumb"; did you mean search?`,
		"completion tcsh":                             `unknown shell "tcsh", expected one of: bash, fish, powershell, zsh`,
		"chunk --overlap -1 a.txt":                    "--overlap -1: must be 0 or more",
		"embed --chunk-tokens 8 --chunk-overlap -1 a": "--chunk-overlap -1: must be 0 or more",
		"serve --cors-origin example.com":             "--cors-origin example.com: expected one such as https://example.com, or *",
	} {
		code, stdout, stderr := rhumb(t, "", strings.Fields(args)...)
		assert.Equal(t, 2, code, args)
		assert.Empty(t, stdout, args)
		assert.Contains(t, stderr, "rhumb: "+want+"\n", args)
		assert.NotRegexp(t, goWords, stderr, args)
	}
	for _, args := range []string{"help", "help embed", "help completion bash", "completion", "completion zsh"} {
		code, stdout, stderr := rhumb(t, "", strings.Fields(args)...)
		assert.Zero(t, code, args)
		assert.NotEmpty(t, stdout, args)
		assert.Empty(t, stderr, args)
	}
}

// Every command answers in a form for programs: its report by --json, its rows by --output-format.
func TestForms(t *testing.T) {
	others := map[string]string{
		"calibrate": "its output is JSON", "pull": "its output is a path", "serve": "--log-format", "mcp": "speaks JSON",
		"help": "for people", "completion": "a script",
	}
	for _, cmd := range everyCommand()[1:] {
		if cmd.Parent().Name() == "completion" {
			continue
		}
		_, ok := others[cmd.Name()]
		assert.True(t, ok != (cmd.Flags().Lookup("json") != nil || cmd.Flags().Lookup("output-format") != nil), cmd.CommandPath())
	}
}

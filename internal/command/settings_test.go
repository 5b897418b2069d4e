package command

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A sample is a command with a flag of each type.
type sample struct {
	text  string
	list  []string
	count int
	on    bool
	wait  time.Duration
	ratio float64
	word  *choice
}

// runSample runs a sample and returns what its flags were.
func runSample(args ...string) (sample, error) {
	var s sample
	cmd := &cobra.Command{Use: "sample", SilenceErrors: true, SilenceUsage: true}
	cmd.RunE = action(func(_ context.Context, _ *cobra.Command, _ []string) error {
		if s.count < 0 {
			return usagef("--some-count %d: must be 0 or more", s.count)
		}
		return nil
	})
	addSettings(cmd)
	flags := cmd.Flags() // after addSettings: later ones count too
	flags.StringVar(&s.text, "some-text", "default", "")
	flags.StringArrayVar(&s.list, "some-list", []string{"default"}, "")
	flags.IntVar(&s.count, "some-count", 1, "")
	flags.BoolVar(&s.on, "some-switch", false, "")
	flags.DurationVar(&s.wait, "some-wait", time.Second, "")
	flags.Float64Var(&s.ratio, "some-ratio", 0.5, "")
	s.word = addChoice(cmd, "some-word", "", "first", "second")
	cmd.SetArgs(append([]string{}, args...))
	cmd.SetOut(io.Discard)
	err := cmd.Execute()
	return s, err
}

// The command line goes before the environment, that before the file, that before the default.
func TestSettingsPrecedence(t *testing.T) {
	file := write(t, "a.yaml", "some-text: file\nsome-list: [file 1, 'file, 2']\nsome-count: 2\nsome-switch: true\nsome-wait: 2s\nsome-ratio: 2\nsome-word: second\n")
	check := func(text, list string, count int, on bool, wait time.Duration, ratio float64, word string, args ...string) {
		t.Helper()
		s, err := runSample(args...)
		require.NoError(t, err)
		assert.Equal(t, text, s.text)
		assert.Equal(t, list, strings.Join(s.list, "|"))
		assert.Equal(t, count, s.count)
		assert.Equal(t, on, s.on)
		assert.Equal(t, wait, s.wait)
		assert.InDelta(t, ratio, s.ratio, 0)
		assert.Equal(t, word, s.word.value)
	}
	check("default", "default", 1, false, time.Second, 0.5, "first")
	check("file", "file 1|file, 2", 2, true, 2*time.Second, 2, "second", "--config", file)
	t.Setenv("RHUMB_CONFIG", file)
	check("file", "file 1|file, 2", 2, true, 2*time.Second, 2, "second")
	for name, value := range map[string]string{
		"TEXT": "env, all of it", "LIST": "env 1, env 2\nenv 3,", "COUNT": "3", "SWITCH": "false", "WAIT": "3s", "RATIO": "3.5", "WORD": "first",
	} {
		t.Setenv("RHUMB_SOME_"+name, value)
	}
	check("env, all of it", "env 1|env 2|env 3", 3, false, 3*time.Second, 3.5, "first")
	check("line", "line 1|line 2", 4, true, 4*time.Second, 4, "second", "--some-text=line", "--some-list=line 1", "--some-list=line 2",
		"--some-count=4", "--some-switch", "--some-wait=4s", "--some-ratio=4", "--some-word=second")
	t.Setenv("RHUMB_SOME_TEXT", "") // as if it were not there
	check("file", "env 1|env 2|env 3", 3, false, 3*time.Second, 3.5, "first")
	t.Setenv("RHUMB_SOME_COUNT", "-3")
	_, err := runSample()
	assert.EqualError(t, err, "--some-count -3: must be 0 or more (--some-count is from RHUMB_SOME_COUNT)")
}

func TestSettingsEnvironmentErrors(t *testing.T) {
	for name, c := range map[string]struct{ value, want string }{
		"RHUMB_SOME_COUNT":  {"many", `RHUMB_SOME_COUNT: found "many", expected a whole number`},
		"RHUMB_SOME_SWITCH": {"yes", `RHUMB_SOME_SWITCH: found "yes", expected true or false`},
		"RHUMB_SOME_WAIT":   {"5", `RHUMB_SOME_WAIT: found "5", expected a duration such as 30s or 1m30s`},
		"RHUMB_SOME_RATIO":  {"x", `RHUMB_SOME_RATIO: found "x", expected a number`},
		"RHUMB_SOME_WORD":   {"third", `RHUMB_SOME_WORD: found "third": there is first, second`},
		"RHUMB_SOME_LIST":   {" , ", `RHUMB_SOME_LIST: found " , ", expected values between commas`},
		"RHUMB_CONFIG":      {"no.yaml", "open no.yaml: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, c.value)
			_, err := runSample()
			require.Error(t, err)
			if name == "RHUMB_CONFIG" {
				assert.ErrorIs(t, err, os.ErrNotExist)
				return
			}
			assert.EqualError(t, err, c.want)
		})
	}
}

func TestSettingsFileErrors(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"an unknown key":         {"some-count: 1\nsome_text: a\n", `:2: unknown key "some_text", expected the name of a flag that --help lists, without the dashes before it`},
		"help":                   {"help: true\n", `:1: unknown key "help", expected the name of a flag that --help lists, without the dashes before it`},
		"another file":           {"config: b.yaml\n", `:1: config: a file cannot name another one`},
		"a key twice":            {"some-count: 1\n\nsome-count: 1\n", `:3: some-count: found twice, first in line 1`},
		"a text for a number":    {"\nsome-count: many\n", `:2: some-count: found the text "many", expected a whole number`},
		"a quoted number":        {"some-count: '1'\n", `:1: some-count: found the text "1", expected a whole number`},
		"a fraction":             {"some-count: 1.5\n", `:1: some-count: found the number 1.5, expected a whole number`},
		"beyond 64 bits":         {"some-count: 9999999999999999999\n", `:1: some-count: found "9999999999999999999", expected a whole number that is not so large`},
		"a number for a text":    {"some-text: 8080\n", `:1: some-text: found the number 8080, expected a text, with quotes around it`},
		"yes for true":           {"some-switch: yes\n", `:1: some-switch: found the text "yes", expected true or false`},
		"a number of what":       {"some-wait: 5\n", `:1: some-wait: found the number 5, expected a duration such as 30s or 1m30s`},
		"a word for a duration":  {"some-wait: soon\n", `:1: some-wait: found "soon", expected a duration such as 30s or 1m30s`},
		"another word":           {"some-word: third\n", `:1: some-word: found "third": there is first, second`},
		"a switch for a word":    {"some-word: true\n", `:1: some-word: found the boolean true, expected first|second`},
		"a text for a list":      {"some-list: a, b\n", `:1: some-list: found the text "a, b", expected a list of texts`},
		"a number in a list":     {"some-list:\n  - a\n  - 7\n", `:3: some-list: found the number 7, expected a list of texts`},
		"a list in a list":       {"some-list: [[a]]\n", `:1: some-list: found a list, expected a list of texts`},
		"an empty list":          {"some-list: []\n", `:1: some-list: found an empty list, expected a list of texts`},
		"a list for a text":      {"some-text: [a]\n", `:1: some-text: found a list, expected a text`},
		"a mapping for a text":   {"some-text:\n  a: b\n", `:2: some-text: found a mapping, expected a text`},
		"nothing":                {"some-text:\n", `:1: some-text: found nothing, expected a text`},
		"a date":                 {"some-text: 2020-01-01\n", `:1: some-text: found the value 2020-01-01, expected a text, with quotes around it`},
		"a text alone":           {"some-text\n", `:1: found the text "some-text", expected lines of the form 'flag: value'`},
		"a list alone":           {"- a\n", `:1: found a list, expected lines of the form 'flag: value'`},
		"a key that is a list":   {"[a]: b\n", `:1: unknown key "", expected the name of a flag that --help lists, without the dashes before it`},
		"a second document":      {"some-count: 1\n---\nsome-count: 2\n", `:2: found a second document, expected one`},
		"what is not YAML":       {"some-count: 1\nsome-text: 'a\n", `:2: found unexpected end of stream`},
		"a check of the command": {"\nsome-count: -2\n", `--some-count -2: must be 0 or more (--some-count is from FILE:2)`},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "a.yaml", c.content)
			_, err := runSample("--config", file)
			require.Error(t, err)
			assert.Equal(t, c.want, strings.TrimPrefix(strings.ReplaceAll(err.Error(), file, "FILE"), "FILE"))
		})
	}
	for _, content := range []string{"", "# nothing\n", "---\n", "~\n", "some-list: &l [a]\n", "{\"some-count\": 7}"} {
		_, err := runSample("--config", write(t, "a.yaml", content))
		assert.NoError(t, err, content)
	}
}

// Every flag of serve may be in a file and in the environment.
func TestSettingsOfServe(t *testing.T) {
	cmd := (&console{}).serveCommand()
	var content strings.Builder
	n := 0
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name == "config" {
			return
		}
		n++
		expected, known := expectation(flag)
		value := map[string]string{"true or false": "true", "a text": "a", "a list of texts": "[a, b]", "a duration such as 30s or 1m30s": "5s"}[expected]
		switch {
		case !known:
			value = strings.Split(flag.Value.Type(), "|")[0]
		case value == "":
			value = "1"
		}
		content.WriteString(flag.Name + ": " + value + "\n")
	})
	entries, err := parseSettings("a.yaml", []byte(content.String()), cmd.Flags())
	require.NoError(t, err, content.String())
	assert.Len(t, entries, n)
	for _, e := range entries {
		assert.NoError(t, set(cmd.Flags(), e.flag, e.values), e.flag.Name)
	}
}

// A service that the environment and a file describe.
func TestServeSettings(t *testing.T) {
	needSignals(t)
	folder, err := filepath.Abs(tiny)
	require.NoError(t, err)
	file := write(t, "rhumb.yaml", "model: [unused=no/such/folder]\nmax-items: 1\nalias:\n  - first=tiny\n  - second=tiny\n")
	t.Setenv("RHUMB_CONFIG", file)
	t.Setenv("RHUMB_MAX_BODY", "1000")
	t.Setenv("RHUMB_DEFAULT", "second")
	s := serve(t, "--model", "again="+folder)
	for body, want := range map[string]int{
		`{"input":"summer"}`:                                            200,
		`{"model":"first","input":"summer"}`:                            200,
		`{"model":"first","input":["summer","winter"]}`:                 400,
		`{"model":"first","input":"` + strings.Repeat("a", 1000) + `"}`: 413,
	} {
		code, answer, err := s.post(body, "")
		require.NoError(t, err)
		assert.Equal(t, want, code, "%s", answer)
	}
	s.end(t, syscall.SIGTERM)
	code, _, stderr := rhumb(t, "", "serve", "--model", tiny, "--config", write(t, "b.yaml", "max-items: 0\n"))
	assert.Equal(t, 2, code)
	assert.Regexp(t, `^rhumb: --max-items 0: must be 1 or more \(--max-items is from .*b.yaml:1\)\n`, stderr)
	t.Setenv("RHUMB_ADDR", "nonsense")
	code, _, stderr = rhumb(t, "", "serve", "--config", write(t, "b.yaml", "model: [a=no/such/folder]\n"))
	assert.Equal(t, 1, code)
	assert.Equal(t, "rhumb: --addr nonsense: listen tcp: address nonsense: missing port in address (--addr is from RHUMB_ADDR)\n", stderr)
	t.Setenv("RHUMB_ADDR", "127.0.0.1:0")
	code, _, stderr = rhumb(t, "", "serve", "--config", write(t, "b.yaml", "\nmodel: [a=no/such/folder]\n"))
	assert.Equal(t, 1, code)
	assert.Regexp(t, `^rhumb: model "no/such/folder": .* \(--model is from .*b.yaml:2\)\n$`, stderr)
	code, _, stderr = rhumb(t, "", "serve", "--config", write(t, "b.yaml", "max-itmes: 0\n"))
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, `b.yaml:1: unknown key "max-itmes"`)
}

func FuzzParseSettings(f *testing.F) {
	for _, seed := range []string{"addr: :8080\n", "model: [a, b]\n", "max-items: 0x10", "a: &a [*a]", "&a a: *a", "<<: {addr: a}", "? [a]\n: b", "addr: !!binary aGk=", "\xff\xfe", "addr: |\n  a\n---\n"} {
		f.Add([]byte(seed))
	}
	flags := (&console{}).serveCommand().Flags()
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := parseSettings("a.yaml", content, flags)
		if err != nil {
			assert.True(t, strings.HasPrefix(err.Error(), "a.yaml:"), err.Error())
			return
		}
		for _, e := range entries {
			assert.NotEmpty(t, e.values)
			assert.NotNil(t, e.flag)
		}
	})
}

// The file that the documentation shows is one.
func TestSettingsOfDocs(t *testing.T) {
	content, err := os.ReadFile("../../docs/serving.md")
	require.NoError(t, err)
	_, sample, found := strings.Cut(string(content), "```yaml\n")
	require.True(t, found)
	sample, _, found = strings.Cut(sample, "```")
	require.True(t, found)
	flags := (&console{}).serveCommand().Flags()
	entries, err := parseSettings("rhumb.yaml", []byte(sample), flags)
	require.NoError(t, err)
	assert.Len(t, entries, 7)
	for _, e := range entries {
		assert.NoError(t, set(flags, e.flag, e.values))
	}
}

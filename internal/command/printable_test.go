package command

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEscaped(t *testing.T) {
	for s, want := range map[string]string{
		"plain, schön, 😀, a\u200db, C:\\x": "plain, schön, 😀, a\u200db, C:\\x",
		"\x1b[31mred\x1b[0m":               `\x1b[31mred\x1b[0m`,
		"\u009b31m":                        `\u009b31m`,
		"a\x00\a\b\x7f\tb\nc\rd":           `a\x00\a\b\x7f\tb\nc\rd`,
		"a\u202etxt.exe\u2066":             `a\u202etxt.exe\u2066`,
		"\xff\xc3":                         `\xff\xc3`,
		"\ufffd":                           "\ufffd",
	} {
		assert.Equal(t, want, escaped(s))
	}
	assert.Equal(t, "a\nb\\x1b\n", lines(errors.New("a\nb\x1b\n")))
	assert.Equal(t, "a b\\x1bc", excerpt("a\nb\x1bc", 10))
	assert.Equal(t, "aé\\x1b…", excerpt("aé\x1b[31mred", 7))
	assert.Equal(t, "ééé…", excerpt(strings.Repeat("é", 90), 4))
}

// Whatever names say, a terminal shows it.
func TestNamesAreEscaped(t *testing.T) {
	const evil = "\x1b]0;evil\a\u009b31m"
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(tiny)))
	require.NoError(t, os.WriteFile(folder+"/config_sentence_transformers.json",
		[]byte(`{"prompts": {"a\u001b]0;evil\u0007\u009b31m": "b\u001b\n"}, "default_prompt_name": null}`), 0o666))
	for _, args := range [][]string{
		{"info", folder}, {"info", evil}, {"info", "a/" + strings.ReplaceAll(evil, "]", "")}, {"embed", "--model", folder, "--prompt-name", evil, "a"},
		{"embed", "--input", evil}, {"tokenize", "--tokenizer", evil, "a"}, {"tokenize", "--model", tiny, "--output-format", "table", evil},
		{"embed", "--model", tiny, "--output-format", "table", evil}, {"similarity", "--model", tiny, "--output-format", "table", evil, "b"},
		{evil}, {"embed", "--" + evil}, {"serve", "--model", evil + "="}, {"batch", evil, evil + ".jsonl"}, {"pull", evil},
	} {
		_, stdout, stderr := rhumb(t, "", args...)
		assert.NotContains(t, stdout+stderr, "\x1b", "%q", args)
		assert.NotContains(t, stdout+stderr, "\u009b", "%q", args)
		assert.NotContains(t, stdout+stderr, "\a", "%q", args)
		assert.NotEmpty(t, stdout+stderr, "%q", args)
	}
}

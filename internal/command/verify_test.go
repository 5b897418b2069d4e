package command

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The two forms of verify say the same.
func TestVerifyMachine(t *testing.T) {
	report := reported(t, 0, "verify", "--precision", "float32", "--kernels", "generic")
	code, text, stderr := rhumb(t, "", "verify", "--precision", "float32", "--kernels", "generic")
	require.Zero(t, code, stderr)
	assert.Equal(t, true, report["ok"])
	results := report["results"].([]any)
	first := results[0].(map[string]any)
	assert.Equal(t, "minilm", first["model"])
	assert.Equal(t, "generic", first["kernels"])
	assert.Equal(t, "float32", first["precision"])
	assert.Less(t, first["difference"], first["limit"])
	assert.Regexp(t, `generic +float32 +minilm +\S+ +\S+ +ok\n`, text)
	assert.Regexp(t, fmt.Sprintf(`generic +float32 +%d tiny models +\S+ +\S+ +ok\n`, len(results)-1), text)
}

// The command says what another engine did otherwise.
func TestVerifyReference(t *testing.T) {
	texts := write(t, "texts.txt", "summer and winter\nThe river is deep\n")
	dir := t.TempDir()
	same, query := filepath.Join(dir, "same.npy"), filepath.Join(dir, "query.jsonl")
	for out, args := range map[string][]string{same: nil, query: {"--query"}} {
		code, _, stderr := rhumb(t, "", append([]string{"embed", "--model", tiny, "--input", texts, "--output", out}, args...)...)
		require.Zero(t, code, stderr)
	}
	_, ids, _ := rhumb(t, "", "tokenize", "--model", tiny, "--ids", "--input", texts)
	tokens := write(t, "ids.jsonl", ids)

	report := reported(t, 0, "verify", "--model", tiny, "--reference", same, "--reference-ids", tokens, texts)
	assert.Equal(t, true, report["equal"])
	code, text, stderr := rhumb(t, "", "verify", "--model", tiny, "--reference", same, "--reference-ids", tokens, texts)
	require.Zero(t, code, stderr)
	assert.Regexp(t, `ids +equal: the same\ndirection +equal: .*\nlength +equal: `, text)

	code, text, stderr = rhumb(t, "", "verify", "--model", tiny, "--reference", query, texts)
	assert.Equal(t, 1, code)
	assert.Equal(t, "rhumb: the model and the reference differ\n", stderr)
	assert.Regexp(t, `direction +DIFFERENT: .*\nwhy +the reference is equal with the prompt "query" before each text`, text)
	report = reported(t, 1, "verify", "--model", tiny, "--reference", query, texts)
	assert.Equal(t, false, report["equal"])
	code, _, stderr = rhumb(t, "", "verify", "--model", tiny, "--query", "--reference", query, texts)
	assert.Zero(t, code, stderr)

	for want, args := range map[string][]string{
		"--model without --reference":        {"--model", tiny},
		"--prompt without --reference":       {"--prompt", "query: ", "--kernels", "generic"},
		"--threads without --reference":      {"--threads", "1"},
		"TEXTS without --reference":          {texts},
		"--reference without TEXTS":          {"--reference", same},
		"--tolerance 0: must be more than 0": {"--reference", same, "--tolerance", "0", texts},
	} {
		code, _, stderr := rhumb(t, "", append([]string{"verify"}, args...)...)
		assert.Equal(t, 2, code, want)
		assert.Contains(t, stderr, want)
	}
	for want, args := range map[string][]string{
		"2 vectors":   {"--model", tiny, "--reference", same, write(t, "one.txt", "summer\n")},
		"texts.txt: ": {"--model", tiny, "--reference", texts, texts},
	} {
		code, _, stderr := rhumb(t, "", append([]string{"verify"}, args...)...)
		assert.Equal(t, 1, code, want)
		assert.True(t, strings.Contains(stderr, want), stderr)
	}
}

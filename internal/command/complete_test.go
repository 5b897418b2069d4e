package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/encoding"
)

// completions returns what the shell is told to offer for the last of words, and whether files too.
func completions(t *testing.T, words ...string) (list []string, files bool) {
	t.Helper()
	code, stdout, _ := rhumb(t, "", append([]string{"__complete"}, words...)...)
	require.Zero(t, code)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	last := len(lines) - 1
	return lines[:last], lines[last] == ":0"
}

func TestCompletions(t *testing.T) {
	o := newOffer(t, offered)
	pulledByOllama(t)
	code, _, stderr := rhumb(t, "", "pull", offered)
	require.Zero(t, code, stderr)
	other := filepath.Join(o.cache, "models--not--main", "snapshots", commit)
	require.NoError(t, os.MkdirAll(other, 0o755))
	models := []string{"minilm", offered, "ollama:tiny-gguf:v1"}
	for args, want := range map[string][]string{
		"embed --model ":                       models,
		"embed -m ":                            models,
		"embed --model oll":                    {"ollama:tiny-gguf:v1"},
		"batch --model mini":                   {"minilm"},
		"serve --model small=mini":             {"small=minilm"},
		"serve --model ":                       models,
		"rerank --model ":                      models[1:],
		"mcp --rerank-model ":                  models[1:],
		"embed --base ":                        models[1:],
		"info ":                                models,
		"pull ":                                {"not/main", offered},
		"embed --precision ":                   {"float32", "bfloat16", "int8", "int4"},
		"embed --encoding ":                    encodingNames,
		"embed --encoding int8,bi":             {"int8,binary"},
		"embed --encoding float16,int8,":       {"float16,int8,float", "float16,int8,uint8", "float16,int8,binary", "float16,int8,ubinary", "float16,int8,base64"},
		"embed --kernels ":                     kernelNames(),
		"embed --output-format ":               {"auto", "json", "jsonl", "npy", "csv", "parquet", "table"},
		"embed --truncate ":                    {"end", "start", "none"},
		"embed --pooling ":                     {"mean", "cls", "last", "lasttoken", "max", "mean_sqrt_len_tokens", "weightedmean"},
		"embed --progress ":                    {"auto", "always", "never"},
		"quantize --precision ":                {"int8", "int4"},
		"serve --log-format ":                  {"text", "json"},
		"serve --as ":                          allKinds,
		"embed --transformers ":                {"4", "5"},
		"embed --no-normalize --input-format ": {"auto", "text", "jsonl", "csv", "parquet"},
	} {
		list, _ := completions(t, strings.Split(args, " ")...)
		assert.Equal(t, want, list, args)
	}
	_, files := completions(t, "embed", "--model", "")
	assert.True(t, files)
	_, files = completions(t, "embed", "--precision", "")
	assert.False(t, files)
}

// What --encoding is offered is what there is.
func TestEncodingNames(t *testing.T) {
	for i, name := range encodingNames {
		f, err := encoding.ParseFormat(name)
		require.NoError(t, err)
		assert.EqualValues(t, i, f)
	}
	_, err := encoding.ParseFormat("nope")
	assert.ErrorContains(t, err, strings.Join(encodingNames, ", "))
}

// Models and outputs have short forms wherever they are.
func TestShortFlags(t *testing.T) {
	for _, cmd := range everyCommand() {
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			assert.Equal(t, map[string]string{"model": "m", "output": "o", "quiet": "q", "help": "h", "version": "v"}[flag.Name], flag.Shorthand, "%s --%s", cmd.CommandPath(), flag.Name)
		})
	}
	file := filepath.Join(t.TempDir(), "out.jsonl")
	code, stdout, stderr := rhumb(t, "", "embed", "-m", tiny, "-o", file, "summer")
	require.Zero(t, code, stderr)
	assert.Empty(t, stdout)
	_, want, _ := rhumb(t, "", "embed", "--model", tiny, "summer")
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, want, string(got))
}

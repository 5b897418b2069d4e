package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// vectorLine is a line of jsonl output with --tokens.
type vectorLine struct {
	Index  int
	ID     json.RawMessage
	Tokens []struct {
		ID         int32
		Start, End int
		Embedding  []float32
	}
	Truncated int
	Error     string
}

// Tokens are those that sentence-transformers says, with the library's vectors.
func TestEmbedTokens(t *testing.T) {
	dir := filepath.FromSlash("../../testdata/heads/tokens-bert")
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	require.NoError(t, err)
	var cases struct {
		Texts   []string
		IDs     [][]int32
		Offsets [][][2]int `json:"offsets_bytes"`
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	model := filepath.Join(dir, "model")
	m, err := embed.Load(t.Context(), model, embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	want, err := m.EmbedTokens(t.Context(), cases.Texts, embed.Options{})
	require.NoError(t, err)
	var in strings.Builder
	for _, text := range cases.Texts {
		require.NoError(t, json.NewEncoder(&in).Encode(map[string]any{"id": "x", "text": text}))
	}
	path := write(t, "in.jsonl", in.String())
	for _, format := range []string{"jsonl", "json"} {
		code, stdout, stderr := rhumb(t, "", "embed", "--model", model, "--tokens", "--input", path, "--output-format", format)
		require.Zero(t, code, stderr)
		var lines []vectorLine
		if format == "json" {
			require.NoError(t, json.Unmarshal([]byte(stdout), &lines))
		} else {
			for s := range strings.Lines(stdout) {
				var l vectorLine
				d := json.NewDecoder(strings.NewReader(s))
				d.DisallowUnknownFields()
				require.NoError(t, d.Decode(&l))
				lines = append(lines, l)
			}
		}
		require.Len(t, lines, len(cases.Texts))
		for i, l := range lines {
			assert.Equal(t, i, l.Index)
			assert.Equal(t, `"x"`, string(l.ID))
			var ids []int32
			var at [][2]int
			for j, token := range l.Tokens {
				ids, at = append(ids, token.ID), append(at, [2]int{token.Start, token.End})
				assert.Equal(t, want.Texts[i].Tokens[j].Float32, token.Embedding)
			}
			assert.Equal(t, cases.IDs[i], ids)
			assert.Equal(t, cases.Offsets[i], at)
		}
	}
	code, stdout, stderr := rhumb(t, "", "embed", "--model", model, "--tokens", "--input", path, "--output-format", "table")
	require.Zero(t, code, stderr)
	tokens := 0
	for _, ids := range cases.IDs {
		tokens += 1 + len(ids)
	}
	assert.Equal(t, tokens, strings.Count(stdout, "\n"))
}

func TestEmbedTokensFlags(t *testing.T) {
	code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--tokens", "--dimensions", "8", "--on-error", "skip", "--input-format", "jsonl", "--input",
		write(t, "in.txt", `"winter"`+"\n"+`""`+"\n[5, 6]\n"+`"`+strings.Repeat("river ", 60)+`"`))
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "2 of 4 inputs are bad")
	var lines []vectorLine
	for s := range strings.Lines(stdout) {
		var l vectorLine
		require.NoError(t, json.Unmarshal([]byte(s), &l))
		lines = append(lines, l)
	}
	require.Len(t, lines, 4)
	assert.Len(t, lines[0].Tokens[0].Embedding, 8)
	assert.Equal(t, "empty text", lines[1].Error)
	assert.Equal(t, "token ids, expected a text", lines[2].Error)
	assert.Len(t, lines[3].Tokens, 32)
	assert.Positive(t, lines[3].Truncated)
	for args, want := range map[string]string{
		"--output-format csv": "--tokens: csv has no place for them",
		"--output out.npy":    "--tokens: npy has no place for them",
		"--encoding int8":     "encoding",
		"--chunk-tokens 8":    "chunk-tokens",
		"--long mean":         "long",
		"--no-normalize":      "no-normalize",
	} {
		code, _, stderr := rhumb(t, "", append([]string{"embed", "--model", tiny, "--tokens", "winter"}, strings.Fields(args)...)...)
		assert.Equal(t, 2, code, args)
		assert.Contains(t, stderr, want)
	}
	code, _, stderr = rhumb(t, "", "embed", "--model", tiny, "--tokens", "--dimensions", "25", "winter")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "dimensions: 25, expected 1 to 24")
}

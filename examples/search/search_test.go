package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/philippgille/chromem-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/adapt"
)

var _ chromem.EmbeddingFunc = adapt.Embedder{}.EmbedDocument

func TestSplit(t *testing.T) {
	long, half := strings.Repeat("word ", size/5+1), strings.Repeat("half ", size/10+1)
	tests := []struct {
		name, text string
		want       []passage
	}{
		{"nothing", "\n \n", nil},
		{"one line", "a", []passage{{"f", 1, "a"}}},
		{"headings", "a\n\n# b\nc\n## d\n", []passage{{"f", 1, "a"}, {"f", 3, "# b\nc"}, {"f", 5, "## d"}}},
		{"short paragraphs", "a\n\nb\n", []passage{{"f", 1, "a\n\nb"}}},
		{"long paragraphs", half + "\n\nb\n", []passage{{"f", 1, strings.TrimSpace(half)}, {"f", 3, "b"}}},
		{"no heading in a fence", "```\n# a\n```\n# b\n", []passage{{"f", 1, "```\n# a\n```"}, {"f", 4, "# b"}}},
		{"a full line", strings.Repeat("a", size) + "\nb\n", []passage{{"f", 1, strings.Repeat("a", size)}, {"f", 2, "b"}}},
		{"a long line", "a\n" + long, []passage{{"f", 1, "a"}, {"f", 2, strings.TrimSpace(long[:size])}, {"f", 2, "word"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, split("f", tt.text))
		})
	}
}

// No text is lost, added or moved, and no passage is too long.
func FuzzSplit(f *testing.F) {
	for _, text := range []string{"", "# a\n\nb", strings.Repeat("ü", size), strings.Repeat("\x80", 3*size), "a\r\n" + strings.Repeat(" b", size), strings.Repeat("\x80", size-3) + "\u2000\x80"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rest, line := text, 1
		for _, p := range split("f", text) {
			at := len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace))
			require.True(t, strings.HasPrefix(rest[at:], p.text))
			line += strings.Count(rest[:at], "\n")
			require.Equal(t, line, p.line)
			require.LessOrEqual(t, len(p.text), size)
			if utf8.ValidString(text) {
				require.True(t, utf8.ValidString(p.text))
			}
			line += strings.Count(p.text, "\n")
			rest = rest[at+len(p.text):]
		}
		require.Empty(t, strings.TrimSpace(rest))
	})
}

// What chromem-go stores and finds are the bits of Model.Embed, with the prompts of
// the tiny model for documents and for queries.
func TestIndex(t *testing.T) {
	model, err := embed.Load(t.Context(), "../../testdata/goldens/bert/model", embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, model.Close()) })
	queue := embed.NewQueue(model, embed.QueueConfig{})
	dir := t.TempDir()
	reopen := func() *index {
		db, err := chromem.NewPersistentDB(dir, false)
		require.NoError(t, err)
		x, err := open(t.Context(), db, model, queue)
		require.NoError(t, err)
		return x
	}
	texts := []string{"The food was delicious", "The train was late", "It rained all day", "The train was late"}
	var passages []passage
	for i, text := range texts {
		passages = append(passages, passage{"f", i + 1, text})
	}
	requireUpdate := func(x *index, passages []passage, added, removed int) {
		t.Helper()
		a, r, err := x.update(t.Context(), passages)
		require.NoError(t, err)
		require.Equal(t, []int{added, removed}, []int{a, r})
		require.Equal(t, len(passages), x.collection.Count())
	}
	requireUpdate(reopen(), passages, 4, 0)
	x := reopen()
	requireUpdate(x, passages, 0, 0)

	const question = "Was there a delay?"
	documents, err := model.Embed(t.Context(), texts, embed.Options{PromptName: "document"})
	require.NoError(t, err)
	query, err := model.Embed(t.Context(), []string{question}, embed.Options{PromptName: "query"})
	require.NoError(t, err)
	found, err := x.nearest(t.Context(), question, 10)
	require.NoError(t, err)
	require.Len(t, found, len(texts))
	for _, f := range found {
		line, err := strconv.Atoi(f.Metadata["line"])
		require.NoError(t, err)
		assert.Equal(t, texts[line-1], f.Content)
		assert.Equal(t, documents.Embeddings[line-1].Float32, f.Embedding)
		var dot float64
		for i, v := range query.Embeddings[0].Float32 {
			dot += float64(v) * float64(f.Embedding[i])
		}
		assert.InDelta(t, dot, f.Similarity, 1e-6) // chromem-go sums 32 terms in float32
	}

	// A line that moved and one that is gone.
	requireUpdate(x, []passage{passages[0], passages[1], {"f", 4, texts[2]}}, 1, 2)
	requireUpdate(reopen(), passages[:2], 0, 1)
	_, err = x.nearest(t.Context(), "", 1)
	var input *embed.InputError
	require.ErrorAs(t, err, &input)
}

func TestSearch(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	write("travel/log.md", "# Monday\n\nThe train was late.\n\n# Tuesday\n\nIt rained all day.\n")
	write("food.txt", "The food was delicious.\n")
	write("code.go", "package late")
	write(".hidden/late.md", "Was there a delay?")
	index := filepath.Join(t.TempDir(), "index")
	var out, status bytes.Buffer
	require.NoError(t, search(t.Context(), &out, &status, index, root, "Was there a delay?"))
	assert.Equal(t, "3 passages: 3 new, 0 gone\n", status.String())
	first, rest, _ := strings.Cut(out.String(), "\n")
	assert.Contains(t, first, filepath.ToSlash(root)+"/travel/log.md:1")
	assert.True(t, strings.HasPrefix(rest, "# Monday\n\nThe train was late.\n\n"))
	assert.Equal(t, 3, strings.Count(out.String(), filepath.ToSlash(root)))

	write("food.txt", "The food was cold.\n")
	status.Reset()
	require.NoError(t, search(t.Context(), io.Discard, &status, index, root, "Was there a delay?"))
	assert.Equal(t, "3 passages: 1 new, 1 gone\n", status.String())

	require.ErrorContains(t, search(t.Context(), io.Discard, io.Discard, "", t.TempDir(), "a"), "no text, expected .md or .txt files")
	require.ErrorContains(t, search(t.Context(), io.Discard, io.Discard, "", filepath.Join(root, "none"), "a"), "none")
}

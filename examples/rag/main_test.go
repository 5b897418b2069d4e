package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

const (
	question = "How do I run it as an HTTP service?"
	tiny     = "../../testdata/heads/rerank-bert/model"
)

// There are as many passages as the package says, each where its line is.
func TestRead(t *testing.T) {
	root := t.TempDir() // of as many pages and as much code however the project grows
	page, err := os.ReadFile("../../docs/serving.md")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, "serving.md"), page, 0o600))
	for _, name := range []string{"command", "modelfolder", "transformer"} {
		require.NoError(t, os.CopyFS(filepath.Join(root, "source", name), os.DirFS(filepath.Join("../../internal", name))))
	}
	passages, err := read(root)
	require.NoError(t, err)
	require.Len(t, passages, most)
	comments := 0
	for _, p := range passages {
		data, err := os.ReadFile(p.file)
		require.NoError(t, err)
		lines := strings.Split(string(data), "\n")
		require.LessOrEqual(t, p.line, len(lines))
		rest := strings.Join(lines[p.line-1:], "\n")
		if strings.HasSuffix(p.file, ".go") {
			comments++
			_, rest, _ = strings.Cut(rest, "//")
			rest = strings.ReplaceAll(rest, "//", "")
		}
		require.Equal(t, strings.Fields(p.text)[:3], strings.Fields(rest)[:3], "%s:%d", p.file, p.line)
	}
	assert.Greater(t, comments, most/2)
	assert.Less(t, comments, most)
	_, err = read(t.TempDir())
	require.ErrorContains(t, err, "expected .md or .go files")
}

// The search finds the page about serving; of what it finds the reranker's best are
// those that it scores highest, each by itself.
func TestRAG(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"architecture.md", "batch.md", "quantization.md", "serving.md"} {
		data, err := os.ReadFile("../../docs/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, name), data, 0o600))
	}
	var said strings.Builder
	require.NoError(t, rag(t.Context(), &said, root, tiny, question))
	passages, err := read(root)
	require.NoError(t, err)
	require.Greater(t, len(passages), candidates)
	model, err := minilm.Load(t.Context(), embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, model.Close()) })
	found, err := nearest(t.Context(), model, passages, question)
	require.NoError(t, err)
	require.Len(t, found, candidates)
	assert.Equal(t, "serving.md", filepath.Base(found[0].file))

	reranker, err := rerank.Load(context.Background(), tiny, embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, reranker.Close()) })
	scores := map[string]float32{}
	for _, p := range found {
		one, err := reranker.Score(t.Context(), question, []string{p.text}, rerank.Options{})
		require.NoError(t, err)
		scores[p.String()] = one[0].Value
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	require.Len(t, lines, 3+2*answers)
	assert.Equal(t, fmt.Sprintf("%d passages", len(passages)), lines[0])
	for i, line := range lines[2 : 2+answers] {
		assert.Equal(t, found[i].String(), strings.TrimSpace(line))
	}
	higher := map[string]float32{}
	least := float32(2) // scores are below 1
	for _, line := range lines[3+answers:] {
		s, known := scores[strings.TrimSpace(line)]
		require.True(t, known, line)
		assert.LessOrEqual(t, s, least)
		least = s
		higher[line] = s
	}
	for p, s := range scores {
		if s > least {
			assert.Contains(t, higher, "  "+p)
		}
	}
}

package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/search"
)

const (
	question    = "How is a long text cut into chunks?"
	tinySparse  = "../../testdata/heads/sparse-bert-max/model"
	tinyRerank  = "../../testdata/heads/rerank-bert/model"
	mostOfLines = 200 // of main.go
)

// The program is one file that is read in one sitting.
func TestLength(t *testing.T) {
	data, err := os.ReadFile("main.go")
	require.NoError(t, err)
	assert.LessOrEqual(t, strings.Count(string(data), "\n"), mostOfLines)
}

// The sums by hand: 1/61 + 1/62 for a, 1/62 + 1/61 for b, 1/63 for c, 1/63 for d.
func TestFuse(t *testing.T) {
	const a, b, c, d = 7, 3, 9, 1
	order := func(rows ...int) (matches []search.Match) {
		for _, row := range rows {
			matches = append(matches, search.Match{Row: row})
		}
		return matches
	}
	var rows []int
	for _, m := range fuse(order(a, b, c), order(b, a, d)) {
		rows = append(rows, m.Row)
	}
	assert.Equal(t, []int{b, a, d, c}, rows, "equal sums by row")
	assert.Equal(t, []string{"2", "-"}, []string{place(order(a, b), b), place(order(a, b), c)})
	assert.Empty(t, fuse())
}

// Every byte of a file is in a passage, in order, and each passage is where its place says.
func TestRead(t *testing.T) {
	model, err := minilm.Load(t.Context(), embed.Config{})
	require.NoError(t, err)
	defer model.Close()
	texts, places, err := read("../../docs", model.Tokenizer())
	require.NoError(t, err)
	require.Len(t, places, len(texts))
	files := map[string]string{}
	for i, place := range places {
		file, rest, _ := strings.Cut(place, ".md:")
		number, _, _ := strings.Cut(rest, " ")
		line, err := strconv.Atoi(number)
		require.NoError(t, err)
		assert.Equal(t, 1+strings.Count(files[file], "\n"), line)
		files[file] += texts[i]
	}
	for file, text := range files {
		data, err := os.ReadFile(file + ".md")
		require.NoError(t, err)
		assert.Equal(t, string(data), text)
	}
	assert.Greater(t, len(files), 5)
	_, _, err = read(t.TempDir(), model.Tokenizer())
	require.ErrorContains(t, err, "expected .md files")
}

// What is shown are the passages with the greatest sums of the places that are shown.
func TestHybrid(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"sparse.md", "chunks.md", "tokens.md"} {
		data, err := os.ReadFile("../../docs/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, name), data, 0o600))
	}
	var said strings.Builder
	require.NoError(t, hybrid(t.Context(), &said, tinySparse, tinyRerank, root, question))
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	require.Len(t, lines, 1+2*answers)
	assert.Regexp(t, `^\d+ passages$`, lines[0])
	var sums []float64
	for i := 2; i < len(lines); i += 2 {
		sum := 0.0
		for _, word := range strings.Fields(strings.ReplaceAll(lines[i], ",", " ")) {
			if place, err := strconv.Atoi(word); err == nil {
				sum += 1 / float64(60+place)
			}
		}
		assert.Contains(t, lines[i-1], root)
		sums = append(sums, sum)
	}
	assert.True(t, slices.IsSortedFunc(sums, func(a, b float64) int { return cmp.Compare(b, a) }), "%v", sums)

	model, err := minilm.Load(t.Context(), embed.Config{})
	require.NoError(t, err)
	defer model.Close()
	texts, places, err := read(root, model.Tokenizer())
	require.NoError(t, err)
	nearest, err := byDense(t.Context(), model, texts, question)
	require.NoError(t, err)
	require.Len(t, nearest, min(candidates, len(texts)))
	assert.Contains(t, places[nearest[0].Row], "chunks.md", "the dense model finds the page about chunks")
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBatch(t *testing.T) {
	out := filepath.Join(t.TempDir(), "embeddings.jsonl")
	var said strings.Builder
	for range 2 {
		require.NoError(t, batch(t.Context(), &said, []string{"texts.jsonl"}, out))
	}
	assert.Contains(t, said.String(), "5 rows, of which 0 came from earlier runs and 0 are errors")
	assert.Contains(t, said.String(), "5 rows, of which 5 came from earlier runs and 0 are errors")
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	lines := strings.Split(string(data), "\n")
	require.Len(t, lines, 6)
	assert.Contains(t, lines[1], `"id":2,"text":"Das Essen war köstlich","language":"de","embedding":[-0.04`)
	_, first, _ := strings.Cut(lines[0], "embedding")
	_, fifth, _ := strings.Cut(lines[4], "embedding")
	assert.Equal(t, first, fifth, "the same text")
}

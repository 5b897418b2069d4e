// Package quality measures how well models find what was asked for, beside the
// reference: testdata/retrieval, as its README says.
package quality

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const data = "../../testdata/retrieval"

// A set is queries, and the documents that answer them.
type set struct {
	documents []string
	queries   []string
	wanted    []int // the document that answers each
}

// read returns the rows of a compressed file of JSON lines.
func read[E any](t *testing.T, name string) (rows []E) {
	t.Helper()
	f, err := os.Open(filepath.Join(data, name))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // nothing was written
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for d := json.NewDecoder(z); d.More(); {
		var row E
		require.NoError(t, d.Decode(&row))
		rows = append(rows, row)
	}
	return rows
}

func load(t *testing.T) (s set) {
	t.Helper()
	numbers := map[string]int{}
	for i, d := range read[struct{ ID, Text string }](t, "documents.jsonl.gz") {
		require.NotContains(t, numbers, d.ID)
		numbers[d.ID] = i
		s.documents = append(s.documents, d.Text)
	}
	for _, q := range read[struct{ Text, Document string }](t, "queries.jsonl.gz") {
		require.Contains(t, numbers, q.Document)
		s.queries = append(s.queries, q.Text)
		s.wanted = append(s.wanted, numbers[q.Document])
	}
	return s
}

// There are enough queries, each once, and none of them stands in its document.
func TestData(t *testing.T) {
	s := load(t)
	assert.GreaterOrEqual(t, len(s.queries), 300)
	seen := map[string]bool{}
	for i, q := range s.queries {
		assert.False(t, seen[q], q)
		seen[q] = true
		assert.NotContains(t, strings.Join(strings.Fields(s.documents[s.wanted[i]]), " "), q)
	}
}

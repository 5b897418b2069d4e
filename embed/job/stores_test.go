package job

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A row that the format of a store has no place for is a bad row like any other, and
// what a store imports has no bad rows.
func TestStoreBadRows(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.jsonl")
	var lines strings.Builder
	for i := range 40 {
		note := fmt.Sprintf("note %d", i)
		if i == 0 || i == 21 {
			note += "\x00"
		}
		text, err := json.Marshal(note)
		require.NoError(t, err)
		fmt.Fprintf(&lines, `{"id": "r%d", "text": "summer", "note": %s}`+"\n", i, text)
		if i == 30 {
			lines.WriteString("oops\n")
		}
	}
	require.NoError(t, os.WriteFile(in, []byte(lines.String()), 0o666))
	cfg := Config{Inputs: []string{in}, Output: filepath.Join(dir, "out.pgvector"), Keep: []string{"note"}, ChunkRows: 8}
	_, err := Run(t.Context(), m, cfg)
	require.ErrorContains(t, err, "in.jsonl:1: a zero byte")

	cfg.OnError = Skip
	report, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, Report{Rows: 41, Failed: 3, Errors: cfg.Output + ".errors.jsonl"}, report)
	assert.Equal(t, 3, strings.Count(string(read(t, report.Errors)), "\n"))
	got := strings.Split(strings.TrimSuffix(string(read(t, cfg.Output)), "\n"), "\n")
	require.Len(t, got, 38)
	for i, line := range got {
		n := i + 1
		if n >= 21 {
			n++
		}
		columns := strings.Split(line, "\t")
		require.Len(t, columns, 3)
		assert.Equal(t, []string{fmt.Sprintf("r%d", n), fmt.Sprintf("note %d", n)}, columns[:2])
	}

	cfg.Output, cfg.ChunkRows = filepath.Join(dir, "out.milvus"), 1 // the first chunk has no row but in JSON, which takes it
	require.NoError(t, os.WriteFile(in, []byte("oops\n"+lines.String()), 0o666))
	report, err = Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, 2, report.Failed)
	var list []struct {
		ID        string
		Embedding []float32
	}
	require.NoError(t, json.Unmarshal(read(t, cfg.Output), &list))
	require.Len(t, list, 40)
	assert.Equal(t, "r39", list[39].ID)
	assert.Len(t, list[39].Embedding, 16)
}

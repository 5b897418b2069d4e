package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/search"
)

// The README shows what its commands print.
func TestREADME(t *testing.T) {
	model, err := minilm.Load(t.Context(), embed.Config{})
	require.NoError(t, err)
	defer model.Close()
	dir := t.TempDir()
	rows := filepath.Join(dir, "embeddings.jsonl")
	_, err = job.Run(t.Context(), model, job.Config{Inputs: []string{"texts.jsonl"}, Output: rows, Keep: []string{"text"}})
	require.NoError(t, err)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for range 2 { // into a new database, and into one that has the rows
		var out strings.Builder
		require.NoError(t, run(t.Context(), &out, rows, filepath.Join(dir, "docs.db"), "Was there a delay?"))
		assert.Contains(t, string(readme), "```\n"+out.String()+"```\n")
	}
}

// It finds what package search finds, and tells what is wrong with rows.
func TestNearest(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "docs.db"))
	require.NoError(t, err)
	defer db.Close()
	var lines, want strings.Builder
	var vectors []float32
	query := []float32{0.6, -0.8}
	for i := range 20 {
		v := []float32{float32(i) - 7.5, float32(i*i%11) - 4}
		vectors = append(vectors, v...)
		fmt.Fprintf(&lines, `{"index": %d, "id": %d, "text": "t%d", "embedding": [%g, %g]}`+"\n", i, i, i, v[0], v[1])
	}
	found, err := search.Nearest(search.Cosine, query, vectors, 5)
	require.NoError(t, err)
	for _, m := range found {
		fmt.Fprintf(&want, "%.3f  %d  t%d\n", m.Score, m.Row, m.Row)
	}
	n, err := load(t.Context(), db, strings.NewReader(lines.String()))
	require.NoError(t, err)
	assert.Equal(t, 20, n)
	var got strings.Builder
	require.NoError(t, nearest(t.Context(), &got, db, query, 5))
	assert.Equal(t, want.String(), got.String())

	for rows, message := range map[string]string{
		`{"index": 0, "error": "empty text"}`:          "row 0: no embedding: empty text",
		`{"embedding": [1, 2]}` + `{"embedding": [1]}`: "row 1: ",
		`{"embedding": [1, 2]}` + `oops`:               "row 1: invalid character",
	} {
		_, err := load(context.Background(), db, strings.NewReader(rows))
		require.ErrorContains(t, err, message)
		require.NoError(t, nearest(t.Context(), io.Discard, db, query, 5), "the rows of before")
	}
	assert.Equal(t, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, slices.Clip(blob([]float32{1, -2})))
}

// Vectors of 8 bits and of one, as the README says.
func TestOtherEncodings(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "docs.db"))
	require.NoError(t, err)
	defer db.Close()
	for _, c := range []struct {
		column, value string
		far, near     []byte
	}{
		{"int8[8]", "vec_int8(?)", []byte{255, 254, 253, 252, 251, 250, 249, 248}, []byte{1, 2, 3, 4, 5, 6, 7, 8}}, // -1, -2 …
		{"bit[8]", "vec_bit(?)", []byte{0x0f}, []byte{0xf0}},
	} {
		for _, statement := range []string{"drop table if exists docs", "create virtual table docs using vec0(embedding " + c.column + ")"} {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		for _, v := range [][]byte{c.far, c.near} {
			_, err := db.ExecContext(t.Context(), "insert into docs(embedding) values ("+c.value+")", v)
			require.NoError(t, err)
		}
		var row int
		var distance float64
		require.NoError(t, db.QueryRowContext(t.Context(), "select rowid, distance from docs where embedding match "+c.value+" and k = 1", c.near).Scan(&row, &distance))
		assert.Equal(t, 2, row)
		assert.Zero(t, distance)
	}
}

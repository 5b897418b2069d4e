package embed

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/manifest"
)

// With the outliers in its folder a model answers as with those that it finds.
func TestOutlierColumns(t *testing.T) {
	const name = "bert"
	texts := []string{"a text", "and another one", "and one that is a little longer than the other two"}
	want := embedTexts(t, loadGolden(t, name, Config{Precision: Int8}), texts, Options{})
	for _, cfg := range []Config{{}, {Workers: 3}, {MaxTokens: 9}, {Precision: BFloat16}} {
		columns, err := OutlierColumns(context.Background(), goldens+"/"+name+"/model", cfg)
		require.NoError(t, err)
		data, err := json.Marshal(columns)
		require.NoError(t, err)
		files := readModel(t, name)
		write(files, manifest.Outliers, string(data))
		require.Equal(t, want, embedTexts(t, loadFiles(t, files, Config{Precision: Int8}), texts, Options{}))
	}
	_, err := OutlierColumns(context.Background(), "no such folder", Config{})
	require.Error(t, err)
}

// Outliers change vectors in Int8, and so does how they are found; in other
// precisions the file is not read.
func TestOutlierColumnsFile(t *testing.T) {
	const layer = "encoder.layer.0.attention.self.query.weight"
	texts := []string{"a text"}
	files := readModel(t, "bert")
	without := loadFiles(t, files, Config{Precision: Int8})
	exact := embedTexts(t, loadFiles(t, files, Config{}), texts, Options{})
	write(files, manifest.Outliers, `{"`+layer+`": [0, 3, 5]}`)
	with := loadFiles(t, files, Config{Precision: Int8})
	assert.NotEqual(t, printOf(t, without), printOf(t, with))
	assert.NotEqual(t, embedTexts(t, without, texts, Options{}), embedTexts(t, with, texts, Options{}))

	write(files, manifest.Outliers, `{"`+layer+`": [0, 3, 6]}`)
	assert.NotEqual(t, printOf(t, loadFiles(t, files, Config{Precision: Int8})), printOf(t, with))
	write(files, manifest.Outliers, ` { "`+layer+`" : [0, 3, 5]}`)
	assert.Equal(t, printOf(t, with), printOf(t, loadFiles(t, files, Config{Precision: Int8})))

	write(files, manifest.Outliers, `not JSON`)
	require.Equal(t, exact, embedTexts(t, loadFiles(t, files, Config{}), texts, Options{}))
	for content, want := range map[string]string{
		"":                               "outlier_columns.json: expected an object",
		"null":                           "outlier_columns.json: expected an object",
		"[1]":                            "outlier_columns.json: expected an object",
		`{"` + layer + `": "all"}`:       "outlier_columns.json: expected an object",
		`{"` + layer + `": [0.5]}`:       "outlier_columns.json: expected an object",
		`{"` + layer + `": [100000000]}`: "outliers of " + layer + ": [100000000], expected ascending numbers",
		`{"other": [1]}`:                 "outliers of other: this model has no such layer",
	} {
		write(files, manifest.Outliers, content)
		_, err := LoadFS(t.Context(), files, Config{Precision: Int8})
		require.ErrorContains(t, err, want, content)
	}
}

// What Inspect says of a model in Int8 is what Load says.
func TestInspectInt8(t *testing.T) {
	dir := goldens + "/bert/model"
	seen, err := Inspect(t.Context(), dir, Config{Precision: Int8})
	require.NoError(t, err)
	loaded := loadGolden(t, "bert", Config{Precision: Int8}).Info()
	require.Equal(t, loaded, seen)
	require.Less(t, seen.MemoryBytes, loadGolden(t, "bert", Config{}).Info().MemoryBytes)
}

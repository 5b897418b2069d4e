package embed

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"
	"testing/fstest"

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
	require.Positive(t, loaded.Loss.Texts)
	loaded.Loss = Loss{} // which takes running it
	require.Equal(t, loaded, seen)
	require.Less(t, seen.MemoryBytes, loadGolden(t, "bert", Config{}).Info().MemoryBytes)
}

// A weight that makes the steps of all others of its outputs coarse, and is multiplied
// with nothing, is no outlier of the inputs: Int8 does not hold the layer, which is in a
// finer format then. So it is in a copy, which finds it in the file.
func TestFinerLayers(t *testing.T) {
	const layer = "encoder.layer.0.output.dense.weight"
	files := readModel(t, "bert")
	patch(t, files, "encoder.layer.0.intermediate.dense.bias", 0, 1, -30) // GELU makes 0 of it
	patch(t, files, "encoder.layer.0.intermediate.dense.weight", 0, 24, 0)
	for i := range 24 {
		patch(t, files, layer, 30*i, 30*i+1, 60)
	}
	texts := []string{"a text", "and another one", "and one that is a little longer than the other two"}
	want := embedTexts(t, loadFiles(t, files, Config{}), texts, Options{})
	least := func(m *Model) float64 {
		least := 1.0
		for i, e := range embedTexts(t, m, texts, Options{}).Embeddings {
			least = min(least, cosine(want.Embeddings[i].Float32, e.Float32))
		}
		return least
	}
	found := loadFiles(t, files, Config{Precision: Int8})
	assert.Contains(t, found.Info().Finer, layer)
	assert.Greater(t, found.Info().Loss.Texts, 38, "and those that the layers were not chosen for")
	assert.False(t, found.Info().Loss.Over(Int8))
	assert.Greater(t, least(found), 0.998)

	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, files))
	columns, err := OutlierColumns(t.Context(), dir, Config{})
	require.NoError(t, err)
	kept, ok := columns[layer]
	assert.True(t, ok)
	assert.Nil(t, kept)
	small := quantized(t, dir, Int8)
	loaded, err := Load(t.Context(), small, Config{Precision: Int8})
	require.NoError(t, err)
	defer loaded.Close() //nolint:errcheck
	assert.Equal(t, found.Info().Finer, loaded.Info().Finer)
	assert.Equal(t, embedTexts(t, found, texts, Options{}), embedTexts(t, loaded, texts, Options{}))

	write(files, manifest.Outliers, `{}`)
	all := loadFiles(t, files, Config{Precision: Int8})
	assert.Empty(t, all.Info().Finer)
	assert.Less(t, least(all), 0.99)
	write(files, manifest.Outliers, `{"`+layer+`": null}`)
	assert.Equal(t, []string{layer}, loadFiles(t, files, Config{Precision: Int8}).Info().Finer)
}

// patch sets elements from, to (exclusive) of a float32 tensor of model.safetensors.
func patch(t testing.TB, files fstest.MapFS, name string, from, to int, v float32) {
	data := files["model.safetensors"].Data
	header := data[8:][:binary.LittleEndian.Uint64(data)]
	var tensors map[string]struct {
		Offsets []int `json:"data_offsets"`
	}
	require.NoError(t, json.Unmarshal(header, &tensors))
	require.Len(t, tensors[name].Offsets, 2, name)
	at := data[8+len(header)+tensors[name].Offsets[0]:]
	for i := from; i < to; i++ {
		binary.LittleEndian.PutUint32(at[4*i:], math.Float32bits(v))
	}
}

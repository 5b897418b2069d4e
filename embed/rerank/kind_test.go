package rerank

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/mutate"
	"github.com/rhumb-go/rhumb/tensor"
)

const kinds = "../../testdata/kinds"

func readJSON(t testing.TB, path string, v any) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v))
}

// readFolder returns the files in a folder.
func readFolder(t testing.TB, path string) fstest.MapFS {
	files, err := mutate.Folder(path)
	require.NoError(t, err)
	return files
}

// kindFolders returns the folders of each kind: their weights are zero.
func kindFolders(t testing.TB) map[string]fstest.MapFS {
	var shapes map[string]map[string][]int
	readJSON(t, filepath.Join(kinds, "tensors.json"), &shapes)
	folders := map[string]fstest.MapFS{}
	for name, tensors := range shapes {
		folders[name] = readFolder(t, filepath.Join(kinds, name))
		folders[name]["model.safetensors"] = &fstest.MapFile{Data: zeros(t, tensors)}
	}
	return folders
}

// Each folder is of the kind that it is made as: what serves it loads it, and what does
// not names what does.
func TestKinds(t *testing.T) {
	var want map[string][]string
	readJSON(t, filepath.Join(kinds, "kinds.json"), &want)
	folders := kindFolders(t)
	require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(folders)))
	served := map[string]string{
		"embedding":  "embed.Load and rhumb embed serve it",
		"reranker":   "rerank.Load and rhumb rerank serve it",
		"classifier": "rerank.Load and rhumb classify serve it",
	}
	for name, files := range folders {
		kind := append(want[name], "none")[0]
		embedder, errEmbed := embed.LoadFS(t.Context(), files, embed.Config{})
		if kind == "embedding" {
			if assert.NoError(t, errEmbed, name) {
				assert.NoError(t, embedder.Close())
			}
		} else {
			requireKind(t, errEmbed, name, served[kind])
		}
		m, errCross := LoadFS(t.Context(), files, embed.Config{})
		if kind == "reranker" || kind == "classifier" {
			if assert.NoError(t, errCross, name) {
				assert.Equal(t, kind == "reranker", m.Reranks(), name)
				assert.NoError(t, m.Close())
			}
		} else {
			requireKind(t, errCross, name, served[kind])
		}
	}
}

// requireKind requires that err says which kind a folder is of.
func requireKind(t testing.TB, err error, name, want string) {
	t.Helper()
	var other *embed.KindError
	require.ErrorAs(t, err, &other, name)
	assert.ErrorContains(t, err, want, name)
	assert.NotEmpty(t, other.Kind, name)
}

// A caller may pool the body of any transformer, whatever its head.
func TestPoolingOfAnyHead(t *testing.T) {
	for name, files := range kindFolders(t) {
		m, err := embed.LoadFS(t.Context(), files, embed.Config{Pooling: "cls"})
		if files["modules.json"] != nil {
			assert.ErrorContains(t, err, "pooling: ", name)
			continue
		}
		if assert.NoError(t, err, name) {
			assert.Equal(t, []string{"cls"}, m.Info().Pooling)
			assert.NoError(t, m.Close())
		}
	}
	_, err := Load(t.Context(), filepath.Join(goldens, "rerank-bert", "model"), embed.Config{Pooling: "cls"})
	assert.ErrorContains(t, err, `pooling: "cls" given, expected none`)
}

// zeros returns a safetensors file of float32 zeros.
func zeros(t testing.TB, shapes map[string][]int) []byte {
	var tensors []tensor.Tensor
	for name, shape := range shapes {
		n := 4
		for _, d := range shape {
			n *= d
		}
		tensors = append(tensors, tensor.Tensor{Name: name, DType: tensor.F32, Shape: shape, Data: make([]byte, n)})
	}
	var file bytes.Buffer
	require.NoError(t, tensor.Write(&file, tensors, nil))
	return file.Bytes()
}

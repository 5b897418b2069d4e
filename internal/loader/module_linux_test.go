package loader

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// The weights of a module, which are read and closed again, too.
func TestModuleIsCutWhileLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	data, err := os.ReadFile("../../testdata/goldens/bert-cls-dense/model/2_Dense/model.safetensors")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	f, err := tensor.Open(path)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	require.NoError(t, os.Truncate(path, 0))
	err = pipeline.Guard(func() []*tensor.File { return []*tensor.File{f} }, func() error {
		_, err := readAll(map[string][]float32{}, f, map[string][]int{"linear.weight": {12, 20}, "linear.bias": {12}})
		return err
	})
	require.ErrorContains(t, err, path)
}

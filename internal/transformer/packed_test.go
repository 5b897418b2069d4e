package transformer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// quantized holds models whose linear layers other tools quantized.
const quantized = "../../testdata/quantized"

// packedFolders returns the names of all of them.
func packedFolders(t testing.TB) (names []string) {
	entries, err := os.ReadDir(quantized)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// openFolder reads the config.json and the weights of a folder.
func openFolder(t testing.TB, dir string) ([]byte, *tensor.File) {
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	file, err := tensor.Open(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	return config, file
}

// The hidden states are those of the reference, from weights that it dequantized.
func TestPackedGoldens(t *testing.T) {
	stored := map[string]string{
		"awq": "AWQ, 4 bits", "bitsandbytes-fp4": "bitsandbytes, 4 bits", "bitsandbytes-nf4": "bitsandbytes, 4 bits",
		"bitsandbytes-int8": "bitsandbytes, 8 bits", "fp8-blocks": "FP8", "fp8-tensor": "FP8",
		"compressed-fp8-block": "compressed-tensors, FP8 for each block", "compressed-fp8-channel": "compressed-tensors, FP8 for each channel",
		"compressed-int4": "compressed-tensors, int4 for each group", "compressed-int4-asymmetric": "compressed-tensors, int4 for each group",
		"compressed-int8-channel": "compressed-tensors, int8 for each channel", "compressed-int8-group": "compressed-tensors, int8 for each group",
		"compressed-int8-tensor": "compressed-tensors, int8 for each tensor",
		"compressed-two-groups":  "compressed-tensors, int4 for each channel and int8 for each channel",
		"gptq":                   "GPTQ, 4 bits", "gptq-2-bits": "GPTQ, 2 bits", "gptq-act-order": "GPTQ, 4 bits", "gptq-v2": "GPTQ, 8 bits",
	}
	team := parallel.NewTeam(1)
	defer team.Close()
	for _, name := range packedFolders(t) {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(quantized, name)
			config, file := openFolder(t, dir)
			m, err := Open(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best()})
			require.NoError(t, err)
			assert.Equal(t, stored[name], m.Stored)
			g := readGoldenFile(t, filepath.Join(dir, "golden.safetensors"), "last_hidden_state")
			h := forward(t, m, team, g.batch)
			for i, want := range g.hidden {
				assert.InDeltaSlice(t, want, h.Row(i), tolerance, "token %d", i)
			}
		})
	}
}

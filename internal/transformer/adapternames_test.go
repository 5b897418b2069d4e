package transformer

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// rename puts prefix before the names of all tensors, after the part that stays.
func rename(stays, prefix string) func(map[string]tensor.Tensor) {
	return func(all map[string]tensor.Tensor) {
		for name, x := range maps.Clone(all) {
			delete(all, name)
			all[stays+prefix+strings.TrimPrefix(name, stays)] = x
		}
	}
}

// An adapter fits whether or not it, or its base model, was saved under a head.
func TestAdapterNames(t *testing.T) {
	dir := filepath.Join(adapters, "bert")
	data, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	require.NoError(t, err)
	original, err := tensor.Open(filepath.Join(dir, "adapter_model.safetensors"))
	require.NoError(t, err)
	defer original.Close()
	config, weights := openFiles(t, filepath.Join(goldens, "bert", "model"))
	g := readGolden(t, "bert")
	want := forward(t, openAdapted(t, "bert", kernel.Best()), nil, g.batch)
	for _, of := range []string{"", "bert.", "a.b."} {
		for _, base := range []string{"", "bert.", "c."} {
			a, err := OpenAdapter(data, changed(t, original, rename("base_model.model.", of)))
			require.NoError(t, err)
			m, err := Open(t.Context(), Config{JSON: config, Weights: changed(t, weights, rename("", base)), Adapter: a, Set: kernel.Best()})
			require.NoError(t, err, "adapter under %q, base model under %q", of, base)
			require.Equal(t, want.Data, forward(t, m, nil, g.batch).Data)
		}
	}
	a, err := OpenAdapter(data, changed(t, original, func(all map[string]tensor.Tensor) { // as the model itself saves it
		for name, x := range maps.Clone(all) {
			delete(all, name)
			all[strings.TrimPrefix(name, "base_model.model.")] = x
		}
	}))
	require.NoError(t, err)
	m, err := Open(t.Context(), Config{JSON: config, Weights: weights, Adapter: a, Set: kernel.Best()})
	require.NoError(t, err)
	require.Equal(t, want.Data, forward(t, m, nil, g.batch).Data)
}

// An adapter without an effect, as PEFT makes them, gives the base model's bits.
func TestAdapterOfZeros(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(adapters, "t5", "adapter_config.json"))
	require.NoError(t, err)
	original, err := tensor.Open(filepath.Join(adapters, "t5", "adapter_model.safetensors"))
	require.NoError(t, err)
	defer original.Close()
	a, err := OpenAdapter(data, changed(t, original, func(all map[string]tensor.Tensor) {
		for name, x := range all {
			if strings.Contains(name, "lora_B") {
				all[name] = zeros(x.Shape...)
			}
		}
	}))
	require.NoError(t, err)
	config, weights := openFiles(t, filepath.Join(goldens, "t5", "model"))
	m, err := Open(t.Context(), Config{JSON: config, Weights: weights, Adapter: a, Set: kernel.Best()})
	require.NoError(t, err)
	g := readGolden(t, "t5")
	require.Equal(t, forward(t, open(t, "t5", kernel.Best()), nil, g.batch).Data, forward(t, m, nil, g.batch).Data)
}

// A base model's token table that the adapter keeps whole is read from the adapter.
func TestWholeTable(t *testing.T) {
	config, weights := openFiles(t, filepath.Join(goldens, "bert", "model"))
	const name = "embeddings.word_embeddings.weight"
	table, ok := weights.Tensor(name)
	require.True(t, ok)
	bare := changed(t, weights, func(all map[string]tensor.Tensor) { all[name] = zeros(table.Shape...) })
	for _, saved := range []string{name, "embeddings.word_embeddings.base_layer.weight"} {
		file := changed(t, weights, func(all map[string]tensor.Tensor) {
			clear(all)
			all["base_model.model."+saved] = table
		})
		a, err := OpenAdapter([]byte(`{"peft_type": "LORA", "modules_to_save": ["word_embeddings"]}`), file)
		require.NoError(t, err)
		m, err := Open(t.Context(), Config{JSON: config, Weights: bare, Adapter: a, Set: kernel.Best()})
		require.NoError(t, err)
		g := readGolden(t, "bert")
		require.Equal(t, forward(t, open(t, "bert", kernel.Best()), nil, g.batch).Data, forward(t, m, nil, g.batch).Data)
	}
}

func FuzzAdapterConfig(f *testing.F) {
	for name := range bases {
		data, err := os.ReadFile(filepath.Join(adapters, name, "adapter_config.json"))
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(`{"peft_type": "LORA", "rank_pattern": {"a": 1e9}, "alpha_pattern": null, "target_modules": ".*"}`))
	file, err := tensor.Open(filepath.Join(adapters, "bert", "adapter_model.safetensors"))
	require.NoError(f, err)
	defer file.Close()
	config, weights := openFiles(f, filepath.Join(goldens, "bert", "model"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := OpenAdapter(data, file); err == nil {
			_, _ = Open(t.Context(), Config{JSON: config, Weights: weights, Adapter: a, Set: kernel.Best()})
		}
	})
}

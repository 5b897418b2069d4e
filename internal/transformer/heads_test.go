package transformer

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Weights of heads beside a model of any family are passed over: at the root of the
// file, in what holds the model and beside its own names, and nowhere else.
func TestHeads(t *testing.T) {
	t.Parallel()
	for _, name := range append(folders(t), "jina-v3-lora") {
		config, file := openFiles(t, modelFolder(name))
		w := newWeights(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best()})
		want, err := w.open()
		require.NoError(t, err)
		open := func(change func(map[string]tensor.Tensor)) error {
			m, err := Open(t.Context(), Config{JSON: config, Weights: changed(t, file, change), Set: kernel.Best()})
			if err == nil {
				require.Equal(t, want.Bytes(), m.Bytes(), name)
			}
			return err
		}
		assert.NoError(t, open(func(all map[string]tensor.Tensor) {
			for _, module := range heads {
				if _, own := all[module+".weight"]; !own { // as that of voyage-4-nano is
					all[module+".weight"] = zeros(1)
				}
				all[w.entered+module+".dense.bias"] = zeros(1)
			}
			all["classifier.bias"], all["dense.weight"] = zeros(1), zeros(1)
		}), name)
		assert.NoError(t, open(func(all map[string]tensor.Tensor) {
			for name, x := range maps.Clone(all) {
				delete(all, name)
				all["module."+name] = x
			}
			all["module.score.weight"], all["classifier.weight"] = zeros(1), zeros(1)
		}), name)
		for _, module := range []string{"layers.0.classifier", "dense", "classifiers", "head"} {
			tensorName := w.entered + module + ".weight"
			err := open(func(all map[string]tensor.Tensor) { all[tensorName] = zeros(1) })
			assert.ErrorContains(t, err, "tensor "+tensorName+": not used by this model", name)
		}
	}
}

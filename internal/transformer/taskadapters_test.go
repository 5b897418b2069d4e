package transformer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// jinaV5 returns how a folder as jina-embeddings-v5 has it is opened.
func jinaV5(t testing.TB, name string, s *kernel.Set, tasks ...string) Config {
	dir := filepath.Join(adapters, name, "model")
	config, file := openFiles(t, dir)
	c := Config{JSON: config, Weights: file, Set: s}
	for _, task := range tasks {
		data, err := os.ReadFile(filepath.Join(dir, "adapters", task, "adapter_config.json"))
		require.NoError(t, err)
		weights, err := tensor.Open(filepath.Join(dir, "adapters", task, "adapter_model.safetensors"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, weights.Close()) })
		a, err := OpenAdapter(data, weights)
		require.NoError(t, err)
		c.Tasks = append(c.Tasks, TaskAdapter{task, a})
	}
	return c
}

var jinaV5Tasks = []string{"retrieval", "text-matching", "clustering"}

// Each task's adapter is what PEFT makes of it; the prompts of retrieval are names of its
// adapter too, which is that of batches without a task.
func TestTaskAdapters(t *testing.T) {
	for _, name := range []string{"jina-v5-nano", "jina-v5-small"} {
		for _, s := range kernel.Sets() {
			m, err := Open(t.Context(), jinaV5(t, name, s, jinaV5Tasks...))
			require.NoError(t, err)
			var names []string
			for _, task := range m.Tasks {
				names = append(names, task.Name)
			}
			require.Equal(t, append(jinaV5Tasks[:3:3], "query", "document"), names)
			for task, of := range []int{0, 0, 1, 2, 0, 0} {
				g := readGoldenFile(t, filepath.Join(adapters, name, "golden.safetensors"), fmt.Sprintf("last_hidden_state_%d", of))
				g.batch.Task = task
				t.Logf("%s %s: task %d: worst difference %.1e", name, s.Name(), task, near(t, forward(t, m, nil, g.batch), g, tolerance))
			}
		}
	}
}

// In formats of fewer bits the adapters stay beside the weights, and memory is counted.
func TestTaskAdaptersInFewerBits(t *testing.T) {
	for _, f := range []kernel.Format{kernel.BFloat16, kernel.Int8} {
		c := jinaV5(t, "jina-v5-small", kernel.Best(), jinaV5Tasks...)
		c.Format = f
		m, err := Open(t.Context(), c)
		require.NoError(t, err)
		g := readGoldenFile(t, filepath.Join(adapters, "jina-v5-small", "golden.safetensors"), "last_hidden_state_1")
		g.batch.Task = 2
		near(t, forward(t, m, nil, g.batch), g, 0.5) // of hidden states up to 3, whose tasks differ by more
		c.Set = nil
		counted, err := Open(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, m.Bytes(), counted.Bytes())
	}
}

func TestBadTaskAdapters(t *testing.T) {
	_, err := Open(t.Context(), jinaV5(t, "jina-v5-nano", nil, "retrieval"))
	require.ErrorContains(t, err, `config.json: task_names: found ["retrieval" "text-matching" "clustering"], expected an adapter for each and "retrieval" among them`)
	c := jinaV5(t, "jina-v5-nano", nil, jinaV5Tasks...)
	c.Tasks[1].Adapter.modules["layers.7.mlp.up_proj"] = c.Tasks[1].Adapter.modules["layers.1.mlp.up_proj"]
	delete(c.Tasks[1].Adapter.modules, "layers.1.mlp.up_proj")
	_, err = Open(t.Context(), c)
	require.ErrorContains(t, err, `adapter of "text-matching":`)
	require.ErrorContains(t, err, "layers.1.mlp.up_proj.lora_A.weight: fits no weight of the base model")
}

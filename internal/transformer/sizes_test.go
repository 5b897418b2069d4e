package transformer

import (
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/mutate"
	"github.com/rhumb-go/rhumb/tensor"
)

// Whatever number config.json has in place of one, a model is an error or runs, and
// takes no more memory than its tensors do.
func TestSizes(t *testing.T) {
	longOnly(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // packing tiny layers is mostly waiting for other workers
	values := []string{`2147483647`, `-1`, `9223372036854775807`, `2147483648`, `10000000`, `0`, `1e308`, `1e-308`, `65536`}
	names := append(folders(t), "jina-v3-lora")
	all := map[string]bool{} // the keys of numbers in any config.json
	for _, name := range names {
		config, _ := openFiles(t, modelFolder(name))
		_, places := numbers(t, config)
		for _, p := range places {
			if key := strings.TrimPrefix(p.Path, "."); p.Value != nil && !strings.ContainsAny(key, ".[") {
				all[key] = true
			}
		}
	}
	seen := map[string]bool{} // of a family one folder has all keys and pairs of them
	for _, name := range names {
		config, file := openFiles(t, modelFolder(name))
		var head struct {
			ModelType string          `json:"model_type"`
			AutoMap   json.RawMessage `json:"auto_map"`
		}
		require.NoError(t, json.Unmarshal(config, &head))
		family := head.ModelType + string(head.AutoMap)
		again := seen[family]
		if seen[family] = true; !again {
			config = withKeys(t, config, all)
		}
		doc, places := numbers(t, config)
		for _, p := range places {
			list := values
			if p.Value == nil {
				list = values[:3]
			}
			for _, value := range list {
				p.Set(value)
				opens(t, doc, file, name, p.Path, value)
			}
			p.Restore()
		}
		// Two that agree with each other, such as a width and its heads.
		for i, p := range places {
			for _, q := range places[:i] {
				if p.Value != nil && q.Value != nil && !again {
					p.Set("30000000")
					q.Set("30000000")
					opens(t, doc, file, name, p.Path, q.Path)
					p.Restore()
					q.Restore()
				}
			}
		}
	}
}

// opens opens the model of doc and file, and runs it where that is no error.
func opens(t *testing.T, doc *mutate.Document, file *tensor.File, what ...string) {
	const most = 64 << 20 // the tensors of all of these models are smaller
	config, err := doc.JSON()
	require.NoError(t, err)
	before := allocated()
	require.NotPanics(t, func() {
		m, err := Open(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best()})
		if err == nil {
			n := 4
			if m.MaxPositions > 0 {
				n = min(n, m.MaxPositions)
			}
			forward(t, m, nil, Batch{IDs: make([]int32, n), Starts: []int{0, n}, Task: len(m.Tasks)})
		}
	}, "%s", what)
	require.Less(t, allocated()-before, uint64(most), "%s", what)
}

// withKeys returns config with null for those keys that it lacks.
func withKeys(t *testing.T, config []byte, keys map[string]bool) []byte {
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(config, &object))
	for key := range keys {
		if _, ok := object[key]; !ok {
			object[key] = json.RawMessage("null")
		}
	}
	config, err := json.Marshal(object)
	require.NoError(t, err)
	return config
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// numbers returns the document and the places of its numbers, and of each null,
// which stands for a missing one.
func numbers(t *testing.T, data []byte) (*mutate.Document, []mutate.Place) {
	doc, err := mutate.Parse(data)
	require.NoError(t, err)
	return doc, slices.DeleteFunc(doc.Places(), func(p mutate.Place) bool {
		_, number := p.Value.(json.Number)
		return !number && p.Value != nil
	})
}

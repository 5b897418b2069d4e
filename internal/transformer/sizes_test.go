package transformer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// Whatever number config.json has in place of one, a model is an error or runs, and
// takes no more memory than its tensors do.
func TestSizes(t *testing.T) {
	const most = 64 << 20 // the tensors of all of these models are smaller
	values := []string{`2147483647`, `-1`, `9223372036854775807`, `2147483648`, `10000000`, `0`, `1e308`, `1e-308`, `65536`}
	names := append(folders(t), "jina-v3-lora")
	all := map[string]bool{} // the keys of numbers in any config.json
	for _, name := range names {
		config, _ := openFiles(t, modelFolder(name))
		numbers(t, config, func(path string, missing bool, _ func(string) []byte) {
			if key := strings.TrimPrefix(path, "."); !missing && !strings.ContainsAny(key, ".[") {
				all[key] = true
			}
		})
	}
	for _, name := range names {
		config, file := openFiles(t, modelFolder(name))
		config = withKeys(t, config, all)
		numbers(t, config, func(path string, missing bool, set func(value string) []byte) {
			list := values
			if missing {
				list = values[:3]
			}
			for _, value := range list {
				changed := set(value)
				before := allocated()
				require.NotPanics(t, func() {
					m, err := Open(changed, file, kernel.Best())
					if err == nil {
						n := 4
						if m.MaxPositions > 0 {
							n = min(n, m.MaxPositions)
						}
						forward(t, m, nil, Batch{IDs: make([]int32, n), Starts: []int{0, n}, Task: len(m.Tasks)})
					}
				}, "%s: %s: %s", name, path, value)
				require.Less(t, allocated()-before, uint64(most), "%s: %s: %s", name, path, value)
			}
		})
	}
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

// numbers calls f with the path of each number in a JSON value, and of each null,
// which stands for a missing one, and the function that returns all with another
// in its place.
func numbers(t testing.TB, data []byte, f func(path string, missing bool, set func(value string) []byte)) {
	var root any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&root))
	var walk func(path string, v any, put func(any))
	walk = func(path string, v any, put func(any)) {
		switch v := v.(type) {
		case json.Number, nil:
			f(path, v == nil, func(value string) []byte {
				put(json.RawMessage(value))
				changed, err := json.Marshal(root)
				require.NoError(t, err)
				put(v)
				return changed
			})
		case map[string]any:
			var keys []string
			for key := range v {
				keys = append(keys, key)
			}
			slices.Sort(keys)
			for _, key := range keys {
				walk(path+"."+key, v[key], func(x any) { v[key] = x })
			}
		case []any:
			for i := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), v[i], func(x any) { v[i] = x })
			}
		}
	}
	walk("", root, func(any) {})
}

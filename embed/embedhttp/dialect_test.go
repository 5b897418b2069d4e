package embedhttp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each path that is described takes the example of its description.
func TestExamples(t *testing.T) {
	h := servedAll(t, nil)
	for _, d := range dialects {
		for _, r := range d.routes {
			if r.example == "" || r.admin { // those that load models are tested with a set
				continue
			}
			path, model := strings.ReplaceAll(r.path, "{model}", "tiny"), "tiny"
			if strings.Contains(path, "rerank") {
				model = "cross"
			}
			var body map[string]any
			require.NoError(t, json.Unmarshal([]byte(r.example), &body))
			if body["model"] != nil {
				body["model"] = model
			}
			if path == "/decode" {
				body["ids"] = []int{2, 20, 3}
			}
			content, err := json.Marshal(body)
			require.NoError(t, err)
			w := send(h, "POST", path, string(content))
			assert.Equal(t, 200, w.Code, "%s %s: %s", path, content, w.Body)
		}
	}
}

// Any body is answered by each path, with JSON and no fault of the service.
func FuzzDialects(f *testing.F) {
	h := servedAll(f, func(c *Config) { c.MaxItems, c.MaxChars, c.MaxBody = 4, 100, 5000 })
	var paths []string
	for _, d := range dialects[1:] {
		for _, r := range d.routes {
			if r.methods[0] != "POST" {
				continue
			}
			path := strings.ReplaceAll(r.path, "{model}", "tiny")
			for _, body := range []string{r.example, `{"inputs":{"source_sentence":"a","sentences":["b"]},"parameters":{"truncate":true}}`, `{"query":"a","texts":["b","c"],"return_text":true}`,
				`{"inputs":[["a"],["b","c"]],"parameters":{"top_k":1}}`, `{"model":"tiny","input":["a",{"text":"b"}],"options":{"num_ctx":9},"keep_alive":-1.0}`, `{"ids":[[2,3],[5]],"inputs":["a","b"]}`,
				`{"model":"tiny","inputs":[{"content":[{"type":"text","text":"a"}]}],"embedding_types":["float","base64"]}`, `{"model":"tiny:latest","prompt":""}`, `{}`, `[`, `{"inputs":[]}`} {
				f.Add(uint8(len(paths)), []byte(body))
			}
			paths = append(paths, path)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, body []byte) {
		w := send(h, "POST", paths[int(i)%len(paths)], string(body))
		require.Contains(t, []int{200, 400, 404, 413, 422, 424}, w.Code, "%s", w.Body)
		require.True(t, json.Valid(w.Body.Bytes()), "%s", w.Body)
		if w.Code != 200 {
			var e struct{ Error, Message any }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e))
			require.True(t, e.Error != nil || e.Message != nil)
		}
	})
}

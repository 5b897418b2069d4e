package embedhttp

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// The sample requests of the vendors' pages, with what their pages say of the
// answer: the fields that it has to have.
func TestVendorSamples(t *testing.T) {
	const key = "YOUR_API_KEY"
	keys, err := NewKeys([]string{key})
	require.NoError(t, err)
	h, _ := served(t, func(c *Config) {
		c.Keys = keys
		c.Models[0].Aliases = []string{"mistral-embed", "mixedbread-ai/mxbai-embed-large-v1", "$MIXLAYER_EMBEDDING_MODEL"}
	})
	item, usage := []string{"object", "index", "embedding"}, []string{"prompt_tokens", "total_tokens"}
	for _, c := range []struct {
		name, body string
		texts      []string // of the input; nil = token ids
		vectors    int
		fields     []string
		usage      []string
	}{
		{"Mistral", `{"model": "mistral-embed", "input": ["Embed this sentence.", "As well as this one."]}`,
			[]string{"Embed this sentence.", "As well as this one."}, 2,
			[]string{"data", "model", "object", "id", "usage"}, append(usage, "completion_tokens", "prompt_audio_seconds")},
		{"Mixedbread 2026", `{"model": "mixedbread-ai/mxbai-embed-large-v1", "input": ["Who is German and likes bread?", "Everybody in Germany."],
			"normalized": true, "encoding_format": "float"}`,
			[]string{"Who is German and likes bread?", "Everybody in Germany."}, 2,
			[]string{"model", "normalized", "encoding_format", "object", "data", "usage", "dimensions"}, usage},
		{"Mixedbread, earlier", `{"model": "mixedbread-ai/mxbai-embed-large-v1", "input": "Who is German and likes bread?",
			"prompt": "", "normalized": true, "dimensions": 24, "encoding_format": ["float", "base64"], "truncation_strategy": "end"}`,
			nil, -1, nil, nil}, // a prompt has 1 character or more
		{"Mixedbread, earlier, several formats", `{"model": "mixedbread-ai/mxbai-embed-large-v1", "input": "Who is German and likes bread?",
			"normalized": true, "dimensions": 24, "encoding_format": ["float", "float16", "binary", "ubinary", "int8", "uint8", "base64"], "truncation_strategy": "start"}`,
			[]string{"Who is German and likes bread?"}, 1,
			[]string{"model", "object", "data", "usage", "normalized"}, usage},
		{"Mixlayer, minimal", `{"model": "$MIXLAYER_EMBEDDING_MODEL", "input": "The food was delicious and the service was fast."}`,
			[]string{"The food was delicious and the service was fast."}, 1, []string{"object", "data", "model", "usage"}, usage},
		{"Mixlayer, text", `{"model": "$MIXLAYER_EMBEDDING_MODEL", "input": "Embed this text"}`,
			[]string{"Embed this text"}, 1, []string{"object", "data", "model", "usage"}, usage},
		{"Mixlayer, texts", `{"model": "$MIXLAYER_EMBEDDING_MODEL", "input": ["First document", "Second document"]}`,
			[]string{"First document", "Second document"}, 2, []string{"object", "data", "model", "usage"}, usage},
		// Between the special tokens of the tiny model, which are 101 and 102 of the page's.
		{"Mixlayer, tokens", `{"model": "$MIXLAYER_EMBEDDING_MODEL", "input": [2, 75, 3]}`,
			nil, 1, []string{"object", "data", "model", "usage"}, usage},
		{"Mixlayer, lists of tokens", `{"model": "$MIXLAYER_EMBEDDING_MODEL", "input": [[2, 75, 3], [2, 20, 3]]}`,
			nil, 2, []string{"object", "data", "model", "usage"}, usage},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := send(h, "POST", "/v1/embeddings", c.body, "Authorization", "Bearer "+key)
			if c.vectors < 0 {
				requireError(t, w, 400, "invalid_request_error", "invalid_request", "prompt")
				return
			}
			require.Equal(t, 200, w.Code, w.Body)
			var answer map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
			for _, field := range c.fields {
				assert.Contains(t, answer, field)
			}
			assert.Equal(t, `"list"`, string(answer["object"]))
			var data []map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(answer["data"], &data))
			require.Len(t, data, c.vectors)
			var counts map[string]*int
			require.NoError(t, json.Unmarshal(answer["usage"], &counts))
			for _, field := range c.usage {
				assert.Contains(t, counts, field)
			}
			assert.Equal(t, *counts["prompt_tokens"], *counts["total_tokens"])
			for i, d := range data {
				for _, field := range item {
					assert.Contains(t, d, field)
				}
				vector := d["embedding"]
				if vector[0] == '{' {
					var dict map[string]json.RawMessage
					require.NoError(t, json.Unmarshal(vector, &dict))
					vector = dict["float"]
				}
				if c.texts != nil {
					assert.Equal(t, library(t, embed.Options{}, c.texts[i]).Embeddings[0].Float32, numbers[float32](t, vector))
				}
			}
		})
	}
}

// What Mixlayer's page says of base64 and of errors.
func TestMixlayerErrors(t *testing.T) {
	h, _ := served(t, nil)
	w := send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":""}`)
	requireError(t, w, 400, "invalid_request_error", "invalid_input", "input")
	w = send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":"a","dimensions":0}`)
	requireError(t, w, 400, "invalid_request_error", "invalid_dimensions", "dimensions")
	w = send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":[`+strings.Repeat("9,", 32)+`9]}`)
	requireError(t, w, 400, "invalid_request_error", "invalid_input", "input")
	w = send(h, "POST", "/v1/embeddings", `{"model":"talker","input":"a"}`)
	requireError(t, w, 400, "invalid_request_error", "model_kind_mismatch", "model")
	var s string
	require.NoError(t, json.Unmarshal(ask(t, h, `{"model":"tiny","input":"a","encoding_format":"base64"}`).Data[0].Embedding, &s))
	bytes, err := base64.StdEncoding.DecodeString(s)
	require.NoError(t, err)
	assert.Len(t, bytes, 4*24)
}

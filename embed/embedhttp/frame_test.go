package embedhttp

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

func TestTokenIDs(t *testing.T) {
	h, _ := served(t, nil)
	tokens, err := json.Marshal([][]int32{{2, 17, 25, 3}, {2, 9, 3}})
	require.NoError(t, err)
	want, err := tiny(t).EmbedIDs(t.Context(), [][]int32{{2, 17, 25, 3}, {2, 9, 3}}, embed.Options{})
	require.NoError(t, err)
	r := ask(t, h, `{"model":"tiny","input":`+string(tokens)+`}`)
	for i, d := range r.Data {
		assert.Equal(t, want.Embeddings[i].Float32, numbers[float32](t, d.Embedding))
	}
	assert.Equal(t, 7, r.Usage.PromptTokens)
	assert.Len(t, ask(t, h, `{"model":"tiny","input":[ 2,17 , 25, 3 ]}`).Data, 1)
	long := "2," + strings.Repeat("9,", 40) + "3"
	requireError(t, send(h, "POST", "/embeddings", `{"model":"tiny","input":[`+long+`]}`), 400, "invalid_request_error", "invalid_input", "input")
	for _, how := range []string{`"truncate":true`, `"truncation_strategy":"start"`, `"truncation_direction":"Right"`} {
		r := ask(t, h, `{"model":"tiny","input":[`+long+`],`+how+`}`)
		assert.Equal(t, 32, r.Usage.PromptTokens)
	}
	message := requireError(t, send(h, "POST", "/embeddings", `{"model":"tiny","input":[[2,3],[2,99999,3]]}`), 400, "invalid_request_error", "invalid_input", "input")
	assert.Contains(t, message, "input 1")
	assert.Contains(t, message, "99999")
	assert.Contains(t, message, "this model's tokenizer")
}

// Token ids have the special tokens of the model's tokenizer around them: those
// of another look the same without.
func TestFrame(t *testing.T) {
	h, _ := served(t, nil)
	for i, ids := range []string{`[2,17,25]`, `[17,25,3]`, `[17]`, `[3,17,2]`, `[2]`, `[[2,17,3],[17,3]]`, `[99999]`, `[[2,17,3],[1820,3691,574,18406]]`} {
		for _, field := range []string{"input", "inputs"} {
			for _, rest := range []string{"", `,"add_special_tokens":false`, `,"truncate":true`} {
				w := send(h, "POST", "/v1/embeddings", `{"model":"tiny","`+field+`":`+ids+rest+`}`)
				message := requireError(t, w, 400, "invalid_request_error", "invalid_input", field)
				for _, word := range []string{fmt.Sprintf("input %d", strings.Count(ids, "],")), "[2] before", "[3] after", "check_embedding_ctx_length=False", "add_special_tokens"} {
					assert.Contains(t, message, word, "%d: %s", i, ids)
				}
			}
		}
	}
	message := requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":[17,99999]}`), 400, "invalid_request_error", "invalid_input", "input")
	assert.Contains(t, message, "input 0: token id 99999, ")
	long := strings.Repeat("9,", 40) + "5"
	for _, c := range []struct{ framed, bare string }{
		{`[[2,17,25,3],[2,9,3]]`, `[[17,25],[9]],"add_special_tokens":true`},
		{`[2,17,25,3],"add_special_tokens":false`, `[17,25],"add_special_tokens":true`},
		{`[2,` + long + `,3],"truncate":true`, `[` + long + `],"truncate":true,"add_special_tokens":true`},
		{`[2,` + long + `,3],"truncation_strategy":"start"`, `[` + long + `],"truncation_strategy":"start","add_special_tokens":true`},
		{`"summer"`, `"summer","add_special_tokens":true`},
	} {
		want := ask(t, h, `{"model":"tiny","input":`+c.framed+`}`)
		got := ask(t, h, `{"model":"tiny","input":`+c.bare+`}`)
		assert.Equal(t, want.Data, got.Data, c.bare)
		assert.Equal(t, want.Usage.PromptTokens, got.Usage.PromptTokens)
	}
	message = requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":[`+long+`],"add_special_tokens":true}`), 400, "invalid_request_error", "invalid_input", "input")
	assert.Contains(t, message, "43 tokens")
	requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":"a","add_special_tokens":false}`), 400, "invalid_request_error", "invalid_request", "add_special_tokens")
	requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":"a","add_special_tokens":1}`), 400, "invalid_request_error", "invalid_request", "add_special_tokens")

	// A table's tokenizer puts nothing around a text.
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS("../../testdata/goldens/modules/static")))
	content, err := os.ReadFile(tinyFolder + "/tokenizer.json")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(folder+"/tokenizer.json", content, 0o666))
	m, err := embed.Load(t.Context(), folder, embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	q := embed.NewQueue(m, embed.QueueConfig{})
	defer q.Close(context.Background())
	bare, _ := served(t, func(c *Config) { c.Models = []Model{{Name: "table", Queue: q, Info: m.Info()}} })
	for _, rest := range []string{"", `,"add_special_tokens":true`, `,"add_special_tokens":false`} {
		assert.Len(t, ask(t, bare, `{"model":"table","input":[[17,25],[9]]`+rest+`}`).Data, 2)
		ask(t, bare, `{"model":"table","input":"summer"`+rest+`}`)
	}
}

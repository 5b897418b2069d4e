package embedhttp

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a client sends is repeated in part, without what terminals obey.
func TestEchoes(t *testing.T) {
	var log strings.Builder
	h, _ := served(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Hosts = []string{}
	})
	ask := func(method, path, body string, headers ...string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
				r.Host = headers[i+1]
			}
		}
		log.Reset()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.GreaterOrEqual(t, w.Code, 400)
		var e envelope
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e))
		for _, echo := range []string{w.Body.String(), log.String()} {
			assert.Less(t, len(echo), 2000, "%s %.30s %.30s", method, path, body)
			assert.NotContains(t, echo, "\x1b")
		}
		assert.NotContains(t, e.Error.Message, "\x1b")
	}
	long := `\u001b[31m` + strings.Repeat("é", 30000)
	raw := "\x1b[31m" + strings.Repeat("x", 30000)
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if field == "user" || field == "metadata" || field == "model" {
			continue
		}
		for _, value := range []string{`"` + long + `"`, `["` + long + `"]`, `{"` + long + `":1}`, `[` + strings.Repeat("9", 30000) + `]`, strings.Repeat("9", 30000)} {
			if field == "input" || field == "inputs" {
				value = "[" + value + `,7]`
			}
			if field == "prompt" {
				value = strings.Replace(value, `"`+long, `"`+long+long, 1)
			}
			ask("POST", "/v1/embeddings", `{"model":"tiny","input":"a","`+field+`":`+value+`}`)
			ask("POST", "/v1/embeddings", `{"model":"tiny","`+field+`":`+value+`,"input":"a"}`)
		}
	}
	ask("POST", "/v1/embeddings", `{"model":"`+long[:900]+`","input":"a"}`)
	ask("POST", "/v1/embeddings", `{"model":"`+long+`","input":"a"}`)
	ask("POST", "/v1/embeddings", `{"model":"tiny","input":"a","`+long+`":1}`)
	ask("POST", "/v1/embeddings", `{"model":"tiny","input":"a","prompt":"a","prompt_name":"`+long+`"}`)
	ask("POST", "/v1/embeddings", `{"model":"tiny","input":[2,3],"prompt_name":"`+long+`"}`)
	ask("POST", "/v1/embeddings", `"`+long+`"`)
	ask("POST", "/v1/embeddings", raw)
	ask("POST", "/"+url.PathEscape(raw), `{}`)
	ask("GET", "/v1/models/"+url.PathEscape(raw), "")
	ask(strings.Repeat("X", 30000), "/v1/models", "")
	ask("POST", "/v1/embeddings", `{}`, "Content-Type", raw)
	ask("POST", "/v1/embeddings", `{}`, "Content-Encoding", raw)
	ask("POST", "/v1/embeddings", `{}`, "X-Request-Id", raw)
	ask("GET", "/health", "", "Host", raw)
}

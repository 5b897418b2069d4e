package embedhttp

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bodies are good ones and bad ones.
var bodies = []string{
	`{"model":"tiny","input":"a"}`, `{"model":"tiny","input":["a","\u00e9\ud83d\ude00\\"],"dimensions":3}`,
	`{"model":"tiny","input":[2,17,3],"truncate":true}`, ` { "model" : "tiny" , "inputs" : [ [ 2 , 3 ] , [ 2 , 5 , 3 ] ] } `, `{"model":"tiny","input":[[2],[5,3]]}`, `{"model":"tiny","input":[[5],[6]],"add_special_tokens":true}`,
	`{"model":"tiny","input":"a","encoding_format":["float","base64","int8"]}`, `{"model":"tiny","input":"a","output_dtype":"binary"}`,
	`{"model":"tiny","input":"a","metadata":{"a":[1,{"b":"}]"}],"c":"\""}}`, `{"model":"tiny","input":"a\ud800b","prompt":"c"}`,
	`{`, `[]`, `null`, `{"":null}`, `{"model":"tiny","input":{"input":"a"}}`, `{"model":"tiny","input":[[[3]]]}`, `{"model":"tiny","input":[1e3]}`,
	"\ufeff" + `{"model":"tiny","input":"a","truncate":"START","dimensions":3.0,"nope":1}`,
	`{"input":["a"],"dimensions":3}`, `{"model":null,"input":"a"}`, `{"model":"","input":"a"}`,
	`{"model":"tiny","input":["a",{"text":"b"}],"task":"retrieval.query","late_chunking":true,"embedding_type":"base64"}`, `{"model":"tiny","input":[2,3],"truncate_prompt_tokens":-1}`,
	`{"model":"tiny","input":"a","normalized":false,"normalize":false,"truncation_direction":"Left","input_type":"passage"}`,
}

// Any body is answered with embeddings or with an error for the client, and what
// is read of it is what encoding/json reads.
func FuzzBody(f *testing.F) {
	h, _ := served(f, func(c *Config) { c.MaxItems, c.MaxChars = 4, 100 })
	for _, seed := range bodies {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := send(h, "POST", "/v1/embeddings", string(body))
		body = bytes.TrimPrefix(body, []byte("\ufeff"))
		var request map[string]any
		valid := json.Unmarshal(body, &request) == nil
		switch w.Code {
		case 200:
			require.True(t, valid)
			r := decode[response](t, w.Body)
			if request["model"] == nil { // the one that is served
				request["model"] = "tiny"
			}
			require.Equal(t, request["model"], r.Model)
			input := request["input"]
			if input == nil {
				input = request["inputs"]
			}
			switch input := input.(type) {
			case string:
				require.Len(t, r.Data, 1)
			case []any:
				if _, ids := input[0].(float64); ids {
					require.Len(t, r.Data, 1)
				} else {
					require.Len(t, r.Data, len(input))
				}
			}
			c := new(call)
			require.NoError(t, readFields(h, c, fields, body))
			require.NoError(t, c.find(h, embedding))
			require.NoError(t, c.complete(h, &openAI))
			if text, ok := input.(string); ok {
				require.Equal(t, text, c.inputs.texts[0])
			}
			for i, text := range c.inputs.texts[:min(1, len(c.inputs.texts))] {
				list, _ := input.([]any)
				if first, ok := slices.Concat(list, []any{nil})[i].(string); ok && !c.late {
					require.Equal(t, first, text)
				}
			}
		case 400, 404:
			e := decode[envelope](t, w.Body).Error
			assert.NotEmpty(t, e.Message)
			assert.Equal(t, invalidRequest, e.Type)
			if e.Code == "invalid_json" {
				require.True(t, !valid || request == nil || !utf8.Valid(body), "%s", e.Message)
			} else {
				require.True(t, json.Valid(body), "%s", e.Message)
			}
		default:
			t.Fatal(w.Code, w.Body)
		}
	})
}

// FuzzHeaders sends requests of any method, path and headers: none is a fault of the service,
// and what is known only to those with a key stays so.
func FuzzHeaders(f *testing.F) {
	keys, err := NewKeys([]string{strings.Repeat("k", 32)})
	require.NoError(f, err)
	h := servedAll(f, func(c *Config) {
		c.MaxItems, c.MaxChars, c.MaxBody = 4, 100, 5000
		c.Keys = keys
	})
	for _, method := range []string{"GET", "POST", "OPTIONS", "HEAD", "DELETE"} {
		for _, path := range []string{"/v1/embeddings", "/v1/models/tiny", "/api/tags", "/ready", "/../v1//embeddings?a=%zz"} {
			f.Add(method, path, "Authorization", "Bearer "+strings.Repeat("k", 32), "Content-Encoding", "gzip", []byte(bodies[0]))
			f.Add(method, path, "X-Request-Id", "a\tb", "Accept-Encoding", "zstd;q=0, gzip;q=2", []byte(bodies[1]))
			f.Add(method, path, "Origin", "http://a", "Content-Type", "application/json; charset=\"", []byte("{"))
			f.Add(method, path, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "api-key", strings.Repeat("k", 32), []byte{})
		}
	}
	f.Fuzz(func(t *testing.T, method, path, name, value, other, content string, body []byte) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Method, r.URL = method, u
		r.Header.Set(name, value)
		r.Header.Set(other, content)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.True(t, w.Code >= 200 && w.Code < 500, "%s %s: %d %s", method, path, w.Code, w.Body)
		if !strings.Contains(value+content, strings.Repeat("k", 32)) && strings.HasPrefix(u.Path, "/v1/embeddings") {
			require.NotEqual(t, 200, w.Code)
		}
	})
}

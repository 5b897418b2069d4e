package embedhttp

import (
	"bytes"
	"encoding/json"
	"slices"
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

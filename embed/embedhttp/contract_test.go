package embedhttp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
)

// Requests that say the same are given the same vectors, which are the library's.
func TestFields(t *testing.T) {
	h, _ := served(t, func(c *Config) { c.Default = "tiny" })
	long := strings.Repeat("a long way ", 30)
	for _, c := range []struct {
		opts embed.Options
		text string
		same []string // of the request, after the input
	}{
		{embed.Options{}, "summer", []string{
			``, `,"model":null`, `,"dimensions":null,"output_dimension":null`, `,"prompt":null,"prompt_name":null,"input_type":null`,
			`,"encoding_format":null,"output_dtype":null`, `,"normalize":null,"truncate":null,"inputs":null`,
			`,"user":"someone"`, `,"user":7,"metadata":{"a":[{}]}`, `,"unknown":null`, `,"\u0075ser":"x"`,
			`,"inputs":"summer"`, `,"normalized":true,"normalize":true`, `,"model":"tiny"`, `,"dimensions":24`,
		}},
		{embed.Options{Dimensions: 7}, "summer", []string{`,"dimensions":7`, `,"output_dimension":7`, `,"dimensions":7,"output_dimension":7`, `,"dimensions":7.0`, `,"dimensions":0.7e1,"output_dimension":7`}},
		{embed.Options{Unnormalized: true}, "summer", []string{`,"normalized":false`, `,"normalize":false`}},
		{embed.Options{Prompt: "as it is: "}, "summer", []string{`,"prompt":"as it is: "`}},
		{embed.Options{PromptName: "query"}, "summer", []string{
			`,"prompt_name":"query"`, `,"input_type":"query"`, `,"input_type":"search_query"`, `,"prompt_name":"query","input_type":"search_query"`,
		}},
		{embed.Options{PromptName: "document"}, "summer", []string{
			`,"prompt_name":"document"`, `,"input_type":"document"`, `,"input_type":"search_document"`, `,"input_type":"passage"`,
		}},
		{embed.Options{Truncate: embed.TruncateEnd}, long, []string{
			``, `,"truncation_strategy":"end"`, `,"truncate":true`, `,"truncate":"END"`, `,"truncate":"END","truncation_direction":"Right"`, `,"truncation_direction":"Right"`,
			`,"truncate":true,"truncation_direction":"Right","truncation_strategy":"end"`,
		}},
		{embed.Options{Truncate: embed.TruncateStart}, long, []string{
			`,"truncation_strategy":"start"`, `,"truncate":"START"`, `,"truncation_direction":"Left"`, `,"truncate":true,"truncation_direction":"Left"`,
		}},
	} {
		want := library(t, c.opts, c.text).Embeddings[0]
		for _, fields := range c.same {
			r := ask(t, h, fmt.Sprintf(`{"input":%q%s}`, c.text, fields))
			assert.Equal(t, want.Float32, numbers[float32](t, r.Data[0].Embedding), fields)
			assert.Equal(t, want.Tokens, r.Usage.PromptTokens, fields)
			assert.Equal(t, !c.opts.Unnormalized, r.Normalized)
			assert.Equal(t, len(want.Float32), r.Dimensions)
		}
	}
	// A list of one has the same vector.
	assert.Equal(t, ask(t, h, `{"input":"summer"}`).Data, ask(t, h, `{"input":["summer"]}`).Data)
	// Texts with escapes, and with half a surrogate pair.
	for text, want := range map[string]string{`"\u0073ummer\n\ud83d\ude00"`: "summer\n😀", `"a\ud83d"`: "a\ufffd", `" "`: " "} {
		r := ask(t, h, `{"input":`+text+`}`)
		assert.Equal(t, library(t, embed.Options{}, want).Embeddings[0].Float32, numbers[float32](t, r.Data[0].Embedding))
	}
}

func TestEncodings(t *testing.T) {
	h, _ := served(t, nil)
	all := []encoding.Format{encoding.Float, encoding.Float16, encoding.Int8, encoding.Uint8, encoding.Binary, encoding.Ubinary, encoding.Base64}
	want := library(t, embed.Options{Formats: all}, "summer").Embeddings[0].Vector
	for _, f := range all {
		for _, written := range []string{`"` + f.String() + `"`, `["` + f.String() + `"]`} {
			r := ask(t, h, `{"model":"tiny","input":"summer","encoding_format":`+written+`}`)
			assert.Equal(t, "embedding", r.Data[0].Object)
			assert.Equal(t, string(want.AppendJSON(nil, []encoding.Format{f})), string(r.Data[0].Embedding))
			echo, err := json.Marshal(r.EncodingFormat)
			require.NoError(t, err)
			assert.Equal(t, written, string(echo))
			assert.Equal(t, 24, r.Dimensions)
		}
	}
	names, err := json.Marshal([]string{"base64", "int8", "float", "ubinary", "float16", "binary", "uint8"})
	require.NoError(t, err)
	r := ask(t, h, `{"model":"tiny","input":["summer"],"encoding_format":`+string(names)+`}`)
	assert.Equal(t, "embedding_dict", r.Data[0].Object)
	var dict map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(r.Data[0].Embedding, &dict))
	assert.Len(t, dict, len(all))
	for _, f := range all {
		assert.Equal(t, string(want.AppendJSON(nil, []encoding.Format{f})), string(dict[f.String()]))
	}
	echo, err := json.Marshal(r.EncodingFormat)
	require.NoError(t, err)
	assert.Equal(t, string(names), string(echo))
}

func TestOutputDType(t *testing.T) {
	h, _ := served(t, nil)
	want := library(t, embed.Options{Formats: []encoding.Format{encoding.Float, encoding.Int8, encoding.Uint8, encoding.Binary, encoding.Ubinary}}, "summer").Embeddings[0].Vector
	for name, c := range map[string]struct{ numbers, base64 []byte }{
		"float":   {encoding.AppendJSON(nil, want.Float32), encoding.AppendBase64(nil, want.Float32)},
		"int8":    {encoding.AppendJSON(nil, want.Int8), encoding.AppendBase64(nil, want.Int8)},
		"uint8":   {encoding.AppendJSON(nil, want.Uint8), encoding.AppendBase64(nil, want.Uint8)},
		"binary":  {encoding.AppendJSON(nil, want.Binary), encoding.AppendBase64(nil, want.Binary)},
		"ubinary": {encoding.AppendJSON(nil, want.Ubinary), encoding.AppendBase64(nil, want.Ubinary)},
	} {
		for format, vector := range map[string]string{
			``: string(c.numbers), `,"encoding_format":"float"`: string(c.numbers),
			`,"encoding_format":"base64"`: `"` + string(c.base64) + `"`, `,"encoding_format":["base64"]`: `"` + string(c.base64) + `"`,
		} {
			r := ask(t, h, `{"model":"tiny","input":"summer","output_dtype":"`+name+`"`+format+`}`)
			assert.Equal(t, vector, string(r.Data[0].Embedding), "%s %s", name, format)
		}
	}
}

// Every error of the contract's table, and what leads to it.
func TestErrors(t *testing.T) {
	keys, err := NewKeys([]string{"sesame", "other"})
	require.NoError(t, err)
	h, _ := served(t, func(c *Config) { c.MaxItems, c.MaxChars, c.MaxBody = 3, 50, 2000 })
	const invalid = "invalid_request_error"
	for _, c := range []struct{ body, code, param, message string }{
		{``, "invalid_json", "", "byte 0"},
		{`{`, "invalid_json", "", "byte 1"},
		{`{"model":"tiny","input":"a"}}`, "invalid_json", "", ""},
		{`{"model":"tiny","input":"a",}`, "invalid_json", "", ""},
		{`{'model':'tiny'}`, "invalid_json", "", ""},
		{"{\"model\":\"tiny\",\"input\":\"\xff\"}", "invalid_json", "", "UTF-8"},
		{"\xef\xbb\xbf", "invalid_json", "", ""},
		{"\xef\xbb\xbf\xef\xbb\xbf{}", "invalid_json", "", ""},
		{`[]`, "invalid_json", "", "object"},
		{`null`, "invalid_json", "", "object"},
		{" \n\"{}\"", "invalid_json", "", "object"},
		{strings.Repeat("[", 1500), "invalid_json", "", ""},
		{`{}`, "invalid_input", "input", "missing"},
		{`{"model":"","input":"a"}`, "invalid_request", "model", "expected 1 to 500"},
		{`{"model":"` + strings.Repeat("é", 501) + `","input":"a"}`, "invalid_request", "model", "501 characters"},
		{`{"model":7,"input":"a"}`, "invalid_request", "model", "found 7"},
		{`{"model":"talker","input":"a"}`, "model_kind_mismatch", "model", "talker"},
		{`{"model":"tiny"}`, "invalid_input", "input", "missing"},
		{`{"model":"tiny","input":null}`, "invalid_input", "input", "missing"},
		{`{"model":"tiny","input":""}`, "invalid_input", "input", "input 0: empty"},
		{`{"model":"tiny","inputs":""}`, "invalid_input", "inputs", "input 0: empty"},
		{`{"model":"tiny","input":[]}`, "invalid_input", "input", "empty list"},
		{`{"model":"tiny","input":["a",""]}`, "invalid_input", "input", "input 1: empty"},
		{`{"model":"tiny","input":[[]]}`, "invalid_input", "input", "input 0: empty"},
		{`{"model":"tiny","input":[[3,4],[]]}`, "invalid_input", "input", "input 1: empty"},
		{`{"model":"tiny","input":7}`, "invalid_input", "input", "found 7"},
		{`{"model":"tiny","inputs":[]}`, "invalid_input", "inputs", "inputs: an empty list"},
		{`{"model":"tiny","input":[[1.5]]}`, "invalid_input", "input", "input 0: token 0: found 1.5"},
		{`{"model":"tiny","input":true}`, "invalid_input", "input", "found true"},
		{`{"model":"tiny","input":{"text":"a"}}`, "invalid_input", "input", "found {"},
		{`{"model":"tiny","input":[null]}`, "invalid_input", "input", "found null"},
		{`{"model":"tiny","input":["a",null]}`, "invalid_input", "input", "input 1: found null"},
		{`{"model":"tiny","input":["a",7]}`, "invalid_input", "input", "input 1: found 7"},
		{`{"model":"tiny","input":[7,"a"]}`, "invalid_input", "input", `token 1: found "a"`},
		{`{"model":"tiny","input":[[7],8]}`, "invalid_input", "input", "input 1: found 8"},
		{`{"model":"tiny","input":[[7],"a"]}`, "invalid_input", "input", `input 1: found "a"`},
		{`{"model":"tiny","input":[3,1.0]}`, "invalid_input", "input", "token 1: found 1.0"},
		{`{"model":"tiny","input":[3,1e1]}`, "invalid_input", "input", "token 1: found 1e1"},
		{`{"model":"tiny","input":[3,null]}`, "invalid_input", "input", "token 1: found null"},
		{`{"model":"tiny","input":[-1]}`, "invalid_input", "input", "-1"},
		{`{"model":"tiny","input":[4294967299]}`, "invalid_input", "input", "4294967299"},
		{`{"model":"tiny","input":[99999999999999999999999]}`, "invalid_input", "input", "99999"},
		{`{"model":"tiny","input":["a","b","c","d"]}`, "invalid_input", "input", "more than 3"},
		{`{"model":"tiny","input":[[3],[3],[3],[3]]}`, "invalid_input", "input", "more than 3"},
		{`{"model":"tiny","input":["a","` + strings.Repeat("é", 51) + `"]}`, "invalid_input", "input", "input 1: 51 characters"},
		{`{"model":"tiny","input":"` + strings.Repeat("go ", 16) + `go","truncation_strategy":"none","prompt":"` + strings.Repeat("go ", 6) + `"}`, "invalid_input", "input", "model reads 32"},
		{`{"model":"tiny","input":"` + strings.Repeat("go ", 16) + `go","truncate":false,"prompt":"` + strings.Repeat("go ", 6) + `"}`, "invalid_input", "input", "input 0"},
		{`{"model":"tiny","input":"` + strings.Repeat("go ", 16) + `go","truncate":"NONE","prompt":"` + strings.Repeat("go ", 6) + `"}`, "invalid_input", "input", "model reads 32"},
		{`{"model":"tiny","input":"a","dimensions":0}`, "invalid_dimensions", "dimensions", "found 0"},
		{`{"model":"tiny","input":"a","dimensions":-1}`, "invalid_dimensions", "dimensions", ""},
		{`{"model":"tiny","input":"a","dimensions":25}`, "invalid_dimensions", "dimensions", "1 to 24"},
		{`{"model":"tiny","input":"a","output_dimension":25}`, "invalid_dimensions", "output_dimension", "1 to 24"},
		{`{"model":"tiny","input":"a","dimensions":8.5}`, "invalid_dimensions", "dimensions", "found 8.5"},
		{`{"model":"tiny","input":"a","dimensions":"8"}`, "invalid_dimensions", "dimensions", ""},
		{`{"model":"tiny","input":"a","dimensions":1e-1}`, "invalid_dimensions", "dimensions", ""},
		{`{"model":"tiny","input":"a","dimensions":1e999}`, "invalid_dimensions", "dimensions", ""},
		{`{"model":"tiny","input":"a","dimensions":99999999999999999999}`, "invalid_dimensions", "dimensions", ""},
		{`{"model":"tiny","input":"a","encoding_format":"hex"}`, "invalid_encoding_format", "encoding_format", "float16"},
		{`{"model":"tiny","input":"a","encoding_format":"Float"}`, "invalid_encoding_format", "encoding_format", ""},
		{`{"model":"tiny","input":"a","encoding_format":7}`, "invalid_encoding_format", "encoding_format", ""},
		{`{"model":"tiny","input":"a","encoding_format":[]}`, "invalid_encoding_format", "encoding_format", "empty"},
		{`{"model":"tiny","input":"a","encoding_format":["float",null]}`, "invalid_encoding_format", "encoding_format", "null"},
		{`{"model":"tiny","input":"a","encoding_format":["float","int8","float"]}`, "invalid_encoding_format", "encoding_format", "twice"},
		{`{"model":"tiny","input":"a","output_dtype":"base64"}`, "invalid_encoding_format", "output_dtype", ""},
		{`{"model":"tiny","input":"a","output_dtype":"float16"}`, "invalid_encoding_format", "output_dtype", ""},
		{`{"model":"tiny","input":"a","output_dtype":["int8"]}`, "invalid_encoding_format", "output_dtype", ""},
		{`{"model":"tiny","input":"a","output_dtype":"int8","encoding_format":"uint8"}`, "invalid_request", "output_dtype", "contradicts"},
		{`{"model":"tiny","input":"a","output_dtype":"int8","encoding_format":["float","base64"]}`, "invalid_request", "output_dtype", "contradicts"},
		{`{"model":"tiny","input":"a","normalized":"true"}`, "invalid_request", "normalized", "true or false"},
		{`{"model":"tiny","input":"a","normalize":1}`, "invalid_request", "normalize", ""},
		{`{"model":"tiny","input":"a","prompt":""}`, "invalid_request", "prompt", "0 characters"},
		{`{"model":"tiny","input":"a","prompt":["a"]}`, "invalid_request", "prompt", ""},
		{`{"model":"tiny","input":"a","prompt":"a","prompt_name":"query"}`, "invalid_request", "prompt", "query"},
		{`{"model":"tiny","input":"a","prompt":"a","input_type":"query"}`, "invalid_request", "prompt", "query"},
		{`{"model":"tiny","input":[2,3],"prompt":"a"}`, "invalid_request", "prompt", "token ids"},
		{`{"model":"tiny","input":[2,3],"input_type":"query"}`, "invalid_request", "input_type", "token ids"},
		{`{"model":"tiny","input":"a","prompt_name":"nope"}`, "invalid_request", "prompt_name", "query"},
		{`{"model":"tiny","input":"a","prompt_name":""}`, "invalid_request", "prompt_name", ""},
		{`{"model":"tiny","input":"a","input_type":"classification"}`, "invalid_request", "input_type", "search_query"},
		{`{"model":"tiny","input":"a","truncation_strategy":"middle"}`, "invalid_request", "truncation_strategy", "start, end, none"},
		{`{"model":"tiny","input":"a","truncation_direction":"LEFT"}`, "invalid_request", "truncation_direction", "Left, Right"},
		{`{"model":"tiny","input":"a","truncate":"MIDDLE"}`, "invalid_request", "truncate", "true, false, START, END, NONE"},
		{`{"model":"tiny","input":"a","truncate":"end"}`, "invalid_request", "truncate", "START, END, NONE"},
		{`{"model":"tiny","input":"a","truncate":1}`, "invalid_request", "truncate", "true or false"},
		{`{"model":"tiny","input":"a","truncate":"END","truncation_strategy":"start"}`, "invalid_request", "truncation_strategy", "contradicts truncate"},
		{`{"model":"tiny","input":"a","truncate":"END","truncation_direction":"Left"}`, "invalid_request", "truncation_direction", "contradicts truncate"},
		// Two fields of one meaning that disagree.
		{`{"model":"tiny","input":"a","inputs":"b"}`, "invalid_request", "inputs", "contradicts input"},
		{`{"model":"tiny","input":[3],"inputs":[[4]]}`, "invalid_request", "inputs", "contradicts input"},
		{`{"model":"tiny","input":"a","dimensions":8,"output_dimension":9}`, "invalid_request", "output_dimension", "contradicts dimensions"},
		{`{"model":"tiny","input":"a","normalize":false,"normalized":true}`, "invalid_request", "normalized", "contradicts normalize"},
		{`{"model":"tiny","input":"a","prompt_name":"query","input_type":"passage"}`, "invalid_request", "input_type", "contradicts prompt_name"},
		{`{"model":"tiny","input":"a","truncate":false,"truncation_strategy":"end"}`, "invalid_request", "truncate", "contradicts truncation_strategy"},
		{`{"model":"tiny","input":"a","truncate":true,"truncation_strategy":"none"}`, "invalid_request", "truncate", "contradicts truncation_strategy"},
		{`{"model":"tiny","input":"a","truncate":false,"truncation_direction":"Left"}`, "invalid_request", "truncate", "contradicts truncation_direction"},
		{`{"model":"tiny","input":"a","truncation_strategy":"start","truncation_direction":"Right"}`, "invalid_request", "truncation_direction", "contradicts truncation_strategy"},
		{`{"model":"tiny","input":"a","model":"tiny"}`, "invalid_request", "model", "twice"},
		{`{"model":"tiny","input":"a","user":"a","\u0075ser":"a"}`, "invalid_request", "user", "twice"},
		{`{"model":"tiny","input":"a","dimension":8}`, "unknown_parameter", "dimension", "unknown"},
		{`{"model":"tiny","Input":"a"}`, "unknown_parameter", "Input", "unknown"},
		{`{"model":"tiny","input":"a","metadata":{"user_api_key_user_id":"x","headers":{}},"proxy_server_request":{"url":"x"}}`, "unknown_parameter", "proxy_server_request", "--ignore-unknown"},
	} {
		message := requireError(t, send(h, "POST", "/v1/embeddings", c.body), 400, invalid, c.code, c.param)
		assert.Contains(t, message, c.message, c.body)
	}
	requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"nope","input":"a"}`), 404, invalid, "model_not_found", "model")
	requireError(t, send(h, "POST", "/v1/nope", `{}`), 404, invalid, "not_found", "")
	requireError(t, send(h, "GET", "/v1/", ""), 404, invalid, "not_found", "")
	for path, allow := range map[string]string{"/v1/embeddings": "POST", "/v1/models": "GET, HEAD", "/health": "GET, HEAD", "/openapi.json": "GET, HEAD"} {
		w := send(h, "DELETE", path, "")
		requireError(t, w, 405, invalid, "method_not_allowed", "")
		assert.Equal(t, allow, w.Header().Get("Allow"))
	}
	large := `{"model":"tiny","input":"` + strings.Repeat(" ", 2000) + `"}`
	requireError(t, send(h, "POST", "/v1/embeddings", large), 413, invalid, "request_too_large", "")
	for _, kind := range []string{"multipart/form-data; boundary=x", "nonsense;;", "application/xml"} {
		requireError(t, send(h, "POST", "/v1/embeddings", `{}`, "Content-Type", kind), 415, invalid, "unsupported_media_type", "")
	}
	// What curl sends by itself is taken of programs. A browser asks nobody before it sends that.
	for _, kind := range []string{"text/plain", "Text/Plain; charset=utf-8", "application/x-www-form-urlencoded", ""} {
		body := `{"model":"tiny","input":"a"}`
		assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", body, "Content-Type", kind).Code, kind)
		requireError(t, send(h, "POST", "/v1/embeddings", body, "Content-Type", kind, "Origin", "https://example.com"), 415, invalid, "unsupported_media_type", "")
	}
	assert.Equal(t, 200, send(h, "POST", "//v1///embeddings", `{"model":"tiny","input":"a"}`).Code, "of a base URL with a slash at its end")
	requireError(t, send(h, "POST", "/v1/embeddings", `{}`, "Content-Encoding", "gzip"), 415, invalid, "unsupported_media_type", "")
	assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":"a"}`, "Content-Type", "Application/JSON; charset=utf-8").Code)
	for _, coding := range []string{"identity", "Identity", " IDENTITY ", ""} {
		assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":"a"}`, "Content-Encoding", coding).Code, coding)
	}
	assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", "\ufeff \n"+`{"model":"tiny","input":"a"}`).Code, "after a byte order mark")

	m := tiny(t)
	narrow := embed.NewQueue(m, embed.QueueConfig{MaxTexts: 1})
	defer narrow.Close(context.Background())
	full, _ := served(t, func(c *Config) { c.Models = []Model{{Name: "tiny", Queue: narrow, Info: m.Info()}} })
	w := send(full, "POST", "/v1/embeddings", `{"model":"tiny","input":["a","b"]}`)
	requireError(t, w, 429, "rate_limit_error", "queue_full", "")
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	assert.Equal(t, 200, send(full, "POST", "/v1/embeddings", `{"model":"tiny","input":["a"]}`).Code)

	locked, _ := served(t, func(c *Config) { c.Keys = keys })
	for _, path := range []string{"/v1/embeddings", "/embeddings"} {
		for _, header := range []string{"", "Bearer", "Bearer ", "Bearer nope", "Bearer sesame2", "Bearer sesam", "Basic sesame", "sesame"} {
			w := send(locked, "POST", path, `{"model":"tiny","input":"a"}`, "Authorization", header)
			requireError(t, w, 401, "authentication_error", "invalid_api_key", "")
			assert.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
		}
		for _, header := range []string{"Bearer sesame", "bearer other"} {
			assert.Equal(t, 200, send(locked, "POST", path, `{"model":"tiny","input":"a"}`, "Authorization", header).Code)
		}
	}
	assert.Equal(t, 401, send(locked, "GET", "/v1/models", "").Code)
	assert.Equal(t, 401, send(locked, "GET", "/v1/models/tiny", "").Code)
	for _, path := range []string{"/health", "/openapi.json", "/"} {
		assert.Equal(t, 200, send(locked, "GET", path, "").Code, path)
	}
	require.NoError(t, keys.Set([]string{"new"}))
	assert.Equal(t, 401, send(locked, "GET", "/v1/models", "", "Authorization", "Bearer sesame").Code)
	assert.Equal(t, 200, send(locked, "GET", "/v1/models", "", "Authorization", "Bearer new").Code)
	assert.Error(t, keys.Set(nil))
	assert.Error(t, keys.Set([]string{"a", ""}))
	assert.Equal(t, 200, send(locked, "GET", "/v1/models", "", "Authorization", "Bearer new").Code)
}

func TestIgnoreUnknown(t *testing.T) {
	h, _ := served(t, func(c *Config) { c.IgnoreUnknown = true })
	want := ask(t, h, `{"model":"tiny","input":"a"}`)
	assert.Equal(t, want.Data, ask(t, h, `{"model":"tiny","input":"a","dimension":3,"x":[{"y":"}"}],"Input":4}`).Data)
}

func TestLimits(t *testing.T) {
	h, _ := served(t, nil)
	items := func(n int) string {
		return `{"model":"tiny","input":["` + strings.Repeat(`a","`, n-1) + `a"]}`
	}
	assert.Len(t, ask(t, h, items(2048)).Data, 2048)
	requireError(t, send(h, "POST", "/v1/embeddings", items(2049)), 400, "invalid_request_error", "invalid_input", "input")
	chars := func(n int) string { return `{"model":"tiny","input":"` + strings.Repeat("é", n) + `"}` }
	assert.Len(t, ask(t, h, chars(64000)).Data, 1)
	requireError(t, send(h, "POST", "/v1/embeddings", chars(64001)), 400, "invalid_request_error", "invalid_input", "input")
	body := `{"model":"tiny","input":"a"}`
	padded := body + strings.Repeat(" ", DefaultMaxBody-len(body))
	assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", padded).Code)
	w := send(h, "POST", "/v1/embeddings", padded+" ")
	requireError(t, w, 413, "invalid_request_error", "request_too_large", "")

	free, _ := served(t, func(c *Config) { c.MaxChars = -1 })
	assert.Equal(t, 200, send(free, "POST", "/v1/embeddings", chars(64001)).Code)
}

func TestRequestID(t *testing.T) {
	h, _ := served(t, nil)
	for given, kept := range map[string]bool{"abc-1": true, strings.Repeat("x", 128): true, "": false, strings.Repeat("x", 129): false, "a b": false, "a\x01": false, "é": false} {
		got := send(h, "GET", "/health", "", "X-Request-Id", given).Header().Get("X-Request-Id")
		if kept {
			assert.Equal(t, given, got)
		} else {
			assert.Regexp(t, `^req-[A-Z2-7]{26}$`, got)
		}
	}
}

func TestCORS(t *testing.T) {
	off, _ := served(t, nil)
	w := send(off, "POST", "/v1/embeddings", `{"model":"tiny","input":"a"}`, "Origin", "https://a.example")
	assert.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, 405, send(off, "OPTIONS", "/v1/embeddings", "").Code)

	keys, err := NewKeys([]string{"sesame"})
	require.NoError(t, err)
	for _, c := range []struct{ configured, origin, want string }{
		{"*", "https://a.example", "*"},
		{"https://a.example", "https://a.example", "https://a.example"},
		{"https://a.example", "https://b.example", ""},
	} {
		h, _ := served(t, func(cfg *Config) { cfg.CORSOrigin, cfg.Keys = c.configured, keys })
		w := send(h, "OPTIONS", "/v1/embeddings", "", "Origin", c.origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,x-stainless-os")
		assert.Equal(t, 204, w.Code)
		assert.Equal(t, c.want, w.Header().Get("Access-Control-Allow-Origin"))
		if c.want != "" {
			assert.Equal(t, "POST", w.Header().Get("Access-Control-Allow-Methods"))
			assert.Equal(t, "authorization,x-stainless-os", w.Header().Get("Access-Control-Allow-Headers"))
		}
		w = send(h, "POST", "/v1/embeddings", `{"model":"tiny"}`, "Origin", c.origin)
		assert.Equal(t, 401, w.Code)
		assert.Equal(t, c.want, w.Header().Get("Access-Control-Allow-Origin"), "errors can be read too")
	}
}

// A panic is one request's, and its cause is in the log alone.
func TestPanic(t *testing.T) {
	var log strings.Builder
	var events []Event
	h, _ := served(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Observe = func(e Event) { events = append(events, e) }
	})
	h.models["broken"] = &Model{Name: "broken", Queue: nil}
	w := send(h, "POST", "/v1/embeddings", `{"model":"broken","input":"a"}`)
	message := requireError(t, w, 500, "server_error", "internal_error", "")
	assert.Equal(t, "internal error", message)
	assert.Contains(t, log.String(), "panic: runtime error")
	assert.Contains(t, log.String(), w.Header().Get("X-Request-Id"))
	ask(t, h, `{"model":"tiny","input":["a","b"]}`)
	require.Len(t, events, 2)
	assert.Equal(t, "internal_error", events[0].Code)
	assert.Equal(t, 500, events[0].Status)
	e := events[1]
	assert.Equal(t, "/v1/embeddings", e.Path)
	assert.Equal(t, "tiny", e.Model)
	assert.Equal(t, http.StatusOK, e.Status)
	assert.Equal(t, 2, e.Texts)
	assert.Positive(t, e.Tokens)
	assert.Positive(t, e.Embed)
	assert.GreaterOrEqual(t, e.Embed, e.Wait) // which a coarse clock may not see
	assert.GreaterOrEqual(t, e.Total, e.Read+e.Embed+e.Encode)
}

func TestDeadline(t *testing.T) {
	h, _ := served(t, nil)
	limited := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithDeadline(r.Context(), time.Now().Add(-time.Second))
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
	w := send(limited, "POST", "/v1/embeddings", `{"model":"tiny","input":"a"}`)
	requireError(t, w, 429, "rate_limit_error", "queue_full", "")
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
}

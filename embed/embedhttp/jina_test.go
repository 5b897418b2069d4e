package embedhttp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// What Jina's, Voyage's and vLLM's clients send to /v1/embeddings, recorded of voyageai
// 0.5.0, litellm 1.110.2 and llama-index-embeddings-jinaai 0.7.0, and read in the vendors' documentation.
func TestVendorFields(t *testing.T) {
	h, _ := served(t, nil)
	long := strings.Repeat("a long way ", 30)
	for _, c := range []struct {
		fields string
		text   string
		opts   embed.Options
	}{
		{`,"task":"retrieval.query"`, "summer", embed.Options{PromptName: "query"}},
		{`,"task":"retrieval.passage"`, "summer", embed.Options{PromptName: "document"}},
		{`,"task":"retrieval.passage","input_type":"document"`, "summer", embed.Options{PromptName: "document"}},
		{`,"task":"text-matching"`, "summer", embed.Options{}},
		{`,"late_chunking":false,"embedding_type":"float","encoding_format":"float"`, "summer", embed.Options{}},
		{`,"encoding_type":"float","task":"retrieval.passage"`, "summer", embed.Options{PromptName: "document"}},
		{`,"truncate":true,"normalized":true,"dimensions":8`, long, embed.Options{Dimensions: 8}},
		{`,"input_type":null,"truncation":true,"output_dtype":null,"output_dimension":null`, long, embed.Options{}},
		{`,"input_type":"query","truncation":true,"output_dtype":"float","output_dimension":8`, long, embed.Options{PromptName: "query", Dimensions: 8}},
		{`,"truncate_prompt_tokens":9,"add_special_tokens":true`, long, embed.Options{MaxTokens: 9}},
		{`,"truncate_prompt_tokens":-1`, long, embed.Options{}},
		{`,"truncate_prompt_tokens":8192,"truncation_direction":"Left"`, long, embed.Options{Truncate: embed.TruncateStart}},
	} {
		want := library(t, c.opts, c.text).Embeddings[0]
		for _, input := range []string{`%q`, `[%q]`, `[{"text":%q}]`} {
			r := ask(t, h, `{"model":"tiny","input":`+fmt.Sprintf(input, c.text)+c.fields+`}`)
			assert.Equal(t, want.Float32, numbers[float32](t, r.Data[0].Embedding), c.fields)
			assert.Equal(t, want.Tokens, r.Usage.PromptTokens, c.fields)
		}
	}
	want := library(t, embed.Options{Formats: []encoding.Format{encoding.Int8, encoding.Base64}}, "summer").Embeddings[0]
	r := ask(t, h, `{"model":"tiny","input":"summer","embedding_type":"base64"}`)
	assert.Equal(t, `"`+want.Base64+`"`, string(r.Data[0].Embedding))
	r = ask(t, h, `{"model":"tiny","input":"summer","encoding_format":"base64","output_dtype":"int8","truncation":true}`)
	assert.Equal(t, `"`+string(encoding.AppendBase64(nil, want.Int8))+`"`, string(r.Data[0].Embedding), "as Voyage's client reads it")
	for _, c := range []struct{ fields, code, param string }{
		{`,"task":"retrieval"`, "invalid_request", "task"},
		{`,"task":"retrieval.query","input_type":"document"`, "invalid_request", "task"},
		{`,"late_chunking":1`, "invalid_request", "late_chunking"},
		{`,"truncation":"END"`, "invalid_request", "truncation"},
		{`,"truncation":true,"truncate":false`, "invalid_request", "truncate"},
		{`,"truncation":false,"truncate_prompt_tokens":9`, "invalid_request", "truncate_prompt_tokens"},
		{`,"truncate_prompt_tokens":0`, "invalid_request", "truncate_prompt_tokens"},
		{`,"truncate_prompt_tokens":1`, "invalid_request", "truncate_prompt_tokens"},
		{`,"embedding_type":"float","encoding_format":"base64"`, "invalid_request", "encoding_format"},
		{`,"embedding_type":"hex"`, "invalid_encoding_format", "embedding_type"},
		{`,"return_multivector":true`, "unknown_parameter", "return_multivector"},
	} {
		requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":"a"`+c.fields+`}`), 400, invalidRequest, c.code, c.param)
	}
	requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":"`+long+`","truncation":false}`), 400, invalidRequest, "invalid_input", "input")
	requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":[{"text":"a"},{"image":"b"}]}`), 400, invalidRequest, "invalid_input", "input")
}

// The chunks run through the model as one text.
func TestLateChunking(t *testing.T) {
	h, _ := served(t, nil)
	for text, chunks := range map[string][][2]int{
		"Summer is warm. Winter is cold.": {{0, 15}, {16, 31}},
		"a\nb c":                          {{0, 2}, {2, 3}, {3, 5}},
		"alone":                           {{0, 5}},
	} {
		var spans []tokenizer.Span
		var input []string
		for _, c := range chunks {
			spans = append(spans, tokenizer.Span{Start: c[0], End: c[1]})
			input = append(input, fmt.Sprintf("%q", text[c[0]:c[1]]))
		}
		want := library(t, embed.Options{Spans: [][]tokenizer.Span{spans}, PromptName: "document"}, text)
		r := ask(t, h, `{"model":"tiny","late_chunking":true,"task":"retrieval.passage","input":[`+strings.Join(input, ",")+`]}`)
		require.Len(t, r.Data, len(chunks))
		for i, e := range want.Embeddings {
			assert.Equal(t, e.Float32, numbers[float32](t, r.Data[i].Embedding), text)
		}
	}
	requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":[2,20,3],"late_chunking":true}`), 400, invalidRequest, "invalid_request", "late_chunking")
	long := strings.Repeat(`"a long way",`, 30) + `"home"`
	message := requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"tiny","late_chunking":true,"input":[`+long+`]}`), 400, invalidRequest, "invalid_input", "input")
	assert.Contains(t, message, "beyond the limit", "a chunk that the model would not read is no zero")
}

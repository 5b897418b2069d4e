package embedhttp

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/encoding"
)

// The classifier has the labels entailment, neutral and contradiction.
var loadNLI = sync.OnceValues(func() (*rerank.Model, error) {
	return rerank.Load(context.Background(), heads+"classify-bert-nli/model", embed.Config{})
})

func nli(t testing.TB) *rerank.Model {
	t.Helper()
	m, err := loadNLI()
	require.NoError(t, err)
	return m
}

var loadSplade = sync.OnceValues(func() (*sparse.Model, error) {
	return sparse.Load(context.Background(), heads+"sparse-bert-max/model", embed.Config{})
})

func splade(t testing.TB) *sparse.Model {
	t.Helper()
	m, err := loadSplade()
	require.NoError(t, err)
	return m
}

// servedAll returns a handler of the tiny model, the cross-encoder, the classifier and
// the sparse model.
func servedAll(t testing.TB, change func(*Config)) *Handler {
	t.Helper()
	h, _ := served(t, func(c *Config) {
		addCross(t)(c)
		q := sparse.NewQueue(splade(t), embed.QueueConfig{})
		t.Cleanup(func() { _ = q.Close(context.Background()) })
		c.Models = append(c.Models, reranking(t, "nli", nli(t), embed.QueueConfig{}), Model{Name: "splade", Sparse: q, SparseInfo: splade(t).Info()})
		if change != nil {
			change(c)
		}
	})
	require.NoError(t, h.Warm(t.Context()))
	return h
}

// answerOf sends a request that has to succeed.
func answerOf[T any](t testing.TB, h *Handler, path, body string) T {
	t.Helper()
	w := send(h, "POST", path, body)
	require.Equal(t, 200, w.Code, "%s %s\n%s", path, body, w.Body)
	return decode[T](t, w.Body)
}

// The requests that clients of text-embeddings-inference send, recorded of llama-index
// 0.6.0, haystack 7.0.2, litellm 1.110.2 and huggingface_hub 2.4.0.
func TestTEIEmbed(t *testing.T) {
	h := servedAll(t, nil)
	long := strings.Repeat("a long way ", 30)
	for name, c := range map[string]struct {
		path, body string
		opts       embed.Options
		texts      []string
	}{
		"llama-index":      {"/embed", `{"inputs": ["summer", "a"], "truncate": true}`, embed.Options{}, []string{"summer", "a"}},
		"haystack":         {"/", `{"inputs": "summer", "normalize": false, "truncate": true}`, embed.Options{Unnormalized: true}, []string{"summer"}},
		"litellm":          {"/", `{"inputs": ["summer"]}`, embed.Options{}, []string{"summer"}},
		"huggingface_hub":  {"/", `{"inputs": "summer", "normalize": true, "prompt_name": "query", "dimensions": 8}`, embed.Options{PromptName: "query", Dimensions: 8}, []string{"summer"}},
		"by path":          {"/models/org/tiny/pipeline/feature-extraction", `{"inputs": ["summer"]}`, embed.Options{}, []string{"summer"}},
		"by shorter path":  {"/models/org/tiny", `{"inputs": ["summer"], "parameters": {"normalize": false}}`, embed.Options{Unnormalized: true}, []string{"summer"}},
		"cut at the start": {"/embed", fmt.Sprintf(`{"inputs": %q, "truncate": true, "truncation_direction": "left"}`, long), embed.Options{Truncate: embed.TruncateStart}, []string{long}},
		"cut at the end":   {"/embed", fmt.Sprintf(`{"inputs": %q, "truncation_direction": "Right"}`, long), embed.Options{}, []string{long}},
		"nulls":            {"/embed", `{"inputs": "summer", "truncate": null, "prompt_name": null, "dimensions": null}`, embed.Options{}, []string{"summer"}},
	} {
		t.Run(name, func(t *testing.T) {
			vectors := answerOf[[]json.RawMessage](t, h, c.path, c.body)
			require.Len(t, vectors, len(c.texts), "a list of vectors, of one text too")
			for i, text := range c.texts {
				assert.Equal(t, library(t, c.opts, text).Embeddings[0].Float32, numbers[float32](t, vectors[i]))
			}
		})
	}
	want := library(t, embed.Options{Formats: []encoding.Format{encoding.Base64}}, "summer").Embeddings[0].Base64
	assert.Equal(t, []string{want}, answerOf[[]string](t, h, "/embed", `{"inputs": "summer", "encoding_format": "base64"}`))
}

func TestTEIEmbedAll(t *testing.T) {
	h := servedAll(t, nil)
	texts := []string{"summer", strings.Repeat("a long way ", 30)}
	want, err := tiny(t).EmbedTokens(t.Context(), texts, embed.Options{PromptName: "query"})
	require.NoError(t, err)
	body, err := json.Marshal(map[string]any{"inputs": texts, "prompt_name": "query"})
	require.NoError(t, err)
	got := answerOf[[][]json.RawMessage](t, h, "/embed_all", string(body))
	require.Len(t, got, 2)
	for i, text := range want.Texts {
		require.Len(t, got[i], len(text.Tokens))
		for j, token := range text.Tokens {
			assert.Equal(t, token.Float32, numbers[float32](t, got[i][j]))
		}
	}
	assert.Equal(t, 422, send(h, "POST", "/embed_all", `{"inputs": [2, 75, 3]}`).Code)
	h = servedAll(t, func(c *Config) { c.MaxBody = 3000 })
	assert.Equal(t, 413, send(h, "POST", "/embed_all", string(body)).Code, "the vectors are larger than the texts")
}

func TestTEIEmbedSparse(t *testing.T) {
	h := servedAll(t, nil)
	texts := []string{"summer", strings.Repeat("a long way ", 40)}
	want, err := splade(t).Embed(t.Context(), texts, sparse.Options{})
	require.NoError(t, err)
	require.Positive(t, want[1].Truncated)
	body, err := json.Marshal(map[string]any{"inputs": texts, "truncate": true})
	require.NoError(t, err)
	for _, path := range []string{"/embed_sparse", "/models/splade"} {
		w := send(h, "POST", path, string(body))
		require.Equal(t, 200, w.Code, w.Body)
		assert.Equal(t, "1", w.Header().Get("X-Truncated-Inputs"))
		got := decode[[][]teiWeight](t, w.Body)
		require.Len(t, got, 2)
		for i, v := range want {
			require.Len(t, got[i], len(v.Indices))
			for j, weight := range got[i] {
				assert.Equal(t, v.Indices[j], weight.Index)
				assert.Equal(t, math.Float32bits(v.Values[j]), math.Float32bits(weight.Value))
			}
		}
	}
	assert.Equal(t, 422, send(h, "POST", "/embed_sparse", `{"inputs": [2, 3]}`).Code, "token ids")
	assert.Equal(t, 422, send(h, "POST", "/embed_sparse", `{"inputs": "`+texts[1]+`", "truncate": false}`).Code)
	assert.Equal(t, 424, send(h, "POST", "/embed_sparse", `{"inputs": "a", "model": "tiny"}`).Code)
	assert.Equal(t, 424, send(h, "POST", "/embed", `{"inputs": "a", "model": "splade"}`).Code)
}

func TestTEISimilarity(t *testing.T) {
	h := servedAll(t, nil)
	vectors := library(t, embed.Options{}, "summer", "winter", "a", "summer").Embeddings
	for _, path := range []string{"/similarity", "/", "/models/tiny/pipeline/sentence-similarity"} {
		got := answerOf[[]float64](t, h, path, `{"inputs": {"source_sentence": "summer", "sentences": ["winter", "a", "summer"]}, "parameters": {}}`)
		require.Len(t, got, 3)
		for i, v := range vectors[1:] {
			var want float64
			for j, x := range v.Float32 {
				want += float64(x) * float64(vectors[0].Float32[j])
			}
			assert.InDelta(t, want, got[i], 1e-6, "the lengths are 1 but for rounding")
		}
	}
}

// litellm's request, and what huggingface_hub sends.
func TestTEIRerank(t *testing.T) {
	h := servedAll(t, nil)
	texts := []string{"summer", "a winter's day", ""}
	type rank struct {
		Index int
		Text  *string
		Score float32
	}
	sigmoids, err := cross(t).Rank(t.Context(), "the weather", texts, 0, rerank.Options{})
	require.NoError(t, err)
	logits, err := cross(t).Rank(t.Context(), "the weather", texts, 0, rerank.Options{Raw: true})
	require.NoError(t, err)
	require.Equal(t, "Sigmoid", cross(t).Info().Activation)
	for fields, want := range map[string][]rerank.Ranked{
		``:                     sigmoids,
		`, "raw_scores": true`: logits,
		`, "raw_scores": false, "truncation_direction": "Right", "return_text": true`: sigmoids,
		`, "truncate": true, "return_text": false`:                                    sigmoids,
	} {
		for _, path := range []string{"/rerank", "/", "/models/cross"} {
			got := answerOf[[]rank](t, h, path, `{"query": "the weather", "texts": ["summer", "a winter's day", ""]`+fields+`}`)
			require.Len(t, got, len(want))
			for i, w := range want {
				assert.Equal(t, w.Index, got[i].Index)
				assert.Equal(t, math.Float32bits(w.Value), math.Float32bits(got[i].Score), fields)
				assert.Equal(t, strings.Contains(fields, `"return_text": true`), got[i].Text != nil)
			}
		}
	}
	w := send(h, "POST", "/rerank", `{"query": "a", "texts": []}`)
	assert.Equal(t, 400, w.Code)
	assert.Equal(t, "Empty", decode[teiError](t, w.Body).Type)
}

func TestTEIPredict(t *testing.T) {
	h := servedAll(t, func(c *Config) { c.Default = "nli" })
	pairs := [][2]string{{"summer", ""}, {"summer", "it is warm"}, {"a", "b"}}
	want, err := nli(t).ClassifyPairs(t.Context(), pairs, rerank.Options{})
	require.NoError(t, err)
	logits, err := nli(t).ClassifyPairs(t.Context(), pairs, rerank.Options{Raw: true})
	require.NoError(t, err)
	same := func(want rerank.Classification, got []teiLabel) {
		t.Helper()
		require.Len(t, got, 3)
		for i, l := range want.Labels {
			assert.Equal(t, teiLabel{l.Score, l.Name}, got[i])
		}
	}
	for _, path := range []string{"/predict", "/", "/models/nli"} {
		same(want[0], answerOf[[]teiLabel](t, h, path, `{"inputs": "summer"}`))
		same(want[0], answerOf[[]teiLabel](t, h, path, `{"inputs": ["summer"], "truncate": true}`))
		same(want[1], answerOf[[]teiLabel](t, h, path, `{"inputs": ["summer", "it is warm"], "raw_scores": false}`))
		same(logits[1], answerOf[[]teiLabel](t, h, path, `{"inputs": ["summer", "it is warm"], "raw_scores": true}`))
		all := answerOf[[][]teiLabel](t, h, path, `{"inputs": [["summer"], ["summer", "it is warm"], ["a", "b"]]}`)
		require.Len(t, all, 3)
		for i := range all {
			same(want[i], all[i])
		}
		// As huggingface_hub asks and reads.
		all = answerOf[[][]teiLabel](t, h, path, `{"inputs": "summer", "parameters": {"function_to_apply": null, "top_k": 2}}`)
		require.Len(t, all, 1)
		assert.Len(t, all[0], 2)
	}
	score := answerOf[[]teiLabel](t, h, "/predict", `{"model": "cross", "inputs": ["a", "b"]}`)
	require.Len(t, score, 1)
	for _, body := range []string{`{"inputs": 7}`, `{"inputs": ["a", "b", "c"]}`, `{"inputs": [["a"], 7]}`, `{"inputs": [["a", "b", "c"]]}`, `{"inputs": "a", "parameters": {"function_to_apply": "softmax"}}`, `{}`} {
		w := send(h, "POST", "/predict", body)
		assert.Equal(t, 422, w.Code, body)
		assert.NotEmpty(t, decode[teiError](t, w.Body).Error)
	}
}

// A token's text is the input's own bytes, by the library's offsets.
func TestTEITokens(t *testing.T) {
	h := servedAll(t, nil)
	texts := []string{"Summer days", "ein köstlicher 😀 Tag"}
	body, err := json.Marshal(map[string]any{"inputs": texts})
	require.NoError(t, err)
	got := answerOf[[][]teiToken](t, h, "/tokenize", string(body))
	require.Len(t, got, 2)
	var ids [][]int32
	for i, text := range texts {
		want, err := tiny(t).EmbedTokens(t.Context(), []string{text}, embed.Options{})
		require.NoError(t, err)
		tokens := want.Texts[0].Tokens
		require.Len(t, got[i], len(tokens))
		ids = append(ids, nil)
		for j, token := range got[i] {
			ids[i] = append(ids[i], token.ID)
			assert.Equal(t, tokens[j].ID, token.ID)
			if token.Special {
				assert.Nil(t, token.Start)
				assert.Nil(t, token.Stop)
				continue
			}
			assert.Equal(t, tokens[j].Start, *token.Start)
			assert.Equal(t, text[*token.Start:*token.Stop], token.Text)
		}
		assert.Equal(t, "[CLS]", got[i][0].Text)
		assert.True(t, got[i][0].Special && got[i][len(tokens)-1].Special)
	}
	bare := answerOf[[][]teiToken](t, h, "/tokenize", `{"inputs": "Summer days", "add_special_tokens": false}`)
	assert.Equal(t, got[0][1:len(got[0])-1], bare[0])
	prompted := answerOf[[][]teiToken](t, h, "/tokenize", `{"inputs": "Summer days", "prompt_name": "query"}`)
	assert.Greater(t, len(prompted[0]), len(got[0]))

	body, err = json.Marshal(map[string]any{"ids": ids})
	require.NoError(t, err)
	assert.Equal(t, []string{"summer days"}, answerOf[[]string](t, h, "/decode", string(body))[:1])
	body, err = json.Marshal(map[string]any{"ids": ids[0], "skip_special_tokens": false, "model": "tiny"})
	require.NoError(t, err)
	assert.Equal(t, []string{"[CLS] summer days [SEP]"}, answerOf[[]string](t, h, "/decode", string(body)))
	for path, bodies := range map[string][]string{
		"/tokenize": {`{}`, `{"inputs": [2, 3]}`, `{"inputs": "a", "prompt_name": "nope"}`},
		"/decode":   {`{}`, `{"ids": "a"}`, `{"ids": [99999]}`},
	} {
		for _, body := range bodies {
			assert.Equal(t, 422, send(h, "POST", path, body).Code, "%s %s", path, body)
		}
	}
	for body, want := range map[string]string{
		`{"ids": [[1.5]]}`:    "input 0: token 0: found 1.5, expected a token id, an integer of 32 bits",
		`{"ids": [2, 99999]}`: "ids: input 0: token 1: id 99999 is not in the vocabulary",
		`{"ids": []}`:         "ids: an empty list, expected at least one item",
	} {
		assert.Equal(t, want, decode[teiError](t, send(h, "POST", "/decode", body).Body).Error)
	}
}

// Ids may stand for many times their bytes: what their text would have beyond the limit of a request
// is refused, and what it has takes room.
func TestTEIDecodeSize(t *testing.T) {
	const size = 64 << 10
	tiny(t)
	synctest.Test(t, func(t *testing.T) {
		h, _ := served(t, func(c *Config) { c.MaxBody = 2 * size })
		mask := func(n int) string { // of 6 bytes
			return `{"skip_special_tokens": false, "ids": [4` + strings.Repeat(",4", n-1) + `]}`
		}
		w := send(h, "POST", "/decode", mask(2*size/6+1))
		assert.Equal(t, 413, w.Code)
		assert.Equal(t, teiError{"ids: they stand for 131076 bytes of text, expected at most 131072", "Validation"}, decode[teiError](t, w.Body))
		assert.Equal(t, 200, send(h, "POST", "/decode", mask(2*size/6)).Code)
		requireRoom(t, h)

		full := &exchange{h: h, r: httptest.NewRequest("POST", "/", nil)}
		full.shares = append(full.shares, share{h.room.middle, middleRoom - size})
		require.NoError(t, h.room.middle.Acquire(t.Context(), middleRoom-size))
		assert.Equal(t, 200, send(h, "POST", "/decode", mask(size/6)).Code)
		assert.Equal(t, 429, send(h, "POST", "/decode", mask(size/6+1)).Code)
		full.leave()
		requireRoom(t, h)
	})
}

// The tokens of texts that pass through a chat template are those that sentence-transformers
// 6.2 makes, and their places are in what the template makes.
func TestTEITokensOfChat(t *testing.T) {
	m, err := embed.Load(t.Context(), "../../testdata/chats/model", embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	q := embed.NewQueue(m, embed.QueueConfig{})
	defer q.Close(context.Background())
	h, err := New(Config{Models: []Model{{Name: "chat", Queue: q, Info: m.Info()}}})
	require.NoError(t, err)
	content, err := os.ReadFile("../../testdata/chats/answers.json")
	require.NoError(t, err)
	var answers map[string]struct {
		Cases []struct {
			Prompt, Name string
			Texts        []string
			IDs          [][]int32 `json:"ids"`
		}
	}
	require.NoError(t, json.Unmarshal(content, &answers))
	compared := 0
	for _, c := range answers["last"].Cases {
		if c.Prompt != "" {
			continue
		}
		for i, text := range c.Texts {
			if len(c.IDs[i]) >= 48 { // its limit
				continue
			}
			request := map[string]any{"inputs": text}
			if c.Name != "" {
				request["prompt_name"] = c.Name
			}
			body, err := json.Marshal(request)
			require.NoError(t, err)
			var ids []int32
			last := 0
			for _, token := range answerOf[[][]teiToken](t, h, "/tokenize", string(body))[0] {
				ids = append(ids, token.ID)
				assert.NotEmpty(t, token.Text)
				assert.GreaterOrEqual(t, *token.Stop, last)
				last = *token.Stop
			}
			assert.Equal(t, c.IDs[i], ids, text)
			compared++
		}
	}
	assert.Greater(t, compared, 5)
	const text = "a short text"
	var bare strings.Builder // the template's
	for _, token := range answerOf[[][]teiToken](t, h, "/tokenize", `{"inputs": "`+text+`", "add_special_tokens": false}`)[0] {
		assert.Equal(t, text[*token.Start:*token.Stop], token.Text)
		bare.WriteString(token.Text)
	}
	assert.Equal(t, text, bare.String())
}

func TestTEIInfo(t *testing.T) {
	for name, kind := range map[string]string{"tiny": "embedding", "cross": "reranker", "nli": "classifier", "splade": "embedding"} {
		h := servedAll(t, func(c *Config) { c.Default = name })
		info := decode[teiDescription](t, send(h, "GET", "/info", "").Body)
		assert.Equal(t, name, info.ModelID)
		assert.Equal(t, "float32", info.ModelDType)
		assert.Contains(t, info.ModelType, kind)
		assert.Positive(t, info.MaxInputLength)
		assert.Equal(t, embed.DefaultQueueTexts, info.MaxConcurrentRequests)
		assert.Equal(t, embed.DefaultQueueTokens, info.MaxBatchTokens)
		assert.True(t, info.AutoTruncate)
	}
	h := servedAll(t, nil)
	assert.Equal(t, "tiny", decode[teiDescription](t, send(h, "GET", "/info", "").Body).ModelID, "the only one that embeds")

	bounded := embed.NewQueue(tiny(t), embed.QueueConfig{MaxTexts: 70, MaxTokens: 900})
	t.Cleanup(func() { _ = bounded.Close(context.Background()) })
	h, _ = served(t, func(c *Config) { c.Models[0].Queue = bounded })
	info := decode[teiDescription](t, send(h, "GET", "/info", "").Body)
	assert.Equal(t, []int{70, 900}, []int{info.MaxConcurrentRequests, info.MaxBatchTokens})
	set, s, _ := servedSet(t, SetConfig{}, []Source{newFakes(t).source("a", 1)}, func(c *Config) { c.Default = "a" })
	info = decode[teiDescription](t, send(set, "GET", "/info", "").Body)
	assert.Equal(t, []int{0, 0}, []int{info.MaxConcurrentRequests, info.MaxBatchTokens}, "not known before it is loaded")
	closeSet(t, s)
}

func TestTEIErrors(t *testing.T) {
	keys, err := NewKeys([]string{"sesame"})
	require.NoError(t, err)
	h := servedAll(t, func(c *Config) { c.Keys = keys })
	for _, c := range []struct {
		path, body string
		status     int
		kind       string
	}{
		{"/embed", `{"inputs": ""}`, 400, "Empty"},
		{"/embed", `{"inputs": []}`, 400, "Empty"},
		{"/embed", `{"inputs"`, 400, "Validation"},
		{"/embed", `{}`, 422, "Validation"},
		{"/embed", `{"inputs": 7}`, 422, "Validation"},
		{"/embed", `{"inputs": "a", "nope": 1}`, 422, "Validation"},
		{"/embed", `{"inputs": "a", "parameters": {"nope": 1}}`, 422, "Validation"},
		{"/embed", `{"inputs": "a", "parameters": 7}`, 400, "Validation"},
		{"/embed", `{"inputs": "` + strings.Repeat("a long way ", 30) + `", "truncate": false}`, 422, "Validation"},
		{"/embed", `{"inputs": "a", "model": "cross"}`, 424, "Backend"},
		{"/embed_all", `{"inputs": "a", "normalize": true}`, 422, "Validation"},
		{"/similarity", `{"inputs": {"source_sentence": "a", "sentences": ["b"]}, "encoding_format": "int8"}`, 422, "Validation"},
		{"/similarity", `{"inputs": {"source_sentence": "a", "sentences": ["b"]}, "parameters": {"normalize": false}}`, 422, "Validation"},
		{"/predict", `{"inputs": "a", "model": "tiny"}`, 424, "Backend"},
		{"/models/none/pipeline/feature-extraction", `{"inputs": "a"}`, 404, "Validation"},
		{"/similarity", `{"inputs": {"source_sentence": "a"}}`, 422, "Validation"},
		{"/similarity", `{"inputs": {"source_sentence": "a", "sentences": ["b", 7]}}`, 422, "Validation"},
		{"/similarity", `{"inputs": ["a", "b"]}`, 422, "Validation"},
		{"/", `nonsense`, 400, "Validation"},
	} {
		w := send(h, "POST", c.path, c.body, "Authorization", "Bearer sesame")
		e := decode[teiError](t, w.Body)
		assert.Equal(t, c.status, w.Code, "%s %s: %s", c.path, c.body, e.Error)
		assert.Equal(t, c.kind, e.Type, c.body)
		assert.NotEmpty(t, e.Error)
	}
	assert.Equal(t, 401, send(h, "POST", "/embed", `{"inputs": "a"}`).Code)
	assert.Equal(t, 401, send(h, "POST", "/", `{"inputs": "a"}`).Code)
	assert.Equal(t, 200, send(h, "GET", "/", "").Code, "the page needs no key")
}

// The tokens of a request that has more than are kept are those of each text alone.
func TestTEITokenizeMany(t *testing.T) {
	h := servedAll(t, nil)
	text := strings.Repeat("summer days and ", 50)
	texts := make([]string, 600)
	for i := range texts {
		texts[i] = fmt.Sprintf("%d %s", i, text)
	}
	body, err := json.Marshal(map[string]any{"inputs": texts})
	require.NoError(t, err)
	got := answerOf[[][]teiToken](t, h, "/tokenize", string(body))
	require.Len(t, got, len(texts))
	total := 0
	for i := range got {
		total += len(got[i])
	}
	require.Greater(t, total, 3*keptTokens/2)
	for _, i := range []int{0, 1, 300, 598, 599} {
		one, err := json.Marshal(map[string]any{"inputs": texts[i]})
		require.NoError(t, err)
		assert.Equal(t, answerOf[[][]teiToken](t, h, "/tokenize", string(one))[0], got[i])
	}
}

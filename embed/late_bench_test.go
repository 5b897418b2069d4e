package embed

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// longModel returns ModernBERT-base's shape with 4 of its 22 layers, random weights
// and the tiny golden's vocabulary: a model of 8192 tokens.
func longModel(t testing.TB) fstest.MapFS {
	files := readModel(t, "modernbert")
	config := string(files["config.json"].Data)
	for from, to := range map[string]string{
		`"hidden_size": 24`: `"hidden_size": 768`, `"intermediate_size": 76`: `"intermediate_size": 1152`,
		`"num_attention_heads": 2`: `"num_attention_heads": 12`, `"global_attn_every_n_layers": 2`: `"global_attn_every_n_layers": 3`,
		`"max_position_embeddings": 64`: `"max_position_embeddings": 8192`, `"local_attention": 8`: `"local_attention": 128`,
	} {
		require.Contains(t, config, from)
		config = strings.Replace(config, from, to, 1)
	}
	write(files, "config.json", config)
	write(files, "sentence_bert_config.json", `{"max_seq_length": 8192, "do_lower_case": false}`)
	write(files, "1_Pooling/config.json", `{"word_embedding_dimension": 768, "pooling_mode_mean_tokens": true}`)
	settings := string(files["tokenizer_config.json"].Data)
	require.Contains(t, settings, `"model_max_length": 32`)
	write(files, "tokenizer_config.json", strings.Replace(settings, `"model_max_length": 32`, `"model_max_length": 8192`, 1))
	f, err := tensor.Parse(files["model.safetensors"].Data)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	wider := map[int]int{24: 768, 72: 3 * 768, 76: 1152, 152: 2 * 1152, 422: 422}
	var list []tensor.Tensor
	for _, name := range f.Names() {
		old, _ := f.Tensor(name)
		var shape []int
		size := 1
		for _, n := range old.Shape {
			shape = append(shape, wider[n])
			size *= wider[n]
		}
		values := make([]float32, size)
		for i := range values {
			if len(shape) > 1 {
				values[i] = float32(random.NormFloat64() * 0.02)
			} else if strings.HasSuffix(name, "weight") {
				values[i] = 1
			}
		}
		list = append(list, float32Tensor(name, values, shape...))
	}
	write(files, "model.safetensors", string(safetensors(t, list...)))
	return files
}

// Late chunking of a text of 8,000 tokens in 40 spans, beside one embedding of it, in
// turns: the median of the one by the median of the other.
func BenchmarkLateChunking(b *testing.B) {
	m := loadFiles(b, longModel(b), Config{})
	const tokens, spans = 8000, 40
	unit := "the night and the day of the river "
	count := func(text string) int {
		e, err := m.Tokenizer().Encode(text, tokenizer.Options{})
		require.NoError(b, err)
		return len(e.IDs)
	}
	text := strings.Repeat(unit, tokens/(count(unit+unit)-count(unit)))
	var parts []tokenizer.Span
	for i := range spans {
		parts = append(parts, tokenizer.Span{Start: i * len(text) / spans, End: (i + 1) * len(text) / spans})
	}
	run := func(opts Options, rows int) (seconds float64) {
		begin := time.Now()
		r, err := m.Embed(b.Context(), []string{text}, opts)
		seconds = time.Since(begin).Seconds()
		require.NoError(b, err)
		require.Len(b, r.Embeddings, rows)
		require.InDelta(b, tokens/rows, r.Embeddings[0].Tokens, 100)
		return seconds
	}
	var whole, late []float64
	for b.Loop() {
		whole = append(whole, run(Options{}, 1))
		late = append(late, run(Options{Spans: [][]tokenizer.Span{parts}}, spans))
	}
	median := func(x []float64) float64 {
		slices.Sort(x)
		return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
	}
	b.ReportMetric(median(late)/median(whole), "late/whole")
	b.ReportMetric(median(whole), "s/text")
}

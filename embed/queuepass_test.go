package embed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// Short texts that wait beside a long one are answered before it is, in one batch, and
// all get their bits; what is not short enough waits.
func TestQueueLetsShortTextsIn(t *testing.T) {
	for _, workers := range []int{1, 2} {
		m := loadGolden(t, "bert", Config{Workers: workers, BatchTokens: 8})
		q, g := held(t, m, QueueConfig{})
		ctx, opts := context.Background(), Options{}
		inputs := [][]string{{strings.Repeat("river ", 40)}, {"a"}, {"b"}, {"the river bank"}} // 32, 3, 3 and 5 tokens
		var replies []chan reply
		for _, in := range inputs {
			replies = append(replies, background(ctx, q, in, opts))
		}
		tokens := q.Stats().WaitingTokens
		g.next <- struct{}{}
		events := []QueueEvent{<-g.event}
		for _, i := range []int{1, 2} {
			r := <-replies[i]
			require.NoError(t, r.err)
			assert.Equal(t, embedTexts(t, m, inputs[i], opts).Embeddings, r.result.Embeddings)
		}
		if workers == 1 {
			assert.Empty(t, replies[0], "its worker is held up where it let them in")
		}
		for range 2 {
			g.next <- struct{}{}
			events = append(events, <-g.event)
		}
		if workers == 2 { // one may have done all the rest before the other tells of what it let in
			slices.SortStableFunc(events, func(a, b QueueEvent) int { return b.Texts - a.Texts })
		}
		short, long, last := events[0], events[1], events[2]
		assert.Equal(t, 2, short.Texts)
		assert.Equal(t, QueueEvent{Texts: 1, Tokens: 32, Compute: long.Compute}, long)
		assert.Equal(t, 1, last.Texts, "the one that is not short")
		assert.Equal(t, tokens, short.Tokens+long.Tokens+last.Tokens)
		g.open()
		for _, i := range []int{0, 3} {
			r := <-replies[i]
			require.NoError(t, r.err)
			assert.Equal(t, embedTexts(t, m, inputs[i], opts).Embeddings, r.result.Embeddings)
		}
		assert.Equal(t, QueueStats{MaxTexts: DefaultQueueTexts, MaxTokens: DefaultQueueTokens, Batches: 4, Texts: 5, Tokens: q.Stats().Tokens}, q.Stats())
		require.NoError(t, q.Close(ctx))
		noGoroutines(t)
	}
}

// Calls of all lengths at the same time get their bits, whatever is let in where.
func TestQueueOpeningsSameBits(t *testing.T) {
	m := loadGolden(t, "qwen3", Config{Workers: 2, BatchTokens: 4})
	long := strings.Repeat("the river runs ", 60)
	want := embedTexts(t, m, []string{long, "a", "the river"}, Options{})
	q := NewQueue(m, QueueConfig{})
	var calls sync.WaitGroup
	for k := range 9 {
		calls.Go(func() {
			for range 20 {
				r, err := q.Embed(context.Background(), []string{[]string{long, "a", "the river"}[k%3]}, Options{})
				if assert.NoError(t, err) {
					assert.Equal(t, want.Embeddings[k%3], r.Embeddings[0])
				}
			}
		})
	}
	calls.Wait()
	require.NoError(t, q.Close(context.Background()))
	assert.Zero(t, q.Stats().WaitingTexts)
	noGoroutines(t)
}

// wideModel returns a Qwen3 of MiniLM's size that reads 32,768 tokens. Its weights are noise.
func wideModel(b *testing.B) *Model {
	const hidden, intermediate, layers, heads, kvHeads, headDim, vocabulary = 384, 1024, 6, 6, 2, 64, 423
	golden := readModel(b, "qwen3")
	files := fstest.MapFS{"tokenizer.json": golden["tokenizer.json"]}
	write(files, "tokenizer_config.json", `{"model_max_length": 32768}`)
	write(files, "config.json", fmt.Sprintf(`{"model_type": "qwen3", "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 1e6,
		"max_position_embeddings": 32768, "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
		"num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": %d, "vocab_size": %d}`,
		hidden, intermediate, layers, heads, kvHeads, headDim, vocabulary))
	random := rand.New(rand.NewPCG(1, 2))
	var tensors []tensor.Tensor
	add := func(name string, shape ...int) {
		n := shape[0]
		if len(shape) > 1 {
			n *= shape[1]
		}
		values := make([]float32, n)
		for i := range values {
			if values[i] = 1; len(shape) > 1 {
				values[i] = float32(0.03 * random.NormFloat64())
			}
		}
		tensors = append(tensors, float32Tensor(name, values, shape...))
	}
	add("embed_tokens.weight", vocabulary, hidden)
	add("norm.weight", hidden)
	for i := range layers {
		l := fmt.Sprintf("layers.%d.", i)
		add(l+"input_layernorm.weight", hidden)
		add(l+"post_attention_layernorm.weight", hidden)
		add(l+"self_attn.q_norm.weight", headDim)
		add(l+"self_attn.k_norm.weight", headDim)
		add(l+"self_attn.q_proj.weight", heads*headDim, hidden)
		add(l+"self_attn.k_proj.weight", kvHeads*headDim, hidden)
		add(l+"self_attn.v_proj.weight", kvHeads*headDim, hidden)
		add(l+"self_attn.o_proj.weight", hidden, heads*headDim)
		add(l+"mlp.gate_proj.weight", intermediate, hidden)
		add(l+"mlp.up_proj.weight", intermediate, hidden)
		add(l+"mlp.down_proj.weight", hidden, intermediate)
	}
	files["model.safetensors"] = &fstest.MapFile{Data: safetensors(b, tensors...)}
	return loadFiles(b, files, Config{})
}

// BenchmarkShortBeside embeds 16 tokens, again and again, beside calls that take long.
// Times are in those of a pass of 512 tokens.
func BenchmarkShortBeside(b *testing.B) {
	m := wideModel(b)
	ids := func(n int) []int32 { return slices.Repeat([]int32{5, 17, 40, 200}, n/4) }
	ctx := context.Background()
	for _, load := range []struct {
		name  string
		calls [][][]int32
	}{
		{"nothing", nil},
		{"one of 32768 tokens", [][][]int32{{ids(32768)}}},
		{"16 of 32768 tokens", slices.Repeat([][][]int32{{ids(32768)}}, 16)},
		{"2048 of 512 tokens in a call", [][][]int32{slices.Repeat([][]int32{ids(512)}, 2048)}},
		{"16 calls of 64 times 16 tokens", slices.Repeat([][][]int32{slices.Repeat([][]int32{ids(16)}, 64)}, 16)},
	} {
		b.Run(load.name, func(b *testing.B) {
			q := NewQueue(m, QueueConfig{MaxTokens: 1 << 30})
			unit := make([]float64, 9)
			for i := range unit {
				start := time.Now()
				_, err := q.EmbedIDs(ctx, [][]int32{ids(512)}, Options{})
				require.NoError(b, err)
				unit[i] = time.Since(start).Seconds()
			}
			slices.Sort(unit)
			beside, cancel := context.WithCancel(ctx)
			var calls sync.WaitGroup
			for _, in := range load.calls {
				calls.Go(func() {
					for beside.Err() == nil {
						_, _ = q.EmbedIDs(beside, in, Options{})
					}
				})
			}
			for len(load.calls) > 0 && q.Stats().Batches < int64(len(unit))+1 {
				runtime.Gosched()
			}
			var times []float64
			for b.Loop() {
				start := time.Now()
				_, err := q.EmbedIDs(ctx, [][]int32{ids(16)}, Options{})
				require.NoError(b, err)
				times = append(times, time.Since(start).Seconds()/unit[len(unit)/2])
			}
			slices.Sort(times)
			b.ReportMetric(times[len(times)/2], "p50")
			b.ReportMetric(times[len(times)*99/100], "p99")
			b.ReportMetric(times[len(times)-1], "max")
			cancel()
			calls.Wait()
			require.NoError(b, q.Close(ctx))
		})
	}
}

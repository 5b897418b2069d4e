package pipeline

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

const padding = 396 // of the model of newCausal

// newCausal returns a tiny Qwen3 of 399 tokens and 80 positions, and its way to a score.
func newCausal(t testing.TB, workers, batchTokens int, format kernel.Format) (*Model, *Way) {
	dir := "../../testdata/heads/rerank-qwen3/model"
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	file, err := tensor.Open(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	qwen, err := transformer.Open(t.Context(), transformer.Config{
		JSON: config, Weights: file, Set: kernel.Best(), Format: format, Head: transformer.ClassificationHead,
	})
	require.NoError(t, err)
	m := &Model{Workers: workers, BatchTokens: batchTokens, Files: []*tensor.File{file}}
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m, &Way{Transformer{qwen}, Logits{qwen}}
}

// beginning returns n inputs that have that many tokens in common, and 1 to 9 of their own.
func beginning(n, common int) [][]int32 {
	all := make([][]int32, n)
	for i := range all {
		for j := range common {
			all[i] = append(all[i], int32(j*37%390))
		}
		for j := range 1 + i*5%9 {
			all[i] = append(all[i], int32((i*31+j*17)%390))
		}
	}
	return all
}

// passOn returns a pass of ids.
func passOn(m *Model, r Request, ids [][]int32) *pass {
	p := &pass{model: m}
	c := &call{model: m, Request: r, ctx: nil}
	for i, in := range ids {
		p.items = append(p.items, item{call: c, index: i, tokens: Tokens{IDs: in}})
	}
	return p
}

// Inputs that begin alike have the bits that they have alone, and share what they begin
// with where that pays.
func TestRunSharesPrefixes(t *testing.T) {
	for _, format := range []kernel.Format{kernel.Float32, kernel.BFloat16, kernel.Int8, kernel.Int4} {
		for _, workers := range []int{1, 3} {
			m, way := newCausal(t, workers, 64, format)
			r := Request{Way: way}
			ids := beginning(20, 40)
			require.Equal(t, 40, passOn(m, r, ids).shared())
			want := make([][][]float32, len(ids))
			for i := range ids {
				want[i] = run(t, m, r, ids[i:i+1])[0]
			}
			require.Equal(t, want, run(t, m, r, ids), "%v, %d workers", format, workers)

			q := NewQueue(m, QueueConfig{})
			var callers sync.WaitGroup
			for range 4 {
				callers.Go(func() {
					l := &lists{Request: r, ids: ids}
					_, err := q.Run(t.Context(), l)
					assert.NoError(t, err)
					assert.Equal(t, want, l.rows)
				})
			}
			callers.Wait()
			require.NoError(t, q.Close(t.Context()))
		}
	}
}

func TestWhatIsShared(t *testing.T) {
	m, way := newCausal(t, 1, 64, kernel.Float32)
	bert, mean := newModel(t, 1, 64)
	last := &Way{way.Encoder, &Pooled{Pooling: &Pooling{Set: kernel.Best(), Modes: []Mode{PoolLastToken}}}}
	of := func(mode Mode) *Way {
		return &Way{way.Encoder, &Pooled{Pooling: &Pooling{Set: kernel.Best(), Modes: []Mode{PoolLastToken, mode}}}}
	}
	grouped := &Way{way.Encoder, NewGrouped(*last.Head.(*Pooled))}
	padded := beginning(4, 40)
	padded[2] = append(padded[2][:40:40], padding, padding)
	for _, c := range []struct {
		name  string
		model *Model
		r     Request
		ids   [][]int32
		want  int
	}{
		{"documents of a query", m, Request{Way: way}, beginning(3, 40), 40},
		{"a prompt of texts", m, Request{Way: last}, beginning(3, 40), 40},
		{"the first layers", m, Request{Way: last, Layers: 1}, beginning(3, 40), 40},
		{"one input", m, Request{Way: way}, beginning(1, 40), 0},
		{"no input", m, Request{Way: way}, nil, 0},
		{"few tokens", m, Request{Way: way}, beginning(9, leastShared-1), 0},
		{"little beside the rest", m, Request{Way: way}, [][]int32{beginning(1, 20)[0], slices.Repeat(beginning(1, 20)[0], 3)}, 0},
		{"the same input twice", m, Request{Way: way}, slices.Repeat(beginning(1, 40), 2), 40},
		{"what ends in padding", m, Request{Way: way}, padded, 0},
		{"tokens that see those behind them", bert, Request{Way: mean}, beginning(3, 30), 0},
		{"a mean", m, Request{Way: of(PoolMean)}, beginning(3, 40), 0},
		{"groups of tokens", m, Request{Way: grouped}, beginning(3, 40), 0},
		{"a first token", m, Request{Way: of(PoolCLS)}, beginning(3, 40), 0},
		{"a prompt that is left out", m, Request{Way: last, Skip: 3}, beginning(3, 40), 0},
	} {
		p := passOn(c.model, c.r, c.ids)
		assert.Equal(t, c.want, p.shared(), c.name)
		if c.want == 0 || c.r.Way == way {
			continue
		}
		var want [][][]float32
		for i := range c.ids {
			want = append(want, run(t, c.model, c.r, c.ids[i:i+1])[0])
		}
		assert.Equal(t, want, run(t, c.model, c.r, c.ids), c.name)
	}
}

// What all begin with is run once: the rest alone is in the batches.
func TestPassTakesThePrefixOff(t *testing.T) {
	m, way := newCausal(t, 1, 64, kernel.Float32)
	ids := beginning(5, 40)
	p := passOn(m, Request{Way: way}, ids)
	for k := range p.items {
		p.items[k].call.ctx = t.Context()
	}
	prefix := p.share(parallel.NewTeam(1))
	require.Equal(t, 40, prefix.Len())
	for k, i := range p.items {
		assert.Equal(t, ids[k][40:], i.tokens.IDs)
		assert.Same(t, prefix, i.prefix)
	}
}

package transformer

import (
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// lfm2Config is what changes the numbers in a config.json of LFM2. The names are those of
// transformers 5.23, configuration_lfm2.py.
type lfm2Config struct {
	decoderSizes
	ropeConfig
	BlockFFDim         *int     `json:"block_ff_dim"` // goes before intermediate_size
	BlockMultipleOf    int      `json:"block_multiple_of"`
	BlockFFNMultiplier *float64 `json:"block_ffn_dim_multiplier"`
	BlockAutoAdjust    bool     `json:"block_auto_adjust_ff_dim"`
	ConvBias           bias     `json:"conv_bias"`
	ConvLCache         int      `json:"conv_L_cache"`
	FullAttnIdxs       []int    `json:"full_attn_idxs"` // nil = all
	LayerTypes         []string `json:"layer_types"`    // goes before full_attn_idxs
	NormEps            float64  `json:"norm_eps"`
	IsCausal           *bool    `json:"is_causal"`
}

// adjust makes intermediate_size the width of the MLP, transformers 5.23, Lfm2MLP.
func (c *lfm2Config) adjust(w *weights) {
	if !c.BlockAutoAdjust {
		return
	}
	w.positive(keyValue{"block_multiple_of", c.BlockMultipleOf})
	width := 2 * float64(c.IntermediateSize) / 3
	if m := c.BlockFFNMultiplier; m != nil {
		if !(*m > 0 && *m < 1<<20) {
			w.refusef("block_ffn_dim_multiplier: found %v, expected a positive number", *m)
			return
		}
		width = *m * float64(int(width))
		if c.BlockMultipleOf > 0 {
			width = float64(parts(int(width), c.BlockMultipleOf) * c.BlockMultipleOf)
		}
	}
	c.IntermediateSize = int(width)
	w.positive(keyValue{"intermediate_size", c.IntermediateSize})
}

// attends returns for each layer whether it has attention, nil where something is refused.
func (c *lfm2Config) attends(w *weights) (attends []bool) {
	if w.refused != nil {
		return nil
	}
	if c.LayerTypes == nil {
		for i := range c.NumHiddenLayers {
			attends = append(attends, c.FullAttnIdxs == nil || slices.Contains(c.FullAttnIdxs, i))
		}
		return attends
	}
	if len(c.LayerTypes) != c.NumHiddenLayers {
		w.refusef("layer_types: found %d, expected one for each of num_hidden_layers %d", len(c.LayerTypes), c.NumHiddenLayers)
	}
	for i, kind := range c.LayerTypes {
		if kind != "full_attention" && kind != "conv" {
			w.refusef("layer_types: found %q at layer %d, expected full_attention or conv", kind, i)
		}
		attends = append(attends, kind == "full_attention")
	}
	return attends
}

// openLFM2 assembles LFM2 as transformers 5.23 computes it in modeling_lfm2.py: Llama with a
// norm on each head of queries and keys, where some layers have a short convolution in the
// place of attention.
func openLFM2(w *weights) *Model { return lfm2(w, true) }

// openLFM2Bidirectional assembles LFM2 as the code published with LFM2.5-Embedding computes it,
// Lfm2BidirectionalModel: tokens see each other, and the window of a convolution lies around
// its token.
func openLFM2Bidirectional(w *weights) *Model { return lfm2(w, false) }

func lfm2(w *weights, causal bool) *Model {
	c := lfm2Config{BlockMultipleOf: 256, BlockFFNMultiplier: new(float64), BlockAutoAdjust: true, ConvLCache: 3, NormEps: 1e-5}
	*c.BlockFFNMultiplier = 1
	c.sizes = sizes{VocabSize: 65536, HiddenSize: 2560, IntermediateSize: 12288, NumHiddenLayers: 32, NumAttentionHeads: 32, MaxPositionEmbeddings: 128000}
	c.NumKeyValueHeads = 8
	w.decode(&c)
	if c.BlockFFDim != nil {
		c.IntermediateSize = *c.BlockFFDim
	}
	w.positive(keyValue{"conv_L_cache", c.ConvLCache})
	c.check(w)
	c.adjust(w)
	w.enough("conv_L_cache", c.ConvLCache)
	if c.IsCausal != nil {
		w.only("is_causal", *c.IsCausal, causal)
	}
	attends, eps := c.attends(w), w.epsilon("norm_eps", c.NormEps)
	rope, err := c.rope(c.HeadDim, c.MaxPositionEmbeddings, 1e6)
	w.refuse(err)
	if !w.enter("embed_tokens.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	hidden, inner := c.HiddenSize, c.IntermediateSize
	m := &Model{
		Hidden:       hidden,
		MaxPositions: rope.limit,
		Embeddings:   Embeddings{Tokens: w.table("embed_tokens", c.VocabSize, hidden), Padding: -1},
		Layers:       make([]Layer, c.NumHiddenLayers),
		FinalNorm:    w.rmsNorm("embedding_norm", hidden, eps),
	}
	w.ignore("rotary_emb.", "pos_emb.")
	behind := c.ConvLCache - 1
	if !causal {
		behind = c.ConvLCache / 2
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("layers.%d", i))
		if i == 0 {
			l = l.finer()
		}
		m.Layers[i] = Layer{
			AttnIn: l.rmsNorm("operator_norm", hidden, eps),
			MLPIn:  l.rmsNorm("ffn_norm", hidden, eps),
			MLP: MLP{
				Up:   l.linear(hidden, withoutBias, whole("feed_forward.w1", inner), whole("feed_forward.w3", inner)),
				Down: l.linear(inner, withoutBias, whole("feed_forward.w2", hidden)),
				Act:  kernel.SiLU, Gated: true,
			},
		}
		if !attends[i] {
			m.Layers[i].Short = l.at("conv").shortConvolution(hidden, c.ConvLCache, behind, c.ConvBias)
			continue
		}
		l = l.at("self_attn")
		queries, keys := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
		m.Layers[i].Attention = Attention{
			QKV:    l.linear(hidden, withoutBias, whole("q_proj", queries), whole("k_proj", keys), whole("v_proj", keys)),
			Output: l.linear(queries, withoutBias, whole("out_proj", hidden)),
			Heads:  c.NumAttentionHeads, KVHeads: c.NumKeyValueHeads, HeadDim: c.HeadDim,
			QueryNorm: l.rmsNorm("q_layernorm", c.HeadDim, eps), KeyNorm: l.rmsNorm("k_layernorm", c.HeadDim, eps),
			RoPE: rope, Scale: scoreScale(c.HeadDim), Causal: causal,
		}
	}
	return m
}

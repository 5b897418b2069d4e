package transformer

import (
	"fmt"
	"slices"
)

// decoderConfig is what changes the numbers in the config.json of Llama and of
// the families that descend from it. The names are those of transformers 5.23,
// configuration_llama.py and its like.
type decoderConfig struct {
	decoderSizes
	ropeConfig
	HiddenAct        string   `json:"hidden_act"`
	RMSNormEps       float64  `json:"rms_norm_eps"`
	AttentionBias    bias     `json:"attention_bias"`
	MLPBias          bias     `json:"mlp_bias"`
	LayerTypes       []string `json:"layer_types"`
	UseSlidingWindow bool     `json:"use_sliding_window"`
	IsCausal         *bool    `json:"is_causal"`                   // false as transformers 5 reads it
	Bidirectional    bool     `json:"use_bidirectional_attention"` // as the code of published models does

	qkvBias   bias // of the queries, keys and values, where attention_bias is not to say
	headNorms bool // an RMSNorm on each head of queries and keys
	window    int  // as in Attention
	growth    *QueryGrowth
	headless  bool // no head of a decoder
}

// causal reports whether tokens see none behind them.
func (c *decoderConfig) causal() bool {
	return !c.Bidirectional && (c.IsCausal == nil || *c.IsCausal)
}

// headlessly returns c of a model without a head.
func (c *decoderConfig) headlessly() *decoderConfig {
	c.headless = true
	return c
}

// open checks c and assembles the model: RMSNorms on what goes into each half of a
// layer, rotary positions of base theta, a gated MLP, a final norm.
func (c *decoderConfig) open(w *weights, theta float64) *Model {
	c.check(w)
	w.only("use_sliding_window", c.UseSlidingWindow, false)
	if i := slices.IndexFunc(c.LayerTypes, func(t string) bool { return t != "full_attention" }); i >= 0 {
		w.refusef("layer_types: found %q at layer %d, expected \"full_attention\"", c.LayerTypes[i], i)
	}
	act, eps := w.activation("hidden_act", c.HiddenAct), w.epsilon("rms_norm_eps", c.RMSNormEps)
	rope, err := c.rope(c.HeadDim, c.MaxPositionEmbeddings, theta)
	w.refuse(err)
	if !w.enter("embed_tokens.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	w.ignore("rotary_emb.")
	hidden := c.HiddenSize
	m := &Model{
		Hidden:       hidden,
		MaxPositions: rope.limit,
		Embeddings:   Embeddings{Tokens: w.table("embed_tokens", c.VocabSize, hidden), Padding: -1},
		Layers:       make([]Layer, c.NumHiddenLayers),
		FinalNorm:    w.rmsNorm("norm", hidden, eps),
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("layers.%d", i))
		if i == 0 {
			l = l.finer()
		}
		l.ignore("self_attn.rotary_emb.")
		m.Layers[i] = Layer{
			AttnIn:    l.rmsNorm("input_layernorm", hidden, eps),
			Attention: c.attention(l, c.qkvBias || c.AttentionBias, c.AttentionBias),
			MLPIn:     l.rmsNorm("post_attention_layernorm", hidden, eps),
			MLP:       c.mlp(l, c.MLPBias, act),
		}
		a := &m.Layers[i].Attention
		a.RoPE, a.Causal, a.Window, a.Growth = rope, c.causal(), c.window, c.growth
		if c.headNorms {
			a.QueryNorm, a.KeyNorm = l.rmsNorm("self_attn.q_norm", c.HeadDim, eps), l.rmsNorm("self_attn.k_norm", c.HeadDim, eps)
		}
	}
	if !c.headless {
		m.Head = w.decoderHead(m, headConfig{})
	}
	return m
}

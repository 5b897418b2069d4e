package transformer

import (
	"fmt"
	"math"
)

// gemma2Config is what changes the numbers in a config.json of Gemma 2. The names
// are those of transformers 5.23, configuration_gemma2.py.
type gemma2Config struct {
	decoderSizes
	ropeConfig
	HiddenActivation     string   `json:"hidden_activation"`
	RMSNormEps           float64  `json:"rms_norm_eps"`
	AttentionBias        bias     `json:"attention_bias"`
	QueryPreAttnScalar   float64  `json:"query_pre_attn_scalar"`
	SlidingWindow        int      `json:"sliding_window"`
	LayerTypes           []string `json:"layer_types"`
	AttnLogitSoftcapping *float64 `json:"attn_logit_softcapping"`
	Bidirectional        bool     `json:"use_bidirectional_attention"`
	IsCausal             *bool    `json:"is_causal"`
}

// scoreCap returns the cap of scores, 0 where there is none.
func (c *gemma2Config) scoreCap(w *weights) float32 {
	limit := c.AttnLogitSoftcapping
	if limit == nil {
		return 0
	}
	if !(*limit >= 1e-6 && *limit <= 1e12) {
		w.refusef("attn_logit_softcapping: found %v, expected a positive number, or null", *limit)
	}
	return float32(*limit)
}

// openGemma2 assembles Gemma 2 (arXiv:2408.00118) as transformers 5.23 computes it
// in modeling_gemma2.py: RMSNorms on what goes into each half of a layer and on what
// comes out, whose weights are stored less 1, a window on every second layer, and
// scores under a cap.
func openGemma2(w *weights) *Model {
	limit := 50.0
	c := gemma2Config{
		HiddenActivation: "gelu_pytorch_tanh", RMSNormEps: 1e-6, QueryPreAttnScalar: 256, SlidingWindow: 4096, AttnLogitSoftcapping: &limit,
	}
	c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim, c.MaxPositionEmbeddings = 8, 4, 256, 8192
	w.decode(&c)
	w.positive(keyValue{"num_key_value_heads", c.NumKeyValueHeads}, keyValue{"head_dim", c.HeadDim})
	w.fromTwo("sliding_window", c.SlidingWindow)
	w.only("use_bidirectional_attention", c.Bidirectional, false)
	if !(c.QueryPreAttnScalar >= 1e-6 && c.QueryPreAttnScalar <= 1e12) {
		w.refusef("query_pre_attn_scalar: found %v, expected a positive number", c.QueryPreAttnScalar)
	}
	if c.IsCausal != nil {
		w.only("is_causal", *c.IsCausal, true)
	}
	c.check(w)
	act, eps := w.activation("hidden_activation", c.HiddenActivation), w.epsilon("rms_norm_eps", c.RMSNormEps)
	scoreCap := c.scoreCap(w)
	rope, err := c.rope(c.HeadDim, c.MaxPositionEmbeddings, 10000)
	w.refuse(err)
	kinds := w.layerTypes(c.LayerTypes, c.NumHiddenLayers, func(i int) bool { return i%2 == 1 })
	windows := map[string]int{"sliding_attention": c.SlidingWindow - 1} // the token itself counts
	if !w.enter("embed_tokens.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	hidden := c.HiddenSize
	m := &Model{
		Hidden:       hidden,
		MaxPositions: rope.limit,
		Embeddings: Embeddings{
			Tokens:  w.table("embed_tokens", c.VocabSize, hidden),
			Scale:   float32(math.Sqrt(float64(hidden))),
			Padding: -1,
		},
		Layers:    make([]Layer, c.NumHiddenLayers),
		FinalNorm: w.rmsNormLessOne("norm", hidden, eps),
	}
	w.ignore("rotary_emb.")
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("layers.%d", i))
		m.Layers[i] = c.sandwiched(l, c.AttentionBias, act, eps, l.rmsNormLessOne)
		a := &m.Layers[i].Attention
		a.RoPE, a.Window, a.Causal = rope, windows[kinds[i]], true
		a.Scale, a.Cap = float32(1/math.Sqrt(c.QueryPreAttnScalar)), scoreCap
	}
	return m
}

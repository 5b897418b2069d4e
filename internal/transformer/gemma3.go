package transformer

import (
	"encoding/json"
	"fmt"
	"math"
)

// gemma3Config is what changes the numbers in a config.json of Gemma 3's text
// model. The names are those of transformers 5.23, configuration_gemma3.py, and
// of 4.56.
type gemma3Config struct {
	decoderSizes
	HiddenActivation     string          `json:"hidden_activation"`
	RMSNormEps           float64         `json:"rms_norm_eps"`
	AttentionBias        bias            `json:"attention_bias"`
	QueryPreAttnScalar   float64         `json:"query_pre_attn_scalar"`
	SlidingWindow        int             `json:"sliding_window"`
	SlidingWindowPattern int             `json:"sliding_window_pattern"`
	LayerTypes           []string        `json:"layer_types"`
	Bidirectional        bool            `json:"use_bidirectional_attention"`
	IsCausal             *bool           `json:"is_causal"`
	AttnLogitSoftcapping *float64        `json:"attn_logit_softcapping"`
	RopeTheta            float64         `json:"rope_theta"`
	RopeLocalBaseFreq    float64         `json:"rope_local_base_freq"`
	RopeScaling          *ropeParameter  `json:"rope_scaling"` // of full attention
	RopeParameters       *ropeByLayer    `json:"rope_parameters"`
	PerLayer             json.RawMessage `json:"per_layer_config"`
}

// checkOwn checks what other decoders do not have.
func (c *gemma3Config) checkOwn(w *weights) {
	w.positive(keyValue{"num_key_value_heads", c.NumKeyValueHeads}, keyValue{"head_dim", c.HeadDim},
		keyValue{"sliding_window_pattern", c.SlidingWindowPattern})
	w.fromTwo("sliding_window", c.SlidingWindow)
	switch {
	case !(c.QueryPreAttnScalar >= 1e-6 && c.QueryPreAttnScalar <= 1e12):
		w.refusef("query_pre_attn_scalar: found %v, expected a positive number", c.QueryPreAttnScalar)
	case c.IsCausal != nil && *c.IsCausal == c.Bidirectional:
		w.refusef("is_causal: found %v beside use_bidirectional_attention %v, expected its opposite", *c.IsCausal, c.Bidirectional)
	case c.AttnLogitSoftcapping != nil:
		w.refusef("attn_logit_softcapping: found %v, expected null", *c.AttnLogitSoftcapping)
	case c.PerLayer != nil:
		w.refusef("per_layer_config: found %s, expected none", c.PerLayer)
	case c.RopeScaling != nil && c.RopeParameters != nil:
		w.refusef("rope_scaling: found beside rope_parameters, expected one of the two")
	case c.RopeParameters == nil:
		c.RopeParameters = &ropeByLayer{Full: c.RopeScaling}
	}
}

// openGemma3 assembles the text model of Gemma 3 (arXiv:2503.19786) as transformers
// 5.23 computes it in modeling_gemma3.py: RMSNorms on what goes into each half of
// a layer and on what comes out, whose weights are stored less 1; and a window on
// most layers. EmbeddingGemma (arXiv:2509.20354) is the form in which tokens see
// each other.
func openGemma3(w *weights) *Model {
	c := gemma3Config{
		HiddenActivation: "gelu_pytorch_tanh", RMSNormEps: 1e-6, QueryPreAttnScalar: 256,
		SlidingWindow: 4096, SlidingWindowPattern: 6, RopeTheta: 1e6, RopeLocalBaseFreq: 10000,
	}
	c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim, c.MaxPositionEmbeddings = 8, 4, 256, 131072
	w.decode(&c)
	c.checkOwn(w)
	c.check(w)
	act, eps := w.activation("hidden_activation", c.HiddenActivation), w.epsilon("rms_norm_eps", c.RMSNormEps)
	ropes, err := c.RopeParameters.ropes(c.HeadDim, c.MaxPositionEmbeddings, c.RopeTheta, c.RopeLocalBaseFreq)
	w.refuse(err)
	kinds := w.layerTypes(c.LayerTypes, c.NumHiddenLayers, func(i int) bool { return (i+1)%c.SlidingWindowPattern == 0 })
	windows := map[string]int{"sliding_attention": c.SlidingWindow - 1} // the token itself counts
	if c.Bidirectional {
		windows["sliding_attention"] = c.SlidingWindow / 2
	}
	if !w.enter("embed_tokens.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	hidden := c.HiddenSize
	m := &Model{
		Hidden:       hidden,
		MaxPositions: ropes["full_attention"].limit,
		Embeddings: Embeddings{
			Tokens:  w.table("embed_tokens", c.VocabSize, hidden),
			Scale:   float32(math.Sqrt(float64(hidden))),
			Padding: -1,
		},
		Layers:    make([]Layer, c.NumHiddenLayers),
		FinalNorm: w.rmsNormLessOne("norm", hidden, eps),
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("layers.%d", i))
		m.Layers[i] = c.sandwiched(l, c.AttentionBias, act, eps, l.rmsNormLessOne)
		a := &m.Layers[i].Attention
		a.QueryNorm, a.KeyNorm = l.rmsNormLessOne("self_attn.q_norm", c.HeadDim, eps), l.rmsNormLessOne("self_attn.k_norm", c.HeadDim, eps)
		a.RoPE, a.Window, a.Causal = ropes[kinds[i]], windows[kinds[i]], !c.Bidirectional
		a.Scale = float32(1 / math.Sqrt(c.QueryPreAttnScalar))
	}
	m.Head = w.decoderHead(m, headConfig{PadTokenID: new(int32), TieWordEmbeddings: true})
	return m
}

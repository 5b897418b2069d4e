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
	sizes
	NumKeyValueHeads     int             `json:"num_key_value_heads"`
	HeadDim              int             `json:"head_dim"`
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

func (c *gemma3Config) check(w *weights) {
	w.sizes(&c.sizes)
	w.positive(keyValue{"head_dim", c.HeadDim}, keyValue{"sliding_window_pattern", c.SlidingWindowPattern})
	w.multiple(keyValue{"num_attention_heads", c.NumAttentionHeads}, keyValue{"num_key_value_heads", c.NumKeyValueHeads})
	w.fromTwo("sliding_window", c.SlidingWindow)
	w.enough("num_hidden_layers", c.NumHiddenLayers)
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
		sizes: sizes{NumAttentionHeads: 8, MaxPositionEmbeddings: 131072}, NumKeyValueHeads: 4, HeadDim: 256,
		HiddenActivation: "gelu_pytorch_tanh", RMSNormEps: 1e-6, QueryPreAttnScalar: 256,
		SlidingWindow: 4096, SlidingWindowPattern: 6, RopeTheta: 1e6, RopeLocalBaseFreq: 10000,
	}
	w.decode(&c)
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
	hidden, inner, queries, keys := c.HiddenSize, c.IntermediateSize, c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
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
		m.Layers[i] = Layer{
			AttnIn: l.rmsNormLessOne("input_layernorm", hidden, eps),
			Attention: Attention{
				QKV: l.linear(hidden, c.AttentionBias,
					whole("self_attn.q_proj", queries), whole("self_attn.k_proj", keys), whole("self_attn.v_proj", keys)),
				Output: l.linear(queries, c.AttentionBias, whole("self_attn.o_proj", hidden)),
				Heads:  c.NumAttentionHeads, KVHeads: c.NumKeyValueHeads, HeadDim: c.HeadDim,
				QueryNorm: l.rmsNormLessOne("self_attn.q_norm", c.HeadDim, eps),
				KeyNorm:   l.rmsNormLessOne("self_attn.k_norm", c.HeadDim, eps),
				RoPE:      ropes[kinds[i]], Window: windows[kinds[i]], Causal: !c.Bidirectional,
				Scale: float32(1 / math.Sqrt(c.QueryPreAttnScalar)),
			},
			AttnOut: l.rmsNormLessOne("post_attention_layernorm", hidden, eps),
			MLPIn:   l.rmsNormLessOne("pre_feedforward_layernorm", hidden, eps),
			MLP: MLP{
				Up:   l.linear(hidden, withoutBias, whole("mlp.gate_proj", inner), whole("mlp.up_proj", inner)),
				Down: l.linear(inner, withoutBias, whole("mlp.down_proj", hidden)),
				Act:  act, Gated: true,
			},
			MLPOut: l.rmsNormLessOne("post_feedforward_layernorm", hidden, eps),
		}
	}
	m.Head = w.decoderHead(m, headConfig{PadTokenID: new(int32), TieWordEmbeddings: true})
	return m
}

package transformer

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// gemma3Config is what changes the numbers in a config.json of Gemma 3's text
// model. The names are those of transformers 5.23, configuration_gemma3.py, and
// of 4.56.
type gemma3Config struct {
	HiddenSize            int             `json:"hidden_size"`
	IntermediateSize      int             `json:"intermediate_size"`
	NumHiddenLayers       int             `json:"num_hidden_layers"`
	NumAttentionHeads     int             `json:"num_attention_heads"`
	NumKeyValueHeads      int             `json:"num_key_value_heads"`
	HeadDim               int             `json:"head_dim"`
	HiddenActivation      string          `json:"hidden_activation"`
	MaxPositionEmbeddings int             `json:"max_position_embeddings"`
	VocabSize             int             `json:"vocab_size"`
	RMSNormEps            float64         `json:"rms_norm_eps"`
	AttentionBias         bias            `json:"attention_bias"`
	QueryPreAttnScalar    float64         `json:"query_pre_attn_scalar"`
	SlidingWindow         int             `json:"sliding_window"`
	SlidingWindowPattern  int             `json:"sliding_window_pattern"`
	LayerTypes            []string        `json:"layer_types"`
	Bidirectional         bool            `json:"use_bidirectional_attention"`
	IsCausal              *bool           `json:"is_causal"`
	AttnLogitSoftcapping  *float64        `json:"attn_logit_softcapping"`
	RopeTheta             float64         `json:"rope_theta"`
	RopeLocalBaseFreq     float64         `json:"rope_local_base_freq"`
	RopeScaling           *ropeParameter  `json:"rope_scaling"` // of full attention
	RopeParameters        *ropeByLayer    `json:"rope_parameters"`
	PerLayer              json.RawMessage `json:"per_layer_config"`
}

func (c *gemma3Config) check() error {
	if err := positive(keyValue{"hidden_size", c.HiddenSize}, keyValue{"num_hidden_layers", c.NumHiddenLayers},
		keyValue{"num_attention_heads", c.NumAttentionHeads}, keyValue{"num_key_value_heads", c.NumKeyValueHeads},
		keyValue{"head_dim", c.HeadDim}, keyValue{"intermediate_size", c.IntermediateSize},
		keyValue{"max_position_embeddings", c.MaxPositionEmbeddings}, keyValue{"vocab_size", c.VocabSize},
		keyValue{"sliding_window", c.SlidingWindow}, keyValue{"sliding_window_pattern", c.SlidingWindowPattern}); err != nil {
		return err
	}
	switch {
	case c.NumAttentionHeads%c.NumKeyValueHeads != 0:
		return fmt.Errorf("num_attention_heads: found %d, expected a multiple of num_key_value_heads %d", c.NumAttentionHeads, c.NumKeyValueHeads)
	case !(c.QueryPreAttnScalar >= 1e-6 && c.QueryPreAttnScalar <= 1e12):
		return fmt.Errorf("query_pre_attn_scalar: found %v, expected a positive number", c.QueryPreAttnScalar)
	case c.IsCausal != nil && *c.IsCausal == c.Bidirectional:
		return fmt.Errorf("is_causal: found %v beside use_bidirectional_attention %v, expected its opposite", *c.IsCausal, c.Bidirectional)
	case c.AttnLogitSoftcapping != nil:
		return fmt.Errorf("attn_logit_softcapping: found %v, expected null", *c.AttnLogitSoftcapping)
	case c.SlidingWindow < 2:
		return fmt.Errorf("sliding_window: found %d, expected 2 or more", c.SlidingWindow)
	case c.PerLayer != nil:
		return fmt.Errorf("per_layer_config: found %s, expected none", c.PerLayer)
	case c.RopeScaling != nil && c.RopeParameters != nil:
		return fmt.Errorf("rope_scaling: found beside rope_parameters, expected one of the two")
	}
	return epsilon("rms_norm_eps", c.RMSNormEps)
}

// openGemma3 assembles the text model of Gemma 3 (arXiv:2503.19786) as transformers
// 5.23 computes it in modeling_gemma3.py: RMSNorms on what goes into each half of
// a layer and on what comes out, whose weights are stored less 1; and a window on
// most layers. EmbeddingGemma (arXiv:2509.20354) is the form in which tokens see
// each other.
func openGemma3(config []byte, w *weights) (*Model, error) {
	c := gemma3Config{
		NumAttentionHeads: 8, NumKeyValueHeads: 4, HeadDim: 256, HiddenActivation: "gelu_pytorch_tanh", MaxPositionEmbeddings: 131072,
		RMSNormEps: 1e-6, QueryPreAttnScalar: 256, SlidingWindow: 4096, SlidingWindowPattern: 6, RopeTheta: 1e6, RopeLocalBaseFreq: 10000,
	}
	if err := strictjson.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := w.enough("num_hidden_layers", c.NumHiddenLayers); err != nil {
		return nil, err
	}
	act, err := activation("hidden_activation", c.HiddenActivation)
	if err != nil {
		return nil, err
	}
	if c.RopeParameters == nil {
		c.RopeParameters = &ropeByLayer{Full: c.RopeScaling}
	}
	ropes, err := c.RopeParameters.ropes(c.HeadDim, c.MaxPositionEmbeddings, c.RopeTheta, c.RopeLocalBaseFreq)
	if err != nil {
		return nil, err
	}
	kinds, err := layerTypes(c.LayerTypes, c.NumHiddenLayers, func(i int) bool { return (i+1)%c.SlidingWindowPattern == 0 })
	if err != nil {
		return nil, err
	}
	window := c.SlidingWindow - 1 // the token itself counts
	if c.Bidirectional {
		window = c.SlidingWindow / 2
	}

	if err := w.enter("embed_tokens.weight", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	hidden, inner, eps := c.HiddenSize, c.IntermediateSize, float32(c.RMSNormEps)
	queries, keys := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
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
				RoPE:      ropes[kinds[i]], Scale: float32(1 / math.Sqrt(c.QueryPreAttnScalar)), Causal: !c.Bidirectional,
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
		if kinds[i] == "sliding_attention" {
			m.Layers[i].Attention.Window = window
		}
	}
	m.Head, err = w.decoderHead(m, headConfig{PadTokenID: new(int32), TieWordEmbeddings: true})
	return m, err
}

// rmsNormLessOne returns the RMSNorm under name, whose weight is stored less 1.
func (w *weights) rmsNormLessOne(name string, n int, eps float32) *Norm {
	norm := w.rmsNorm(name, n, eps)
	for i := range norm.Gamma {
		norm.Gamma[i]++
	}
	return norm
}

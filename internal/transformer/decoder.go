package transformer

import (
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// decoderConfig is what changes the numbers in the config.json of Llama and of
// the families that descend from it. The names are those of transformers 5.23,
// configuration_llama.py and its like.
type decoderConfig struct {
	ropeConfig
	HiddenSize            int      `json:"hidden_size"`
	IntermediateSize      int      `json:"intermediate_size"`
	NumHiddenLayers       int      `json:"num_hidden_layers"`
	NumAttentionHeads     int      `json:"num_attention_heads"`
	NumKeyValueHeads      int      `json:"num_key_value_heads"` // 0 = num_attention_heads
	HeadDim               int      `json:"head_dim"`            // 0 = hidden_size / num_attention_heads
	HiddenAct             string   `json:"hidden_act"`
	MaxPositionEmbeddings int      `json:"max_position_embeddings"`
	VocabSize             int      `json:"vocab_size"`
	RMSNormEps            float64  `json:"rms_norm_eps"`
	AttentionBias         bool     `json:"attention_bias"`
	MLPBias               bool     `json:"mlp_bias"`
	LayerTypes            []string `json:"layer_types"`
	UseSlidingWindow      bool     `json:"use_sliding_window"`
	IsCausal              *bool    `json:"is_causal"`                   // false as transformers 5 reads it
	Bidirectional         bool     `json:"use_bidirectional_attention"` // as the code of published models does

	QKVBias   bias `json:"-"` // of the queries, keys and values, where attention_bias is not to say
	HeadNorms bool `json:"-"` // an RMSNorm on each head of queries and keys
	Window    int  `json:"-"` // as in Attention
	Headless  bool `json:"-"` // no head of a decoder
}

// read reads config into c, which holds the family's defaults.
func (c *decoderConfig) read(config []byte) error {
	if err := strictjson.Unmarshal(config, c); err != nil {
		return err
	}
	if c.NumKeyValueHeads == 0 {
		c.NumKeyValueHeads = c.NumAttentionHeads
	}
	if c.HeadDim == 0 && c.NumAttentionHeads > 0 {
		if c.HiddenSize%c.NumAttentionHeads != 0 {
			return fmt.Errorf("hidden_size: found %d, expected a multiple of num_attention_heads %d", c.HiddenSize, c.NumAttentionHeads)
		}
		c.HeadDim = c.HiddenSize / c.NumAttentionHeads
	}
	if err := positive(keyValue{"hidden_size", c.HiddenSize}, keyValue{"num_hidden_layers", c.NumHiddenLayers},
		keyValue{"num_attention_heads", c.NumAttentionHeads}, keyValue{"num_key_value_heads", c.NumKeyValueHeads},
		keyValue{"head_dim", c.HeadDim}, keyValue{"intermediate_size", c.IntermediateSize},
		keyValue{"max_position_embeddings", c.MaxPositionEmbeddings}, keyValue{"vocab_size", c.VocabSize}); err != nil {
		return err
	}
	if c.NumAttentionHeads%c.NumKeyValueHeads != 0 {
		return fmt.Errorf("num_attention_heads: found %d, expected a multiple of num_key_value_heads %d", c.NumAttentionHeads, c.NumKeyValueHeads)
	}
	if c.UseSlidingWindow {
		return fmt.Errorf("use_sliding_window: found true, expected false")
	}
	if i := slices.IndexFunc(c.LayerTypes, func(t string) bool { return t != "full_attention" }); i >= 0 {
		return fmt.Errorf("layer_types: found %q at layer %d, expected \"full_attention\"", c.LayerTypes[i], i)
	}
	return epsilon("rms_norm_eps", c.RMSNormEps)
}

// causal reports whether tokens see none behind them.
func (c *decoderConfig) causal() bool {
	return !c.Bidirectional && (c.IsCausal == nil || *c.IsCausal)
}

// open assembles the model: RMSNorms on what goes into each half of a layer,
// rotary positions of base theta, a gated MLP, a final norm.
func (c *decoderConfig) open(w *weights, theta float64) (*Model, error) {
	act, err := activation("hidden_act", c.HiddenAct)
	if err != nil {
		return nil, err
	}
	rope, err := c.rope(c.HeadDim, c.MaxPositionEmbeddings, theta)
	if err != nil {
		return nil, err
	}
	if err := w.enough("num_hidden_layers", c.NumHiddenLayers); err != nil {
		return nil, err
	}
	if err := w.enter("embed_tokens.weight", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	w.ignore("rotary_emb.")
	hidden, inner, eps := c.HiddenSize, c.IntermediateSize, float32(c.RMSNormEps)
	queries, keys := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
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
			AttnIn: l.rmsNorm("input_layernorm", hidden, eps),
			Attention: Attention{
				QKV: l.linear(hidden, c.QKVBias || bias(c.AttentionBias),
					whole("self_attn.q_proj", queries), whole("self_attn.k_proj", keys), whole("self_attn.v_proj", keys)),
				Output: l.linear(queries, bias(c.AttentionBias), whole("self_attn.o_proj", hidden)),
				Heads:  c.NumAttentionHeads, KVHeads: c.NumKeyValueHeads, HeadDim: c.HeadDim,
				RoPE: rope, Scale: scoreScale(c.HeadDim), Causal: c.causal(), Window: c.Window,
			},
			MLPIn: l.rmsNorm("post_attention_layernorm", hidden, eps),
			MLP: MLP{
				Up:   l.linear(hidden, bias(c.MLPBias), whole("mlp.gate_proj", inner), whole("mlp.up_proj", inner)),
				Down: l.linear(inner, bias(c.MLPBias), whole("mlp.down_proj", hidden)),
				Act:  act, Gated: true,
			},
		}
		if c.HeadNorms {
			m.Layers[i].Attention.QueryNorm = l.rmsNorm("self_attn.q_norm", c.HeadDim, eps)
			m.Layers[i].Attention.KeyNorm = l.rmsNorm("self_attn.k_norm", c.HeadDim, eps)
		}
	}
	if !c.Headless {
		m.Head, err = w.decoderHead(m, headConfig{})
	}
	return m, err
}

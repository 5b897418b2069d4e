package transformer

import (
	"fmt"
	"math"
)

// gemmaConfig is what changes the numbers in a config.json of Gemma. The names
// are those of transformers 5.23, configuration_gemma.py, which does not read
// hidden_activation.
type gemmaConfig struct {
	decoderSizes
	ropeConfig
	HiddenAct     string  `json:"hidden_act"`
	RMSNormEps    float64 `json:"rms_norm_eps"`
	AttentionBias bias    `json:"attention_bias"`
	Bidirectional bool    `json:"use_bidirectional_attention"`
	IsCausal      *bool   `json:"is_causal"`
}

// openGemma assembles Gemma (arXiv:2403.08295) as transformers 5.23 computes it in
// modeling_gemma.py: Llama, with the token table times √hidden and RMSNorms whose
// weights are stored less 1.
func openGemma(w *weights) *Model {
	c := gemmaConfig{HiddenAct: "gelu_pytorch_tanh", RMSNormEps: 1e-6}
	c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim, c.MaxPositionEmbeddings = 16, 16, 256, 8192
	w.decode(&c)
	w.positive(keyValue{"num_key_value_heads", c.NumKeyValueHeads}, keyValue{"head_dim", c.HeadDim})
	w.only("use_bidirectional_attention", c.Bidirectional, false)
	if c.IsCausal != nil {
		w.only("is_causal", *c.IsCausal, true)
	}
	c.check(w)
	if c.HiddenAct == "gelu" { // in the first releases, which were trained with the other one
		c.HiddenAct = "gelu_pytorch_tanh"
	}
	act, eps := w.activation("hidden_act", c.HiddenAct), w.epsilon("rms_norm_eps", c.RMSNormEps)
	rope, err := c.rope(c.HeadDim, c.MaxPositionEmbeddings, 10000)
	w.refuse(err)
	if !w.enter("embed_tokens.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	w.ignore("rotary_emb.")
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
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("layers.%d", i))
		l.ignore("self_attn.rotary_emb.")
		m.Layers[i] = Layer{
			AttnIn:    l.rmsNormLessOne("input_layernorm", hidden, eps),
			Attention: c.attention(l, c.AttentionBias, c.AttentionBias),
			MLPIn:     l.rmsNormLessOne("post_attention_layernorm", hidden, eps),
			MLP:       c.mlp(l, withoutBias, act),
		}
		a := &m.Layers[i].Attention
		a.RoPE, a.Causal = rope, true
	}
	m.Head = w.decoderHead(m, headConfig{PadTokenID: new(int32), TieWordEmbeddings: true})
	return m
}

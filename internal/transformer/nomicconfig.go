package transformer

import "encoding/json"

// nomicConfig is what changes the numbers in a Nomic BERT config.json, under the
// names of the code that is published as nomic-ai/nomic-bert-2048.
type nomicConfig struct {
	NEmbd               int             `json:"n_embd"`
	NHead               int             `json:"n_head"`
	NInner              int             `json:"n_inner"`
	NLayer              int             `json:"n_layer"`
	NPositions          int             `json:"n_positions"`
	VocabSize           int             `json:"vocab_size"`
	PadVocabMultiple    int             `json:"pad_vocab_size_multiple"`
	TypeVocabSize       int             `json:"type_vocab_size"`
	ActivationFunction  string          `json:"activation_function"`
	LayerNormEpsilon    float64         `json:"layer_norm_epsilon"`
	QKVProjBias         bias            `json:"qkv_proj_bias"`
	MLPFC1Bias          bias            `json:"mlp_fc1_bias"`
	MLPFC2Bias          bias            `json:"mlp_fc2_bias"`
	RotaryEmbBase       float64         `json:"rotary_emb_base"`
	RotaryEmbFraction   *float64        `json:"rotary_emb_fraction"`
	RotaryInterleaved   bool            `json:"rotary_emb_interleaved"`
	RotaryScaleBase     json.RawMessage `json:"rotary_emb_scale_base"`
	RotaryScalingFactor *float64        `json:"rotary_scaling_factor"`
	Prenorm             bool            `json:"prenorm"`
	ParallelBlock       bool            `json:"parallel_block"`
	Causal              bool            `json:"causal"`
	UseRMSNorm          bool            `json:"use_rms_norm"`
	ScaleAttnWeights    bool            `json:"scale_attn_weights"`
	expertsConfig

	headBias bias // of the masked-language-model head

	dim  int // of a head
	rope *RoPE
}

// nomicTransformers is the same under the names of transformers 5.23,
// configuration_nomic_bert.py, where nothing has a bias and all MLPs have a gate.
type nomicTransformers struct {
	bertConfig
	HeadDim        int            `json:"head_dim"` // 0 = hidden_size / num_attention_heads
	RopeParameters *ropeParameter `json:"rope_parameters"`
}

// readNomic reads config.json, which has the names of either, and checks it.
func readNomic(w *weights) *nomicConfig {
	var names struct {
		HiddenSize *int `json:"hidden_size"`
		NEmbd      *int `json:"n_embd"`
	}
	w.decode(&names)
	if names.NEmbd == nil && names.HiddenSize != nil {
		c := nomicTransformers{bertConfig: bertConfig{HiddenAct: "silu", LayerNormEps: 1e-12, TypeVocabSize: 2}}
		c.MaxPositionEmbeddings = 2048
		w.decode(&c)
		return c.read(w)
	}
	c := nomicConfig{
		LayerNormEpsilon: 1e-5, QKVProjBias: withBias, MLPFC1Bias: withBias, MLPFC2Bias: withBias, RotaryEmbBase: 10000,
		ScaleAttnWeights: true,
	}
	w.decode(&c)
	c.check(w)
	c.headBias = c.MLPFC1Bias
	return &c
}

// check checks c, and makes what it has of its own.
func (c *nomicConfig) check(w *weights) {
	w.positive(keyValue{"n_embd", c.NEmbd}, keyValue{"n_head", c.NHead}, keyValue{"n_inner", c.NInner},
		keyValue{"n_layer", c.NLayer}, keyValue{"n_positions", c.NPositions}, keyValue{"vocab_size", c.VocabSize})
	c.dim = w.multiple(keyValue{"n_embd", c.NEmbd}, keyValue{"n_head", c.NHead})
	w.enough("n_layer", c.NLayer)
	w.fromZero("type_vocab_size", c.TypeVocabSize)
	if most := 1 << 20; c.PadVocabMultiple < 0 || c.PadVocabMultiple > most {
		w.refusef("pad_vocab_size_multiple: found %d, expected 1 to %d", c.PadVocabMultiple, most)
	}
	w.only("rotary_emb_interleaved", c.RotaryInterleaved, false)
	w.none("rotary_emb_scale_base", c.RotaryScaleBase)
	if f := c.RotaryScalingFactor; f != nil && *f != 1 {
		w.refusef("rotary_scaling_factor: found %v, expected null", *f)
	}
	w.only("prenorm", c.Prenorm, false)
	w.only("parallel_block", c.ParallelBlock, false)
	w.only("causal", c.Causal, false)
	w.only("use_rms_norm", c.UseRMSNorm, false)
	w.only("scale_attn_weights", c.ScaleAttnWeights, true)
	c.checkExperts(w)
	rope, err := (&ropeParameter{PartialRotary: c.RotaryEmbFraction}).rope("rotary_emb_base", c.dim, c.NPositions, c.RotaryEmbBase)
	w.refuse(err)
	c.rope = rope
}

// vocabulary returns the rows of the token table.
func (c *nomicConfig) vocabulary() int {
	if n := c.PadVocabMultiple; n > 1 {
		return parts(c.VocabSize, n) * n
	}
	return c.VocabSize
}

// read checks c and returns the same under the other names.
func (c *nomicTransformers) read(w *weights) *nomicConfig {
	c.checkAny(w)
	if c.HeadDim != 0 {
		w.same("head_dim", c.HeadDim, keyValue{"hidden_size/num_attention_heads", c.dim})
	}
	gated := map[string]string{"silu": "swiglu", "gelu": "geglu"}[c.HiddenAct]
	if gated == "" {
		w.refusef("hidden_act: found %q, expected silu or gelu", c.HiddenAct)
	}
	rope, err := c.RopeParameters.rope("rope_parameters", c.dim, c.MaxPositionEmbeddings, 1000)
	w.refuse(err)
	return &nomicConfig{
		NEmbd: c.HiddenSize, NHead: c.NumAttentionHeads, NInner: c.IntermediateSize, NLayer: c.NumHiddenLayers,
		NPositions: c.MaxPositionEmbeddings, VocabSize: c.VocabSize, TypeVocabSize: c.TypeVocabSize,
		ActivationFunction: gated, LayerNormEpsilon: c.LayerNormEps,
		headBias: withBias, dim: c.dim, rope: rope,
	}
}

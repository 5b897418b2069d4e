package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// nomicConfig is what changes the numbers in a Nomic BERT config.json, under the
// names of the code that is published as nomic-ai/nomic-bert-2048.
type nomicConfig struct {
	NEmbd               int      `json:"n_embd"`
	NHead               int      `json:"n_head"`
	NInner              int      `json:"n_inner"`
	NLayer              int      `json:"n_layer"`
	NPositions          int      `json:"n_positions"`
	VocabSize           int      `json:"vocab_size"`
	PadVocabMultiple    int      `json:"pad_vocab_size_multiple"`
	TypeVocabSize       int      `json:"type_vocab_size"`
	ActivationFunction  string   `json:"activation_function"`
	LayerNormEpsilon    float64  `json:"layer_norm_epsilon"`
	QKVProjBias         bias     `json:"qkv_proj_bias"`
	MLPFC1Bias          bias     `json:"mlp_fc1_bias"`
	MLPFC2Bias          bias     `json:"mlp_fc2_bias"`
	RotaryEmbBase       float64  `json:"rotary_emb_base"`
	RotaryEmbFraction   *float64 `json:"rotary_emb_fraction"`
	RotaryInterleaved   bool     `json:"rotary_emb_interleaved"`
	RotaryScaleBase     *float64 `json:"rotary_emb_scale_base"`
	RotaryScalingFactor *float64 `json:"rotary_scaling_factor"`
	Prenorm             bool     `json:"prenorm"`
	ParallelBlock       bool     `json:"parallel_block"`
	Causal              bool     `json:"causal"`
	UseRMSNorm          bool     `json:"use_rms_norm"`
	ScaleAttnWeights    *bool    `json:"scale_attn_weights"`

	// A mixture of experts in every MoEEveryNLayers-th layer; 0 experts = none.
	NumExperts          int  `json:"num_experts"`
	MoETopK             int  `json:"moe_top_k"`
	MoEEveryNLayers     int  `json:"moe_every_n_layers"`
	MoENormalizeWeights bool `json:"moe_normalize_expert_weights"`
	ExpertChoiceRouter  bool `json:"expert_choice_router"`
	NumSharedExperts    int  `json:"num_shared_experts"`

	rope *RoPE
}

// nomicActivations are those with a gate, whose function is that of the gate.
var nomicActivations = map[string]string{"swiglu": "silu", "geglu": "gelu"}

// read reads config in either style, and makes c.rope.
func (c *nomicConfig) read(config []byte) error {
	var head struct {
		HiddenSize *int `json:"hidden_size"`
		NEmbd      *int `json:"n_embd"`
	}
	if err := strictjson.Unmarshal(config, &head); err != nil {
		return err
	}
	var err error
	if head.NEmbd == nil && head.HiddenSize != nil {
		err = c.readTransformers(config)
	} else if err = strictjson.Unmarshal(config, c); err == nil {
		theta := ropeParameter{RopeTheta: &c.RotaryEmbBase, PartialRotary: c.RotaryEmbFraction}
		if c.NHead > 0 {
			c.rope, err = theta.rope("rotary_emb_base", c.NEmbd/c.NHead, c.NPositions, c.RotaryEmbBase)
		}
	}
	if err != nil {
		return err
	}
	return c.check()
}

// readTransformers reads a config.json with the names of transformers 5.23,
// configuration_nomic_bert.py, which has no bias and always a gate.
func (c *nomicConfig) readTransformers(config []byte) error {
	own := struct {
		bertConfig
		HeadDim        int            `json:"head_dim"`
		RopeParameters *ropeParameter `json:"rope_parameters"`
	}{bertConfig: bertConfig{HiddenAct: "silu", LayerNormEps: 1e-12, TypeVocabSize: 2, MaxPositionEmbeddings: 2048}}
	if err := strictjson.Unmarshal(config, &own); err != nil {
		return err
	}
	if own.NumAttentionHeads < 1 || own.HeadDim != 0 && own.HeadDim*own.NumAttentionHeads != own.HiddenSize {
		return fmt.Errorf("head_dim, num_attention_heads: found %d and %d, expected their product to be hidden_size %d",
			own.HeadDim, own.NumAttentionHeads, own.HiddenSize)
	}
	*c = nomicConfig{
		NEmbd: own.HiddenSize, NHead: own.NumAttentionHeads, NInner: own.IntermediateSize, NLayer: own.NumHiddenLayers,
		NPositions: own.MaxPositionEmbeddings, VocabSize: own.VocabSize, TypeVocabSize: own.TypeVocabSize,
		LayerNormEpsilon: own.LayerNormEps,
	}
	for name, act := range nomicActivations {
		if act == own.HiddenAct {
			c.ActivationFunction = name
		}
	}
	if c.ActivationFunction == "" {
		return fmt.Errorf("hidden_act: found %q, expected silu or gelu", own.HiddenAct)
	}
	if own.RopeParameters == nil {
		own.RopeParameters = new(ropeParameter)
	}
	var err error
	c.rope, err = own.RopeParameters.rope("rope_parameters", c.NEmbd/c.NHead, c.NPositions, 1000)
	return err
}

func (c *nomicConfig) check() error {
	if err := positive(keyValue{"n_embd", c.NEmbd}, keyValue{"n_head", c.NHead}, keyValue{"n_inner", c.NInner},
		keyValue{"n_layer", c.NLayer}, keyValue{"n_positions", c.NPositions}, keyValue{"vocab_size", c.VocabSize}); err != nil {
		return err
	}
	switch {
	case c.NEmbd%c.NHead != 0:
		return fmt.Errorf("n_embd: found %d, expected a multiple of n_head %d", c.NEmbd, c.NHead)
	case c.TypeVocabSize < 0 || c.TypeVocabSize > 1<<31-1:
		return fmt.Errorf("type_vocab_size: found %d, expected a 32-bit number from 0 on", c.TypeVocabSize)
	case c.PadVocabMultiple < 0 || c.PadVocabMultiple > 1<<20:
		return fmt.Errorf("pad_vocab_size_multiple: found %d, expected 1 to %d", c.PadVocabMultiple, 1<<20)
	case c.RotaryInterleaved:
		return fmt.Errorf("rotary_emb_interleaved: found true, expected false")
	case c.RotaryScaleBase != nil:
		return fmt.Errorf("rotary_emb_scale_base: found %v, expected null", *c.RotaryScaleBase)
	case c.RotaryScalingFactor != nil && *c.RotaryScalingFactor != 1:
		return fmt.Errorf("rotary_scaling_factor: found %v, expected null", *c.RotaryScalingFactor)
	case c.Prenorm || c.ParallelBlock || c.Causal || c.UseRMSNorm:
		return fmt.Errorf("prenorm, parallel_block, causal, use_rms_norm: found %v, %v, %v, %v, expected false",
			c.Prenorm, c.ParallelBlock, c.Causal, c.UseRMSNorm)
	case c.ScaleAttnWeights != nil && !*c.ScaleAttnWeights:
		return fmt.Errorf("scale_attn_weights: found false, expected true")
	case c.NumExperts < 0 || c.NumExperts > 1<<16:
		return fmt.Errorf("num_experts: found %d, expected 0 to %d", c.NumExperts, 1<<16)
	case c.NumExperts > 0 && (c.MoEEveryNLayers < 1 || c.MoETopK < 1 || c.MoETopK > c.NumExperts):
		return fmt.Errorf("moe_every_n_layers, moe_top_k: found %d and %d, expected 1 or more, the second at most num_experts %d",
			c.MoEEveryNLayers, c.MoETopK, c.NumExperts)
	case c.NumExperts > 0 && (c.MoENormalizeWeights || c.ExpertChoiceRouter || c.NumSharedExperts != 0):
		return fmt.Errorf("moe_normalize_expert_weights, expert_choice_router, num_shared_experts: found %v, %v, %d, expected false, false, 0",
			c.MoENormalizeWeights, c.ExpertChoiceRouter, c.NumSharedExperts)
	}
	return epsilon("layer_norm_epsilon", c.LayerNormEpsilon)
}

// openNomicBERT assembles Nomic BERT (arXiv:2402.01613) as transformers 5.23
// computes it in modeling_nomic_bert.py: BERT with rotary positions and a gated
// MLP; and with the experts of the form that came later (arXiv:2502.07972), as
// the code published beside its weights computes them.
func openNomicBERT(config []byte, w *weights) (*Model, error) {
	c := nomicConfig{LayerNormEpsilon: 1e-5, QKVProjBias: withBias, MLPFC1Bias: withBias, MLPFC2Bias: withBias, RotaryEmbBase: 10000}
	if err := c.read(config); err != nil {
		return nil, err
	}
	if err := w.enough("n_layer", c.NLayer); err != nil {
		return nil, err
	}
	name, gated := nomicActivations[c.ActivationFunction]
	if !gated {
		name = c.ActivationFunction
	}
	act, err := activation("activation_function", name)
	if err != nil {
		return nil, err
	}
	if gated && c.NumExperts > 0 {
		return nil, fmt.Errorf("activation_function: found %q, expected one without a gate, as experts have none", c.ActivationFunction)
	}
	vocabulary := c.VocabSize
	if n := c.PadVocabMultiple; n > 1 {
		vocabulary = parts(vocabulary, n) * n
	}

	if err := w.enter("embeddings.word_embeddings.weight", vocabulary, c.NEmbd); err != nil {
		return nil, err
	}
	hidden, eps := c.NEmbd, float32(c.LayerNormEpsilon)
	m := &Model{
		Hidden:       hidden,
		MaxPositions: c.NPositions,
		Embeddings: Embeddings{
			Tokens:  w.table("embeddings.word_embeddings", vocabulary, hidden),
			Norm:    w.norm("emb_ln", hidden, eps, withBias),
			Padding: -1,
		},
		Layers: make([]Layer, c.NLayer),
		Head:   w.classifier(hidden, bertClassifier),
	}
	if c.TypeVocabSize > 0 {
		m.Embeddings.Types = w.rows("embeddings.token_type_embeddings", c.TypeVocabSize, hidden)
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layers.%d", i))
		l.ignore("attn.rotary_emb.")
		m.Layers[i] = Layer{
			Attention: Attention{
				QKV:    l.linear(hidden, c.QKVProjBias, whole("attn.Wqkv", 3*hidden)),
				Output: l.linear(hidden, c.QKVProjBias, whole("attn.out_proj", hidden)),
				Heads:  c.NHead, KVHeads: c.NHead, HeadDim: hidden / c.NHead,
				RoPE: c.rope, Scale: scoreScale(hidden / c.NHead),
			},
			AttnSum: l.norm("norm1", hidden, eps, withBias),
			MLP:     c.mlp(l.at("mlp"), MLP{Act: act, Gated: gated}, i),
			MLPSum:  l.norm("norm2", hidden, eps, withBias),
		}
	}
	return m, nil
}

// mlp returns the MLP of layer i, of m's kind.
func (c *nomicConfig) mlp(w *weights, m MLP, i int) MLP {
	hidden, inner := c.NEmbd, c.NInner
	switch {
	case c.NumExperts > 0 && i%c.MoEEveryNLayers == 1:
		m.Experts = c.experts(w, m)
	case m.Gated:
		m.Up = w.linear(hidden, c.MLPFC1Bias, whole("fc12", inner), whole("fc11", inner))
		m.Down = w.linear(inner, c.MLPFC2Bias, whole("fc2", hidden))
	default:
		m.Up = w.linear(hidden, c.MLPFC1Bias, whole("fc1", inner))
		m.Down = w.linear(inner, c.MLPFC2Bias, whole("fc2", hidden))
	}
	return m
}

// experts returns experts of m's kind, whose weights lie one below the other.
func (c *nomicConfig) experts(w *weights, m MLP) *Experts {
	hidden, inner := c.NEmbd, c.NInner
	if _, ok := w.tensor("experts.mlp.w1", c.NumExperts*inner, hidden); !ok {
		return new(Experts)
	}
	e := &Experts{
		Router: w.exact().linear(hidden, withoutBias, whole("router.layer", c.NumExperts)),
		MLPs:   make([]MLP, c.NumExperts),
		Top:    c.MoETopK,
		Bias:   w.at("experts").vector(hidden, "bias"),
	}
	for i := range e.MLPs {
		m.Up = w.linear(hidden, withoutBias, part{"experts.mlp.w1", c.NumExperts * inner, i * inner, (i + 1) * inner})
		m.Down = w.linearTransposed(hidden, part{"experts.mlp.w2", c.NumExperts * inner, i * inner, (i + 1) * inner})
		e.MLPs[i] = m
	}
	return e
}

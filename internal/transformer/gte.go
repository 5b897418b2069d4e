package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// gteConfig is bertConfig with what GTE changes: the names of the code that is
// published as Alibaba-NLP/new-impl, and those of transformers 5.23.
type gteConfig struct {
	sizes
	ropeConfig
	ModelType             string  `json:"model_type"`
	HiddenAct             string  `json:"hidden_act"`
	TypeVocabSize         *int    `json:"type_vocab_size"` // nil = 1 in transformers 5.23, none in the published code
	LayerNormEps          float64 `json:"layer_norm_eps"`
	LayerNormType         string  `json:"layer_norm_type"`
	PositionEmbeddingType string  `json:"position_embedding_type"`
	PackQKV               bool    `json:"pack_qkv"`
	LogNAttentionScale    bool    `json:"logn_attention_scale"`
}

// openGTE assembles the encoder of GTE 1.5 (arXiv:2407.19669) as transformers 5.23
// computes it in modeling_gte.py: BERT with rotary positions and a gated MLP.
func openGTE(w *weights) *Model {
	c := gteConfig{sizes: sizes{MaxPositionEmbeddings: 8192}, HiddenAct: "gelu", LayerNormEps: 1e-12, LayerNormType: "layer_norm",
		PositionEmbeddingType: "rope", PackQKV: true}
	w.decode(&c)
	theta, types := 10000.0, 0
	if c.ModelType == "gte" {
		theta, types = 160000, 1
	}
	if c.TypeVocabSize != nil {
		types = *c.TypeVocabSize
	}
	w.sizes(&c.sizes)
	dim := w.headDim(&c.sizes)
	w.fromZero("type_vocab_size", types)
	w.only("layer_norm_type", c.LayerNormType, "layer_norm")
	w.only("position_embedding_type", c.PositionEmbeddingType, "rope")
	w.only("logn_attention_scale", c.LogNAttentionScale, false)
	w.enough("num_hidden_layers", c.NumHiddenLayers)
	act, eps := w.activation("hidden_act", c.HiddenAct), w.epsilon("layer_norm_eps", c.LayerNormEps)
	rope, err := c.rope(dim, c.MaxPositionEmbeddings, theta)
	w.refuse(err)
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	w.ignore("embeddings.position_ids", "embeddings.rotary_emb.")
	w.trainedAs(gteNames)
	hidden, inner := c.HiddenSize, c.IntermediateSize
	m := &Model{
		Hidden:       hidden,
		MaxPositions: rope.limit,
		Embeddings: Embeddings{
			Tokens:  w.table("embeddings.word_embeddings", c.VocabSize, hidden),
			Norm:    w.norm("embeddings.LayerNorm", hidden, eps, withBias),
			Padding: -1,
		},
		Layers: make([]Layer, c.NumHiddenLayers),
		Head:   w.classifier(hidden, bertClassifier),
	}
	headAct := act // as the published code has it
	if c.ModelType == "gte" {
		headAct = kernel.GELU // in transformers 5.23, whatever hidden_act is
	}
	w.maskedHead(m, masked{
		dense: "lm_head.dense", denseBias: withBias, act: headAct, norm: "lm_head.norm", normBias: withBias, eps: eps,
		decoder: "lm_head.decoder", bias: withBias,
	})
	if types > 0 {
		m.Embeddings.Types = w.rows("embeddings.token_type_embeddings", types, hidden)
	}
	qkv := []part{whole("attention.qkv_proj", 3*hidden)}
	if !c.PackQKV {
		qkv = []part{whole("attention.q_proj", hidden), whole("attention.k_proj", hidden), whole("attention.v_proj", hidden)}
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layer.%d", i))
		m.Layers[i] = Layer{
			Attention: Attention{
				QKV:    l.linear(hidden, withBias, qkv...),
				Output: l.linear(hidden, withBias, whole("attention.o_proj", hidden)),
				Heads:  c.NumAttentionHeads, KVHeads: c.NumAttentionHeads, HeadDim: dim,
				RoPE: rope, Scale: scoreScale(dim),
			},
			AttnSum: l.norm("attn_ln", hidden, eps, withBias),
			MLP: MLP{
				Up:   l.linear(hidden, withoutBias, swapped("mlp.up_gate_proj", inner)...), // the second half has the activation
				Down: l.linear(inner, withBias, whole("mlp.down_proj", hidden)),
				Act:  act, Gated: true,
			},
			MLPSum: l.norm("mlp_ln", hidden, eps, withBias),
		}
	}
	return m
}

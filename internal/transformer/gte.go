package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// gteConfig is bertConfig with what GTE changes: the names of the code that is
// published as Alibaba-NLP/new-impl, and those of transformers 5.23.
type gteConfig struct {
	HiddenSize            int     `json:"hidden_size"`
	NumHiddenLayers       int     `json:"num_hidden_layers"`
	NumAttentionHeads     int     `json:"num_attention_heads"`
	IntermediateSize      int     `json:"intermediate_size"`
	HiddenAct             string  `json:"hidden_act"`
	MaxPositionEmbeddings int     `json:"max_position_embeddings"`
	TypeVocabSize         int     `json:"type_vocab_size"`
	VocabSize             int     `json:"vocab_size"`
	LayerNormEps          float64 `json:"layer_norm_eps"`
	LayerNormType         string  `json:"layer_norm_type"`
	PositionEmbeddingType string  `json:"position_embedding_type"`
	PackQKV               bool    `json:"pack_qkv"`
	LogNAttentionScale    bool    `json:"logn_attention_scale"`
	ropeConfig
}

func (c *gteConfig) check() error {
	if err := positive(keyValue{"hidden_size", c.HiddenSize}, keyValue{"num_hidden_layers", c.NumHiddenLayers},
		keyValue{"num_attention_heads", c.NumAttentionHeads}, keyValue{"intermediate_size", c.IntermediateSize},
		keyValue{"max_position_embeddings", c.MaxPositionEmbeddings}, keyValue{"vocab_size", c.VocabSize}); err != nil {
		return err
	}
	switch {
	case c.HiddenSize%c.NumAttentionHeads != 0:
		return fmt.Errorf("hidden_size: found %d, expected a multiple of num_attention_heads %d", c.HiddenSize, c.NumAttentionHeads)
	case c.TypeVocabSize < 0 || c.TypeVocabSize > 1<<31-1:
		return fmt.Errorf("type_vocab_size: found %d, expected a 32-bit number from 0 on", c.TypeVocabSize)
	case c.LayerNormType != "layer_norm":
		return fmt.Errorf("layer_norm_type: found %q, expected \"layer_norm\"", c.LayerNormType)
	case c.PositionEmbeddingType != "rope":
		return fmt.Errorf("position_embedding_type: found %q, expected \"rope\"", c.PositionEmbeddingType)
	case c.LogNAttentionScale:
		return fmt.Errorf("logn_attention_scale: found true, expected false")
	}
	return epsilon("layer_norm_eps", c.LayerNormEps)
}

// openGTE assembles the encoder of GTE 1.5 (arXiv:2407.19669) as transformers 5.23
// computes it in modeling_gte.py: BERT with rotary positions and a gated MLP.
func openGTE(config []byte, w *weights) (*Model, error) {
	c := gteConfig{HiddenAct: "gelu", MaxPositionEmbeddings: 8192, LayerNormEps: 1e-12, LayerNormType: "layer_norm",
		PositionEmbeddingType: "rope", PackQKV: true}
	var head struct {
		ModelType string `json:"model_type"`
	}
	if err := strictjson.Unmarshal(config, &head); err != nil {
		return nil, err
	}
	theta := 10000.0
	if head.ModelType == "gte" {
		theta, c.TypeVocabSize = 160000, 1
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
	act, err := activation("hidden_act", c.HiddenAct)
	if err != nil {
		return nil, err
	}
	dim := c.HiddenSize / c.NumAttentionHeads
	rope, err := c.rope(dim, c.MaxPositionEmbeddings, theta)
	if err != nil {
		return nil, err
	}

	if err := w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	w.ignore("embeddings.position_ids", "embeddings.rotary_emb.")
	hidden, inner, eps := c.HiddenSize, c.IntermediateSize, float32(c.LayerNormEps)
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
	if c.TypeVocabSize > 0 {
		m.Embeddings.Types = w.rows("embeddings.token_type_embeddings", c.TypeVocabSize, hidden)
	}
	qkv := []part{whole("attention.qkv_proj", 3*hidden)}
	if !c.PackQKV {
		qkv = []part{whole("attention.q_proj", hidden), whole("attention.k_proj", hidden), whole("attention.v_proj", hidden)}
	}
	const upGate = "mlp.up_gate_proj.weight" // the half with the activation is the second
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
				Up:   l.linear(hidden, withoutBias, part{upGate, 2 * inner, inner, 2 * inner}, part{upGate, 2 * inner, 0, inner}),
				Down: l.linear(inner, withBias, whole("mlp.down_proj", hidden)),
				Act:  act, Gated: true,
			},
			MLPSum: l.norm("mlp_ln", hidden, eps, withBias),
		}
	}
	return m, nil
}

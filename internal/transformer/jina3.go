package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// openJinaV3 assembles the encoder of jina-embeddings-v3 (arXiv:2409.10173) as
// transformers 5.23 computes it in modeling_jina_embeddings_v3.py: XLM-RoBERTa
// with rotary positions. The pooler is not used.
func openJinaV3(config []byte, w *weights) (*Model, error) {
	c := struct {
		bertConfig
		RopeParameters *ropeParameter `json:"rope_parameters"`
	}{bertConfig: bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-5, TypeVocabSize: 1, MaxPositionEmbeddings: 8194}}
	act, err := c.read(config, w)
	if err != nil {
		return nil, err
	}
	if err := strictjson.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	if c.RopeParameters == nil {
		c.RopeParameters = new(ropeParameter)
	}
	dim := c.HiddenSize / c.NumAttentionHeads
	rope, err := c.RopeParameters.rope("rope_parameters", dim, c.MaxPositionEmbeddings, 20000)
	if err != nil {
		return nil, err
	}

	if err := w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	m := c.jinaV3(w, act, rope)
	m.Head = w.classifier(c.HiddenSize, robertaClassifier)
	return m, nil
}

// jinaV3 returns the encoder with w's weights.
func (c *bertConfig) jinaV3(w *weights, act kernel.Activation, rope *RoPE) *Model {
	hidden, eps := c.HiddenSize, float32(c.LayerNormEps)
	m := &Model{
		Hidden:       hidden,
		MaxPositions: rope.limit,
		Embeddings: Embeddings{
			Tokens:  w.table("embeddings.word_embeddings", c.VocabSize, hidden),
			Types:   w.rows("embeddings.token_type_embeddings", c.TypeVocabSize, hidden),
			Norm:    w.norm("emb_ln", hidden, eps, withBias),
			Padding: -1,
		},
		Layers: make([]Layer, c.NumHiddenLayers),
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layers.%d", i))
		attention := c.attention(
			l.linear(hidden, withBias, whole("mixer.Wqkv", 3*hidden)),
			l.linear(hidden, withBias, whole("mixer.out_proj", hidden)))
		attention.RoPE = rope
		m.Layers[i] = Layer{
			Attention: attention,
			AttnSum:   l.norm("norm1", hidden, eps, withBias),
			MLP: MLP{
				Up:   l.linear(hidden, withBias, whole("mlp.fc1", c.IntermediateSize)),
				Down: l.linear(c.IntermediateSize, withBias, whole("mlp.fc2", hidden)),
				Act:  act,
			},
			MLPSum: l.norm("norm2", hidden, eps, withBias),
		}
	}
	return m
}

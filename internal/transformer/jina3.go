package transformer

import "fmt"

// openJinaV3 assembles the encoder of jina-embeddings-v3 (arXiv:2409.10173) as
// transformers 5.23 computes it in modeling_jina_embeddings_v3.py: XLM-RoBERTa
// with rotary positions. The pooler is not used.
func openJinaV3(w *weights) *Model {
	c := struct {
		bertConfig
		RopeParameters *ropeParameter `json:"rope_parameters"`
	}{bertConfig: bertConfig{sizes: sizes{MaxPositionEmbeddings: 8194}, HiddenAct: "gelu", LayerNormEps: 1e-5, TypeVocabSize: 1}}
	w.decode(&c)
	c.check(w)
	rope, err := c.RopeParameters.rope("rope_parameters", c.dim, c.MaxPositionEmbeddings, 20000)
	w.refuse(err)
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	w.trainedAs(jinaV3Names)
	m := c.jinaV3(w, rope)
	m.Head = w.classifier(c.HiddenSize, robertaClassifier)
	return m
}

// jinaV3 returns the encoder with w's weights, where rope is nil without positions.
func (c *bertConfig) jinaV3(w *weights, rope *RoPE) *Model {
	hidden := c.HiddenSize
	m := &Model{
		Hidden: hidden,
		Embeddings: Embeddings{
			Tokens:  w.table("embeddings.word_embeddings", c.VocabSize, hidden),
			Types:   w.rows("embeddings.token_type_embeddings", c.TypeVocabSize, hidden),
			Norm:    w.norm("emb_ln", hidden, c.eps, withBias),
			Padding: -1,
		},
		Layers: make([]Layer, c.NumHiddenLayers),
	}
	if rope != nil {
		m.MaxPositions = rope.limit
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layers.%d", i))
		m.Layers[i] = Layer{
			Attention: c.attention(
				l.linear(hidden, withBias, whole("mixer.Wqkv", 3*hidden)),
				l.linear(hidden, withBias, whole("mixer.out_proj", hidden))),
			AttnSum: l.norm("norm1", hidden, c.eps, withBias),
			MLP:     c.mlp(l, "mlp.fc1", "mlp.fc2"),
			MLPSum:  l.norm("norm2", hidden, c.eps, withBias),
		}
		m.Layers[i].Attention.RoPE = rope
	}
	return m
}

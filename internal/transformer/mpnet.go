package transformer

import "fmt"

// mpnetConfig is bertConfig with what MPNet adds.
type mpnetConfig struct {
	bertConfig
	RelativeAttentionNumBuckets int `json:"relative_attention_num_buckets"`
}

// openMPNet assembles MPNet (arXiv:2004.09297) as transformers 5.23 computes it
// in modeling_mpnet.py: BERT without token types, whose positions count from 2
// on, and whose scores have a bias by distance that all layers share. The pooler
// and the head of pre-training are not used.
func openMPNet(w *weights) *Model {
	c := mpnetConfig{bertConfig: bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12}, RelativeAttentionNumBuckets: 32}
	w.decode(&c)
	c.check(w)
	const padding, buckets, farthest = 1, 32, 128 // modeling_mpnet.py has these from no config
	w.only("relative_attention_num_buckets", c.RelativeAttentionNumBuckets, buckets)
	if c.MaxPositionEmbeddings < padding+2 {
		w.refusef("max_position_embeddings: found %d, expected %d or more", c.MaxPositionEmbeddings, padding+2)
	}
	if c.TypeVocabSize > 1 {
		w.refusef("type_vocab_size: found %d, expected none", c.TypeVocabSize)
	}
	c.TypeVocabSize, c.EmbeddingSize = 0, c.HiddenSize
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	hidden := c.HiddenSize
	m := &Model{
		Hidden:       hidden,
		MaxPositions: c.MaxPositionEmbeddings - padding - 1,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Layers:       make([]Layer, c.NumHiddenLayers),
		Head:         w.classifier(hidden, robertaClassifier),
	}
	w.maskedHead(m, robertaMasked(c.eps))
	m.Embeddings.FirstPosition, m.Embeddings.Padding = padding+1, padding
	bias := w.relativeBias("encoder.relative_attention_bias", buckets, c.NumAttentionHeads, farthest)
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layer.%d", i))
		m.Layers[i] = Layer{
			Attention: c.attention(
				l.linear(hidden, withBias, whole("attention.attn.q", hidden), whole("attention.attn.k", hidden), whole("attention.attn.v", hidden)),
				l.linear(hidden, withBias, whole("attention.attn.o", hidden))),
			AttnSum: l.norm("attention.LayerNorm", hidden, c.eps, withBias),
			MLP:     c.mlp(l, "intermediate.dense", "output.dense"),
			MLPSum:  l.norm("output.LayerNorm", hidden, c.eps, withBias),
		}
		m.Layers[i].Attention.Bias = bias
	}
	return m
}

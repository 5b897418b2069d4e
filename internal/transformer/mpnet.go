package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// mpnetConfig is bertConfig with what MPNet adds.
type mpnetConfig struct {
	bertConfig
	RelativeAttentionNumBuckets int `json:"relative_attention_num_buckets"`
}

// openMPNet assembles MPNet (arXiv:2004.09297) as transformers 5.23 computes it
// in modeling_mpnet.py: BERT without token types, whose positions count from 2
// on, and whose scores have a bias by distance that all layers share. The pooler
// and the head of pre-training are not used.
func openMPNet(config []byte, w *weights) (*Model, error) {
	c := mpnetConfig{
		bertConfig:                  bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12},
		RelativeAttentionNumBuckets: 32,
	}
	act, err := c.read(config, w)
	if err != nil {
		return nil, err
	}
	if err := strictjson.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	const padding, farthest = 1, 128 // modeling_mpnet.py has these two from no config
	switch n := c.RelativeAttentionNumBuckets; {
	case n < 4 || n%2 != 0 || n >= 4*farthest:
		return nil, fmt.Errorf("relative_attention_num_buckets: found %d, expected an even number from 4 to %d", n, 4*farthest-2)
	case c.MaxPositionEmbeddings < padding+2:
		return nil, fmt.Errorf("max_position_embeddings: found %d, expected %d or more", c.MaxPositionEmbeddings, padding+2)
	case c.TypeVocabSize > 1:
		return nil, fmt.Errorf("type_vocab_size: found %d, expected none", c.TypeVocabSize)
	}
	c.TypeVocabSize, c.EmbeddingSize = 0, c.HiddenSize
	if err := w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	hidden, eps := c.HiddenSize, float32(c.LayerNormEps)
	m := &Model{
		Hidden:       hidden,
		MaxPositions: c.MaxPositionEmbeddings - padding - 1,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Layers:       make([]Layer, c.NumHiddenLayers),
		Head:         w.classifier(hidden, robertaClassifier),
	}
	m.Embeddings.FirstPosition, m.Embeddings.Padding = padding+1, padding
	bias := w.relativeBias("encoder.relative_attention_bias", c.RelativeAttentionNumBuckets, c.NumAttentionHeads, farthest)
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layer.%d", i))
		m.Layers[i] = Layer{
			Attention: c.attention(
				l.linear(hidden, withBias, whole("attention.attn.q", hidden), whole("attention.attn.k", hidden), whole("attention.attn.v", hidden)),
				l.linear(hidden, withBias, whole("attention.attn.o", hidden))),
			AttnSum: l.norm("attention.LayerNorm", hidden, eps, withBias),
			MLP:     c.mlp(l, act),
			MLPSum:  l.norm("output.LayerNorm", hidden, eps, withBias),
		}
		m.Layers[i].Attention.Bias = bias
	}
	return m, nil
}

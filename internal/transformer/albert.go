package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// albertConfig is bertConfig with what ALBERT adds.
type albertConfig struct {
	bertConfig
	NumHiddenGroups int `json:"num_hidden_groups"`
	InnerGroupNum   int `json:"inner_group_num"`
}

// openALBERT assembles ALBERT (arXiv:1909.11942) as transformers 5.23 computes it
// in modeling_albert.py: narrow embeddings, then groups of layers that are run
// several times over. The heads of pre-training are not used.
func openALBERT(w *weights) *Model {
	c := albertConfig{
		bertConfig:      bertConfig{HiddenAct: "gelu_new", LayerNormEps: 1e-12, TypeVocabSize: 2, EmbeddingSize: 128, sharedLayers: true},
		NumHiddenGroups: 1, InnerGroupNum: 1,
	}
	w.decode(&c)
	w.positive(keyValue{"embedding_size", c.EmbeddingSize})
	c.check(w)
	w.positive(keyValue{"num_hidden_groups", c.NumHiddenGroups}, keyValue{"inner_group_num", c.InnerGroupNum})
	if c.NumHiddenGroups > c.NumHiddenLayers {
		w.refusef("num_hidden_groups: found %d, expected at most num_hidden_layers %d", c.NumHiddenGroups, c.NumHiddenLayers)
	}
	if c.NumHiddenLayers > deepest {
		w.refusef("num_hidden_layers: found %d, expected at most %d", c.NumHiddenLayers, deepest)
	}
	w.enough("num_hidden_groups", c.NumHiddenGroups)
	w.enough("inner_group_num", c.InnerGroupNum)
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.EmbeddingSize) {
		return nil
	}
	hidden := c.HiddenSize
	m := &Model{
		Hidden:       hidden,
		MaxPositions: c.MaxPositionEmbeddings,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Head:         w.classifier(hidden, classifier{dense: "pooler", own: true, bias: withBias, act: kernel.Tanh, out: "classifier"}),
	}
	m.Embeddings.Projection = w.linear(c.EmbeddingSize, withBias, whole("encoder.embedding_hidden_mapping_in", hidden))
	w.maskedHead(m, masked{
		dense: "predictions.dense", denseBias: withBias, act: c.act, norm: "predictions.LayerNorm", normBias: withBias, eps: c.eps,
		decoder: "predictions.decoder", bias: withBias, tiedBias: "predictions.bias",
	})
	groups := make([][]Layer, c.NumHiddenGroups)
	for g := range groups {
		for i := range c.InnerGroupNum {
			l := w.at(fmt.Sprintf("encoder.albert_layer_groups.%d.albert_layers.%d", g, i))
			groups[g] = append(groups[g], Layer{
				Attention: c.attention(
					l.linear(hidden, withBias, whole("attention.query", hidden), whole("attention.key", hidden), whole("attention.value", hidden)),
					l.linear(hidden, withBias, whole("attention.dense", hidden))),
				AttnSum: l.norm("attention.LayerNorm", hidden, c.eps, withBias),
				MLP:     c.mlp(l, "ffn", "ffn_output"),
				MLPSum:  l.norm("full_layer_layer_norm", hidden, c.eps, withBias),
			})
		}
	}
	m.Layers = repeated(groups, c.NumHiddenLayers)
	return m
}

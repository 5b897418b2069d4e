package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
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
func openALBERT(config []byte, w *weights) (*Model, error) {
	c := albertConfig{
		bertConfig:      bertConfig{HiddenAct: "gelu_new", LayerNormEps: 1e-12, TypeVocabSize: 2, EmbeddingSize: 128, SharedLayers: true},
		NumHiddenGroups: 1, InnerGroupNum: 1,
	}
	act, err := c.read(config, w)
	if err != nil {
		return nil, err
	}
	if err := strictjson.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	if err := positive(keyValue{"num_hidden_groups", c.NumHiddenGroups}, keyValue{"inner_group_num", c.InnerGroupNum}); err != nil {
		return nil, err
	}
	const deepest = 1 << 10
	switch {
	case c.NumHiddenGroups > c.NumHiddenLayers:
		return nil, fmt.Errorf("num_hidden_groups: found %d, expected at most num_hidden_layers %d", c.NumHiddenGroups, c.NumHiddenLayers)
	case c.NumHiddenLayers > deepest:
		return nil, fmt.Errorf("num_hidden_layers: found %d, expected at most %d", c.NumHiddenLayers, deepest)
	}
	if err := w.enough("num_hidden_groups", c.NumHiddenGroups); err != nil {
		return nil, err
	}
	if err := w.enough("inner_group_num", c.InnerGroupNum); err != nil {
		return nil, err
	}
	if err := w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.EmbeddingSize); err != nil {
		return nil, err
	}
	hidden, eps := c.HiddenSize, float32(c.LayerNormEps)
	m := &Model{
		Hidden:       hidden,
		MaxPositions: c.MaxPositionEmbeddings,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Head:         w.classifier(hidden, classifier{dense: "pooler", own: true, bias: withBias, act: kernel.Tanh, out: "classifier"}),
	}
	m.Embeddings.Projection = w.linear(c.EmbeddingSize, withBias, whole("encoder.embedding_hidden_mapping_in", hidden))
	var groups [][]Layer
	for g := range c.NumHiddenGroups {
		var group []Layer
		for i := range c.InnerGroupNum {
			l := w.at(fmt.Sprintf("encoder.albert_layer_groups.%d.albert_layers.%d", g, i))
			group = append(group, Layer{
				Attention: c.attention(
					l.linear(hidden, withBias, whole("attention.query", hidden), whole("attention.key", hidden), whole("attention.value", hidden)),
					l.linear(hidden, withBias, whole("attention.dense", hidden))),
				AttnSum: l.norm("attention.LayerNorm", hidden, eps, withBias),
				MLP: MLP{
					Up:   l.linear(hidden, withBias, whole("ffn", c.IntermediateSize)),
					Down: l.linear(c.IntermediateSize, withBias, whole("ffn_output", hidden)),
					Act:  act,
				},
				MLPSum: l.norm("full_layer_layer_norm", hidden, eps, withBias),
			})
		}
		groups = append(groups, group)
	}
	each := float64(c.NumHiddenLayers) / float64(c.NumHiddenGroups) // the reference divides by its rounded value
	for i := range c.NumHiddenLayers {
		m.Layers = append(m.Layers, groups[int(float64(i)/each)]...)
	}
	return m, nil
}

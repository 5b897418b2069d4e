package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// distilbertConfig is what changes the numbers in a DistilBERT config.json. The
// names are those of transformers 5.23, configuration_distilbert.py.
type distilbertConfig struct {
	Dim                   int    `json:"dim"`
	HiddenDim             int    `json:"hidden_dim"`
	NLayers               int    `json:"n_layers"`
	NHeads                int    `json:"n_heads"`
	Activation            string `json:"activation"`
	MaxPositionEmbeddings int    `json:"max_position_embeddings"`
	VocabSize             int    `json:"vocab_size"`
}

// openDistilBERT assembles DistilBERT (arXiv:1910.01108) as transformers 5.23
// computes it in modeling_distilbert.py: BERT without token types, under names of
// its own. The heads of pre-training are not used.
func openDistilBERT(config []byte, w *weights) (*Model, error) {
	var own distilbertConfig
	own.Activation = "gelu"
	if err := strictjson.Unmarshal(config, &own); err != nil {
		return nil, err
	}
	if err := positive(keyValue{"dim", own.Dim}, keyValue{"hidden_dim", own.HiddenDim}, keyValue{"n_layers", own.NLayers},
		keyValue{"n_heads", own.NHeads}, keyValue{"max_position_embeddings", own.MaxPositionEmbeddings}, keyValue{"vocab_size", own.VocabSize}); err != nil {
		return nil, err
	}
	if own.Dim%own.NHeads != 0 {
		return nil, fmt.Errorf("dim: found %d, expected a multiple of n_heads %d", own.Dim, own.NHeads)
	}
	if err := w.enough("n_layers", own.NLayers); err != nil {
		return nil, err
	}
	act, err := activation("activation", own.Activation)
	if err != nil {
		return nil, err
	}
	hidden := own.Dim
	c := bertConfig{
		HiddenSize: hidden, NumAttentionHeads: own.NHeads, EmbeddingSize: hidden,
		MaxPositionEmbeddings: own.MaxPositionEmbeddings, VocabSize: own.VocabSize, LayerNormEps: 1e-12,
	}
	if err := w.enter("embeddings.word_embeddings.weight", own.VocabSize, hidden); err != nil {
		return nil, err
	}
	m := &Model{
		Hidden:       hidden,
		MaxPositions: own.MaxPositionEmbeddings,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Layers:       make([]Layer, own.NLayers),
		Head: w.classifier(hidden, classifier{ // its ReLU stands whatever activation is
			dense: "pre_classifier", bias: withBias, act: kernel.ReLU, out: "classifier",
		}),
	}
	eps := float32(c.LayerNormEps)
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("transformer.layer.%d", i))
		m.Layers[i] = Layer{
			Attention: c.attention(
				l.linear(hidden, withBias, whole("attention.q_lin", hidden), whole("attention.k_lin", hidden), whole("attention.v_lin", hidden)),
				l.linear(hidden, withBias, whole("attention.out_lin", hidden))),
			AttnSum: l.norm("sa_layer_norm", hidden, eps, withBias),
			MLP: MLP{
				Up:   l.linear(hidden, withBias, whole("ffn.lin1", own.HiddenDim)),
				Down: l.linear(own.HiddenDim, withBias, whole("ffn.lin2", hidden)),
				Act:  act,
			},
			MLPSum: l.norm("output_layer_norm", hidden, eps, withBias),
		}
	}
	return m, nil
}

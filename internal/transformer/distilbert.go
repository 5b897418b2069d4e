package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
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
// its own. The head of pre-training is maskedHead's.
func openDistilBERT(w *weights) *Model {
	own := distilbertConfig{Activation: "gelu"}
	w.decode(&own)
	w.positive(keyValue{"dim", own.Dim}, keyValue{"hidden_dim", own.HiddenDim}, keyValue{"n_layers", own.NLayers},
		keyValue{"n_heads", own.NHeads}, keyValue{"max_position_embeddings", own.MaxPositionEmbeddings}, keyValue{"vocab_size", own.VocabSize})
	w.enough("n_layers", own.NLayers)
	hidden := own.Dim
	c := bertConfig{
		sizes:         sizes{hidden, own.NLayers, own.NHeads, own.HiddenDim, own.MaxPositionEmbeddings, own.VocabSize},
		EmbeddingSize: hidden,
		act:           w.activation("activation", own.Activation),
		eps:           1e-12,
		dim:           w.multiple(keyValue{"dim", own.Dim}, keyValue{"n_heads", own.NHeads}),
	}
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, hidden) {
		return nil
	}
	m := &Model{
		Hidden:       hidden,
		MaxPositions: c.MaxPositionEmbeddings,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Layers:       make([]Layer, c.NumHiddenLayers),
		Head: w.classifier(hidden, classifier{ // its ReLU stands whatever activation is
			dense: "pre_classifier", bias: withBias, act: kernel.ReLU, out: "classifier",
		}),
	}
	w.maskedHead(m, masked{
		dense: "vocab_transform", denseBias: withBias, act: c.act, norm: "vocab_layer_norm", normBias: withBias, eps: c.eps,
		decoder: "vocab_projector", bias: withBias,
	})
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("transformer.layer.%d", i))
		m.Layers[i] = Layer{
			Attention: c.attention(
				l.linear(hidden, withBias, whole("attention.q_lin", hidden), whole("attention.k_lin", hidden), whole("attention.v_lin", hidden)),
				l.linear(hidden, withBias, whole("attention.out_lin", hidden))),
			AttnSum: l.norm("sa_layer_norm", hidden, c.eps, withBias),
			MLP:     c.mlp(l, "ffn.lin1", "ffn.lin2"),
			MLPSum:  l.norm("output_layer_norm", hidden, c.eps, withBias),
		}
	}
	return m
}

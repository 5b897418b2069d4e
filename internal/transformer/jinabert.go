package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// jinaGates are the forms of feed_forward_type that have a gate, and its function.
var jinaGates = map[string]kernel.Activation{"geglu": kernel.GELU, "reglu": kernel.ReLU}

// openJinaBERT assembles JinaBERT (arXiv:2310.19923): BERT with the symmetric
// form of ALiBi in place of positions, and a gated MLP. There are two, published
// as jinaai/jina-bert-implementation and jinaai/jina-bert-v2-qk-post-norm, whose
// class has the same name. The second norms queries and keys, counts the residual
// of attention twice, and has the halves of the gated product the other way
// around; its tensors tell it apart.
func openJinaBERT(w *weights) *Model {
	c := bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12, TypeVocabSize: 2}
	w.decode(&c)
	c.checkAny(w)
	c.unprojected(w)
	w.only("position_embedding_type", c.PositionEmbeddingType, "alibi")
	gate, gated := jinaGates[c.FeedForwardType]
	if gated {
		c.act = gate
	} else if c.FeedForwardType != "original" {
		w.refusef("feed_forward_type: found %q, expected geglu, original or reglu", c.FeedForwardType)
	}
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	m := &Model{
		Hidden:     c.HiddenSize,
		Embeddings: c.embeddings(w.at("embeddings")),
		Layers:     make([]Layer, c.NumHiddenLayers),
		Head:       w.classifier(c.HiddenSize, bertClassifier),
	}
	normed := w.has(w.path + "encoder.layer.0.attention.self.layer_norm_q.weight")
	bias := &DistanceBias{Slopes: slopes(c.NumAttentionHeads)}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layer.%d", i))
		switch {
		case normed:
			m.Layers[i] = c.jinaNormed(l, gated)
		case gated:
			m.Layers[i] = c.jinaGated(l)
		default:
			m.Layers[i] = c.layer(l)
		}
		m.Layers[i].Attention.Bias = bias
	}
	return m
}

// jinaGated returns a layer of jina-bert-implementation with a gated MLP: the first
// half of its product has the activation.
func (c *bertConfig) jinaGated(w *weights) Layer {
	hidden, inner := c.HiddenSize, c.IntermediateSize
	return Layer{
		Attention: c.selfAttention(w),
		AttnSum:   w.norm("attention.output.LayerNorm", hidden, c.eps, withBias),
		MLP: MLP{
			Up:   w.linear(hidden, withoutBias, whole("mlp.gated_layers", 2*inner)),
			Down: w.linear(inner, withBias, whole("mlp.wo", hidden)),
			Act:  c.act, Gated: true,
		},
		MLPSum: w.norm("mlp.layernorm", hidden, c.eps, withBias),
	}
}

// jinaNormed returns a layer of jina-bert-v2-qk-post-norm: where it is gated the
// second half of the product has the activation.
func (c *bertConfig) jinaNormed(w *weights, gated bool) Layer {
	hidden, inner := c.HiddenSize, c.IntermediateSize
	up := []part{whole("mlp.up_layer", inner)}
	if gated {
		up = swapped("mlp.up_gated_layer", inner)
	}
	l := Layer{
		Attention: c.selfAttention(w),
		AttnTwice: w.norm("attention.output.LayerNorm", hidden, c.eps, withBias),
		AttnSum:   w.norm("layer_norm_1", hidden, c.eps, withBias),
		MLP: MLP{
			Up:   w.linear(hidden, withoutBias, up...),
			Down: w.linear(inner, withBias, whole("mlp.down_layer", hidden)),
			Act:  c.act, Gated: gated,
		},
		MLPSum: w.norm("layer_norm_2", hidden, c.eps, withBias),
	}
	l.Attention.QueryNorm = w.norm("attention.self.layer_norm_q", hidden, c.eps, withBias)
	l.Attention.KeyNorm = w.norm("attention.self.layer_norm_k", hidden, c.eps, withBias)
	return l
}

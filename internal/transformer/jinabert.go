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
func openJinaBERT(config []byte, w *weights) (*Model, error) {
	c := bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12, TypeVocabSize: 2}
	act, err := c.readAny(config, w)
	if err != nil {
		return nil, err
	}
	gate, gated := jinaGates[c.FeedForwardType]
	switch {
	case c.EmbeddingSize != c.HiddenSize:
		return nil, fmt.Errorf("embedding_size: found %d, expected hidden_size %d", c.EmbeddingSize, c.HiddenSize)
	case c.PositionEmbeddingType != "alibi":
		return nil, fmt.Errorf("position_embedding_type: found %q, expected \"alibi\"", c.PositionEmbeddingType)
	case !gated && c.FeedForwardType != "original":
		return nil, fmt.Errorf("feed_forward_type: found %q, expected geglu, original or reglu", c.FeedForwardType)
	}
	if gated {
		act = gate
	}
	if err := w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	m := &Model{
		Hidden:     c.HiddenSize,
		Embeddings: c.embeddings(w.at("embeddings")),
		Head:       w.classifier(c.HiddenSize, bertClassifier),
	}
	mlp := MLP{Act: act, Gated: gated}
	_, normed := w.file.Tensor(w.path + "encoder.layer.0.attention.self.layer_norm_q.weight")
	switch {
	case normed:
		for i := range c.NumHiddenLayers {
			m.Layers = append(m.Layers, c.jinaNormed(w.at(fmt.Sprintf("encoder.layer.%d", i)), mlp))
		}
	case gated:
		for i := range c.NumHiddenLayers {
			m.Layers = append(m.Layers, c.jinaGated(w.at(fmt.Sprintf("encoder.layer.%d", i)), mlp))
		}
	default:
		m.Layers = c.layers(w, act)
	}
	bias := &DistanceBias{Slopes: slopes(c.NumAttentionHeads)}
	for i := range m.Layers {
		m.Layers[i].Attention.Bias = bias
	}
	return m, nil
}

// jinaGated returns a layer of jina-bert-implementation with an MLP of mlp's kind:
// the first half of the gated product has the activation.
func (c *bertConfig) jinaGated(w *weights, mlp MLP) Layer {
	hidden, inner, eps := c.HiddenSize, c.IntermediateSize, float32(c.LayerNormEps)
	mlp.Up = w.linear(hidden, withoutBias, whole("mlp.gated_layers", 2*inner))
	mlp.Down = w.linear(inner, withBias, whole("mlp.wo", hidden))
	return Layer{
		Attention: c.selfAttention(w),
		AttnSum:   w.norm("attention.output.LayerNorm", hidden, eps, withBias),
		MLP:       mlp,
		MLPSum:    w.norm("mlp.layernorm", hidden, eps, withBias),
	}
}

// jinaNormed returns a layer of jina-bert-v2-qk-post-norm with an MLP of mlp's
// kind: the second half of the gated product has the activation.
func (c *bertConfig) jinaNormed(w *weights, mlp MLP) Layer {
	hidden, inner, eps := c.HiddenSize, c.IntermediateSize, float32(c.LayerNormEps)
	up := []part{whole("mlp.up_layer", inner)}
	if mlp.Gated {
		const upGated = "mlp.up_gated_layer.weight"
		up = []part{{upGated, 2 * inner, inner, 2 * inner}, {upGated, 2 * inner, 0, inner}}
	}
	mlp.Up = w.linear(hidden, withoutBias, up...)
	mlp.Down = w.linear(inner, withBias, whole("mlp.down_layer", hidden))
	l := Layer{
		Attention: c.selfAttention(w),
		AttnTwice: w.norm("attention.output.LayerNorm", hidden, eps, withBias),
		AttnSum:   w.norm("layer_norm_1", hidden, eps, withBias),
		MLP:       mlp,
		MLPSum:    w.norm("layer_norm_2", hidden, eps, withBias),
	}
	l.Attention.QueryNorm = w.norm("attention.self.layer_norm_q", hidden, eps, withBias)
	l.Attention.KeyNorm = w.norm("attention.self.layer_norm_k", hidden, eps, withBias)
	return l
}

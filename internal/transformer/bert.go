package transformer

import "fmt"

// openBERT assembles BERT (arXiv:1810.04805) as transformers 5.23 computes it in
// modeling_bert.py: token, type and position embeddings, their norm, then layers
// with the norm on each sum. Of the heads of pre-training
// one may be used, maskedHead's.
func openBERT(w *weights) *Model {
	c := bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12, TypeVocabSize: 2}
	w.decode(&c)
	c.check(w)
	c.unprojected(w)
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	m := &Model{
		Hidden:       c.HiddenSize,
		MaxPositions: c.MaxPositionEmbeddings,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Layers:       c.layers(w),
		Head:         w.classifier(c.HiddenSize, bertClassifier),
	}
	w.maskedHead(m, bertMasked(c.act, c.eps))
	return m
}

// layers returns the layers of BERT under w's path.
func (c *bertConfig) layers(w *weights) []Layer {
	layers := make([]Layer, c.NumHiddenLayers)
	for i := range layers {
		layers[i] = c.layer(w.at(fmt.Sprintf("encoder.layer.%d", i)))
	}
	return layers
}

// layer returns the one under w's path.
func (c *bertConfig) layer(w *weights) Layer {
	return Layer{
		Attention: c.selfAttention(w),
		AttnSum:   w.norm("attention.output.LayerNorm", c.HiddenSize, c.eps, withBias),
		MLP:       c.mlp(w, "intermediate.dense", "output.dense"),
		MLPSum:    w.norm("output.LayerNorm", c.HiddenSize, c.eps, withBias),
	}
}

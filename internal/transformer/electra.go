package transformer

import "github.com/rhumb-go/rhumb/internal/kernel"

// openELECTRA assembles ELECTRA (arXiv:2003.10555) as transformers 5.23 computes
// it in modeling_electra.py: BERT, whose embeddings may be narrower than its
// layers. The heads of pre-training are not used.
func openELECTRA(w *weights) *Model {
	c := bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12, TypeVocabSize: 2, EmbeddingSize: 128}
	w.decode(&c)
	c.check(w)
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.EmbeddingSize) {
		return nil
	}
	m := &Model{
		Hidden:       c.HiddenSize,
		MaxPositions: c.MaxPositionEmbeddings,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Layers:       c.layers(w),
		Head: w.classifier(c.HiddenSize, classifier{ // its GELU is the exact one, whatever hidden_act is
			dense: "classifier.dense", bias: withBias, act: kernel.GELU, out: "classifier.out_proj",
		}),
	}
	w.maskedHead(m, masked{ // the generator's
		dense: "generator_predictions.dense", denseBias: withBias, act: kernel.GELU,
		norm: "generator_predictions.LayerNorm", normBias: withBias, eps: c.eps,
		decoder: "generator_lm_head", bias: withBias,
	})
	if c.EmbeddingSize != c.HiddenSize {
		m.Embeddings.Projection = w.linear(c.EmbeddingSize, withBias, whole("embeddings_project", c.HiddenSize))
	}
	return m
}

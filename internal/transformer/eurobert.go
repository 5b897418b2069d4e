package transformer

import "github.com/rhumb-go/rhumb/internal/kernel"

// openPublishedEuroBERT assembles EuroBERT as the code published with it computes it,
// EuroBertModel in modeling_eurobert.py: the same, with another base of positions where
// config.json names none.
func openPublishedEuroBERT(w *weights) *Model {
	c := struct {
		Published *string `json:"clf_pooling"` // of which older and newer code makes different things
		Pooling   *string `json:"classifier_pooling"`
	}{}
	w.decode(&c)
	if c.Published != nil && w.head == ClassificationHead && (c.Pooling != nil || *c.Published != "late") {
		w.refusef("clf_pooling: found %q, expected \"late\" and no classifier_pooling", *c.Published)
	}
	return eurobert(w, 250000)
}

// openEuroBERT assembles EuroBERT (arXiv:2503.05500) as transformers 5.23 computes
// it in modeling_eurobert.py: Llama, whose tokens see each other. The head of
// pre-training is not used.
func openEuroBERT(w *weights) *Model { return eurobert(w, 10000) }

// eurobert is openEuroBERT for a base of positions where config.json names none.
func eurobert(w *weights, theta float64) *Model {
	c := struct {
		decoderConfig
		ClassifierPooling string `json:"classifier_pooling"`
	}{decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-5}, "late"}
	c.MaxPositionEmbeddings = 8192
	w.decode(&c)
	c.Bidirectional, c.headless = true, true
	m := c.open(w, theta)
	if m != nil {
		w.maskedHead(m, masked{decoder: "lm_head", bias: c.MLPBias, tying: tiedWhereSaid})
	}
	if m == nil || w.head != ClassificationHead {
		return m
	}
	m.Head = w.classifier(c.HiddenSize, classifier{dense: "dense", bias: withBias, act: kernel.GELU, out: "classifier"})
	m.Head.Of = w.headInput(c.ClassifierPooling, map[string]HeadInput{"bos": FirstToken, "mean": MeanToken, "late": EachToken})
	return m
}

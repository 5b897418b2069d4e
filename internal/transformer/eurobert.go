package transformer

import "github.com/rhumb-go/rhumb/internal/kernel"

// openEuroBERT assembles EuroBERT (arXiv:2503.05500) as transformers 5.23 computes
// it in modeling_eurobert.py: Llama, whose tokens see each other. The head of
// pre-training is not used.
func openEuroBERT(w *weights) *Model {
	c := struct {
		decoderConfig
		ClassifierPooling string `json:"classifier_pooling"`
	}{decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-5}, "late"}
	c.MaxPositionEmbeddings = 8192
	w.decode(&c)
	c.Bidirectional, c.headless = true, true
	m := c.open(w, 10000)
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

package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// openEuroBERT assembles EuroBERT (arXiv:2503.05500) as transformers 5.23 computes
// it in modeling_eurobert.py: Llama, whose tokens see each other. The head of
// pre-training is not used.
func openEuroBERT(config []byte, w *weights) (*Model, error) {
	c := struct {
		decoderConfig
		ClassifierPooling string `json:"classifier_pooling"`
	}{decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-5, MaxPositionEmbeddings: 8192}, "late"}
	if err := strictjson.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	if err := c.read(config); err != nil {
		return nil, err
	}
	c.Bidirectional, c.Headless = true, true
	m, err := c.open(w, 10000)
	if err != nil || w.head != ClassificationHead {
		return m, err
	}
	of, ok := map[string]HeadInput{"bos": FirstToken, "mean": MeanToken, "late": EachToken}[c.ClassifierPooling]
	if !ok {
		return nil, fmt.Errorf("classifier_pooling: found %q, expected bos, late or mean", c.ClassifierPooling)
	}
	m.Head = w.classifier(c.HiddenSize, classifier{dense: "dense", bias: withBias, act: kernel.GELU, out: "classifier"})
	m.Head.Of = of
	return m, nil
}

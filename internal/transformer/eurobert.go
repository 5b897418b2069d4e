package transformer

// openEuroBERT assembles EuroBERT (arXiv:2503.05500) as transformers 5.23 computes
// it in modeling_eurobert.py: Llama, whose tokens see each other. The heads beside
// the model are not used.
func openEuroBERT(config []byte, w *weights) (*Model, error) {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-5, MaxPositionEmbeddings: 8192}
	if err := c.read(config); err != nil {
		return nil, err
	}
	c.Bidirectional = true
	return c.open(w, 10000)
}

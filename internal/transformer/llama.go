package transformer

// openLlama assembles Llama (arXiv:2302.13971) as transformers 5.23 computes it
// in modeling_llama.py, and the form without a causal mask that embedding models
// made of it have.
func openLlama(config []byte, w *weights) (*Model, error) {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6, MaxPositionEmbeddings: 2048}
	if err := c.read(config); err != nil {
		return nil, err
	}
	return c.open(w, 10000)
}

// openLlamaBidirectional is openLlama for a model_type that says that tokens see
// each other.
func openLlamaBidirectional(config []byte, w *weights) (*Model, error) {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6, MaxPositionEmbeddings: 2048}
	if err := c.read(config); err != nil {
		return nil, err
	}
	c.Bidirectional, c.Headless = true, true
	return c.open(w, 10000)
}
